"""Layers that models share."""

import pytest

import facula
from facula import nn
from facula_vision.ops import Conv2dNormActivation, SqueezeExcitation, StochasticDepth, stochastic_depth


def test_stochastic_depth_by_rows():
    facula.manual_seed(0)
    out = stochastic_depth(facula.ones(4000, 3, 2), p=0.25, mode="row")
    rows = out[:, 0, 0]
    assert set(rows.tolist()) == {0.0, facula.tensor(1 / 0.75).item()}
    assert facula.equal(out, rows[:, None, None].expand(4000, 3, 2))
    assert abs(rows.mean().item() - 1.0) < 0.05


def test_stochastic_depth_by_batches():
    facula.manual_seed(0)
    sums = {stochastic_depth(facula.ones(4), p=0.5, mode="batch").sum().item() for _ in range(20)}
    assert sums == {0.0, 8.0}


def test_stochastic_depth_at_its_ends():
    x = facula.rand(3, 2)
    assert stochastic_depth(x, p=0.0, mode="row") is x
    assert float(stochastic_depth(x, p=1.0, mode="batch").sum()) == 0.0
    assert StochasticDepth(0.9, "row").eval()(x) is x
    assert repr(StochasticDepth(0.9, "row")) == "StochasticDepth(p=0.9, mode=row)"


def test_stochastic_depth_refuses():
    with pytest.raises(ValueError, match="p between 0 and 1, got 1.5"):
        stochastic_depth(facula.ones(2), p=1.5, mode="row")
    with pytest.raises(ValueError, match="'batch' or 'row', got 'column'"):
        stochastic_depth(facula.ones(2), p=0.5, mode="column")


def test_squeeze_excitation_scales_channels():
    facula.manual_seed(0)
    layer = SqueezeExcitation(4, 2)
    x = facula.rand(2, 4, 3, 5)
    hidden = facula.relu(layer.fc1(x.mean(dim=(2, 3), keepdim=True)))
    assert facula.allclose(layer(x), facula.sigmoid(layer.fc2(hidden)) * x)
    assert list(layer.state_dict()) == ["fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"]


def test_conv_norm_activation():
    layer = Conv2dNormActivation(2, 6, kernel_size=3, stride=2, dilation=2, groups=2)
    assert [type(part) for part in layer] == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU]
    assert layer[0].bias is None
    assert layer(facula.zeros(1, 2, 8, 8)).shape == (1, 6, 4, 4)
    assert Conv2dNormActivation(2, 6, norm_layer=None, activation_layer=None)[0].bias is not None
