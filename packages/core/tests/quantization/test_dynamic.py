"""int8 weights: small error, a quarter of the memory, clear refusals."""

import numpy as np
import pytest

import facula as torch
from facula import nn
from facula.quantization import quantize_dynamic


def test_quantized_linear_is_close_and_small() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    quantized = quantize_dynamic(model, {nn.Linear}, dtype=torch.qint8)
    x = torch.randn(16, 64)
    out, exact = quantized(x), model(x).detach()
    assert float((out - exact).abs().max()) < 0.03 * float(exact.abs().max())
    assert quantized[0].weight.dtype is torch.int8
    assert isinstance(model[0], nn.Linear), "the model itself is left alone"


def test_integer_arithmetic_is_what_the_formula_says() -> None:
    layer = nn.Linear(3, 2, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1.0, -0.5, 0.25], [2.0, 0.0, -2.0]]))
    q = quantize_dynamic(layer)
    assert q.weight.tolist() == [[127, -64, 32], [127, 0, -127]]
    x = np.array([[1.0, 0.0, 0.5]], np.float32)
    qx = np.rint(x / (1 / 255))
    expected = (qx @ q.weight.numpy().astype(np.float32).T) / 255 * q.scale.numpy()
    np.testing.assert_allclose(q(torch.from_numpy(x)).numpy(), expected, rtol=1e-6)


def test_state_dict_round_trip() -> None:
    q = quantize_dynamic(nn.Sequential(nn.Linear(4, 3)))
    other = quantize_dynamic(nn.Sequential(nn.Linear(4, 3)))
    other.load_state_dict(q.state_dict())
    x = torch.ones(2, 4)
    assert torch.equal(q(x), other(x))


def test_refusals() -> None:
    with pytest.raises(ValueError, match=r"quantize_dynamic: expected dtype facula\.qint8, got facula\.float16"):
        quantize_dynamic(nn.Linear(1, 1), dtype=torch.float16)
    with pytest.raises(ValueError, match=r"quantize_dynamic: expected the class Linear, got .*Conv2d"):
        quantize_dynamic(nn.Conv2d(1, 1, 1), {nn.Conv2d})
