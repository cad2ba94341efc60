"""The generative references: shapes, gradients, and the mathematics they stand for."""

import math

import pytest

import facula
from facula import nn
from facula.testing import assert_close, check_model
from facula_vision.models import get_model, get_model_builder, list_models
from facula_vision.models.generative import DDPM, VAE, DCGANDiscriminator, DCGANGenerator, Denoiser, UNet
from facula_vision.models.generative.ddpm import time_features


def test_parameters_as_their_docstrings_say():
    for name in ("unet", "dcgan_generator", "dcgan_discriminator", "vae", "ddpm"):
        with facula.device("meta"):
            model = get_model(name)
        assert f"({sum(p.numel() for p in model.parameters()):,} parameters)" in get_model_builder(name).__doc__
        assert name in list_models()
        assert name in facula.models.names(tag="generative")


@pytest.mark.parametrize(
    ("build", "shape"),
    [
        (lambda: UNet(1, 3, (4, 8, 16)), (2, 1, 16, 20)),
        (lambda: DCGANGenerator(6, 4, 1, 16), (3, 6)),
        (lambda: DCGANDiscriminator(4, 1, 16), (3, 1, 16, 16)),
    ],
)
def test_public_suite(build, shape):
    check_model(build, facula.rand(*shape))


def test_unet_keeps_odd_sizes():
    model = UNet(3, 2, (4, 8, 16))
    assert model(facula.rand(1, 3, 21, 35)).shape == (1, 2, 21, 35)


def test_dcgan_mirrors():
    for size in (8, 16, 64):
        pictures = DCGANGenerator(5, 4, 3, size)(facula.randn(2, 5))
        assert pictures.shape == (2, 3, size, size)
        assert float(pictures.abs().max()) <= 1.0
        assert DCGANDiscriminator(4, 3, size)(pictures).shape == (2,)
    facula.manual_seed(0)
    weight = DCGANGenerator().layers[3].weight
    assert float(weight.std()) == pytest.approx(0.02, rel=0.02)


def test_vae_bound():
    facula.manual_seed(0)
    model = VAE((1, 4, 4), hidden_size=8, latent_size=2).eval()
    pixels = facula.rand(3, 1, 4, 4)
    outputs = model(pixels)
    shown = nn.functional.binary_cross_entropy_with_logits(outputs.reconstruction, pixels, reduction="sum")
    apart = facula.distributions.kl_divergence(
        facula.distributions.Normal(outputs.mean, (0.5 * outputs.log_variance).exp()),
        facula.distributions.Normal(facula.zeros(3, 2), facula.ones(3, 2)),
    ).sum()
    assert_close(model.loss(pixels), (shown + apart) / 3)
    model.train().loss(pixels).backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    drawn = model.sample(5)
    assert drawn.shape == (5, 1, 4, 4)
    assert 0.0 <= float(drawn.min()) <= float(drawn.max()) <= 1.0


def test_vae_learns():
    facula.manual_seed(0)
    model = VAE((1, 4, 4), hidden_size=16, latent_size=2)
    pixels = (facula.rand(2, 1, 4, 4) > 0.5).float()[facula.randint(0, 2, (64,))]
    optimizer = facula.optim.Adam(model.parameters(), lr=1e-2)
    first = model.loss(pixels).item()
    for _ in range(200):
        loss = model.loss(pixels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < first / 3


def test_ddpm_schedule():
    model = DDPM(Denoiser(1, (8, 16)), steps=50)
    assert float(model.kept[0]) > 0.99
    assert float(model.kept[-1]) < 1e-3
    assert bool((model.kept.diff() < 0).all())
    assert "kept" not in model.state_dict()
    clean, noise = facula.rand(2, 1, 8, 8), facula.randn(2, 1, 8, 8)
    found = model.noisy(clean, facula.tensor([0, 49]), noise)
    assert_close(found[1], noise[1], rtol=0.0, atol=0.05)
    kept = float(model.kept[0])
    assert_close(found[0], math.sqrt(kept) * clean[0] + math.sqrt(1 - kept) * noise[0])


def test_ddpm_finds_the_way_back_with_a_perfect_network():
    """A network that knows the clean picture leads the walk to it."""
    facula.manual_seed(0)
    clean = facula.rand(1, 1, 4, 4) * 2 - 1

    class Oracle(nn.Module):
        def forward(self, input, step, labels):
            kept = model.kept[step].view(-1, 1, 1, 1)
            return (input - kept.sqrt() * clean) / (1 - kept).sqrt()

    model = DDPM(Oracle(), steps=20)
    assert_close(model.sample((3, 1, 4, 4)), clean.expand(3, -1, -1, -1), rtol=0.0, atol=1e-4)


def test_denoiser():
    facula.manual_seed(0)
    model = Denoiser(2, (8, 16), num_classes=3)
    pixels, step = facula.randn(2, 2, 8, 12), facula.tensor([0, 7])
    assert facula.equal(model(pixels, step), facula.zeros(2, 2, 8, 12) + model.head.bias[:, None, None])  # at first
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.normal_(module.weight, std=0.1)
    one, other = (model(pixels, step, facula.tensor(labels)) for labels in ([0, 1], [2, 1]))
    assert not facula.allclose(one[0], other[0])
    assert_close(one[1], other[1])
    one.square().mean().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_features_of_time():
    found = time_features(facula.tensor([0, 1]), 4)
    assert_close(
        found, facula.tensor([[0.0, 0.0, 1.0, 1.0], [math.sin(1), math.sin(0.01), math.cos(1), math.cos(0.01)]])
    )


def test_errors():
    for size in (4, 12):
        with pytest.raises(ValueError, match=f"expected an image size among 8, 16, 32, 64, ..., got {size}"):
            DCGANGenerator(image_size=size)
