"""M5."""

import pytest

import facula
from facula import nn
from facula_audio.models import M5


@pytest.mark.parametrize(
    ("config", "count"), [({}, 26_915), ({"num_classes": 10, "stride": 4, "n_channel": 128}, 359_178)]
)
def test_number_of_parameters(config, count):
    assert sum(p.numel() for p in facula.models.create("m5", **config).parameters()) == count


def test_shapes_and_gradients():
    facula.manual_seed(0)
    model = facula.models.create("m5", num_classes=4, n_input=2)
    out = model(facula.randn(3, 2, 8000))
    assert out.shape == (3, 4)
    nn.functional.cross_entropy(out, facula.tensor([0, 1, 3])).backward()
    assert all(float(p.grad.abs().sum()) > 0 for name, p in model.named_parameters() if name.startswith(("fc", "bn4")))
    assert float(model.conv1.weight.grad.abs().sum()) > 0


def test_it_tells_tones_apart():
    facula.manual_seed(0)
    t = facula.arange(4000) / 8000
    frequencies = facula.tensor([200.0, 900.0, 2500.0]).repeat(4)
    phase = facula.rand(12, 1) * 6.28
    waves = facula.sin(2 * facula.pi * frequencies.view(12, 1) * t + phase).unsqueeze(1)  # (12, 1, 4000)
    labels = facula.arange(3).repeat(4)
    model = M5(n_output=3, stride=4, n_channel=8)
    optimizer = facula.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(25):
        loss = nn.functional.cross_entropy(model(waves), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert float(loss) < 0.2
    assert (model(waves).argmax(dim=1) == labels).all()


def test_public_suite():
    from facula.testing import check_model

    check_model(lambda: facula.models.create("m5", num_classes=3), facula.rand(2, 1, 8000))
