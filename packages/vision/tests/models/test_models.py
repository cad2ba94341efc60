"""Models: parameters, names, shapes, gradients."""

import pytest

import facula
from facula import nn

COUNTS = {
    "lenet": 61_706,
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "resnet101": 44_549_160,
    "resnet152": 60_192_808,
}


@pytest.mark.parametrize("name", COUNTS)
def test_published_number_of_parameters(name):
    with facula.device("meta"):
        model = facula.models.create(name)
    assert sum(p.numel() for p in model.parameters()) == COUNTS[name]


def test_resnet18_keys():
    state = facula.models.create("resnet18", num_classes=10).state_dict()
    assert len(state) == 122  # 20 convolutions, 20 normalisations of 5 entries, fc
    assert list(state)[:7] == [
        "conv1.weight",
        "bn1.weight",
        "bn1.bias",
        "bn1.running_mean",
        "bn1.running_var",
        "bn1.num_batches_tracked",
        "layer1.0.conv1.weight",
    ]
    assert state["layer2.0.downsample.0.weight"].shape == (128, 64, 1, 1)
    assert state["layer4.1.conv2.weight"].shape == (512, 512, 3, 3)
    assert state["fc.weight"].shape == (10, 512)
    assert "layer1.0.downsample.0.weight" not in state


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_resnet_learns(name):
    facula.manual_seed(0)
    model = facula.models.create(name, num_classes=3)
    out = model(facula.randn(2, 3, 32, 32))
    assert out.shape == (2, 3)
    nn.functional.cross_entropy(out, facula.tensor([0, 2])).backward()
    for parameter in model.parameters():
        assert parameter.grad is not None
        assert bool(facula.isfinite(parameter.grad).all())
    assert int(model.bn1.num_batches_tracked) == 1


def test_zero_init_residual_starts_blocks_as_identity():
    model = facula.models.create("resnet18", zero_init_residual=True)
    block = model.layer1[0].eval()
    x = facula.rand(1, 64, 4, 4)
    assert facula.equal(block(x), x)


def test_weights_from_a_file(tmp_path):
    source = facula.models.create("resnet18", num_classes=2)
    path = tmp_path / "weights.safetensors"
    facula.save(source.state_dict(), path)
    loaded = facula.models.create("resnet18", num_classes=2, weights=path)
    for name, value in source.state_dict().items():
        assert facula.equal(loaded.state_dict()[name], value), name


def test_lenet():
    facula.manual_seed(0)
    model = facula.models.create("lenet", num_classes=4, in_channels=3)
    out = model(facula.rand(5, 3, 28, 28))
    assert out.shape == (5, 4)
    out.sum().backward()
    assert float(model.features[0].weight.grad.abs().sum()) > 0


@pytest.mark.parametrize(("name", "shape"), [("lenet", (2, 1, 28, 28)), ("resnet18", (2, 3, 32, 32))])
def test_public_suite(name, shape):
    from facula.testing import check_model

    check_model(lambda: facula.models.create(name, num_classes=3), facula.rand(*shape))
