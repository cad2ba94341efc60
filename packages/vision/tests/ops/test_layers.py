"""Layers that models share."""

import pytest

import facula
from facula import nn
from facula_vision.ops import (
    MLP,
    Conv2dNormActivation,
    Conv3dNormActivation,
    FrozenBatchNorm2d,
    SqueezeExcitation,
    StochasticDepth,
    stochastic_depth,
)


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


def test_conv_norm_activation_of_volumes_and_other_kernels():
    assert Conv3dNormActivation(2, 3)(facula.zeros(1, 2, 4, 5, 6)).shape == (1, 3, 4, 5, 6)
    assert Conv2dNormActivation(2, 3, kernel_size=(3, 5), dilation=(1, 2))[0].padding == (1, 4)
    assert Conv2dNormActivation(2, 3, inplace=True)[2].inplace
    assert not Conv2dNormActivation(2, 3)[2].inplace


def test_mlp():
    layers = MLP(2, [3, 4], norm_layer=nn.LayerNorm, dropout=0.5)
    assert [type(part) for part in layers] == [nn.Linear, nn.LayerNorm, nn.ReLU, nn.Dropout, nn.Linear, nn.Dropout]
    assert layers(facula.zeros(5, 2)).shape == (5, 4)
    assert MLP(2, [3, 4], inplace=True, bias=False)[1].inplace


def test_frozen_batch_norm_is_batch_norm_in_evaluation():
    facula.manual_seed(0)
    source, frozen = nn.BatchNorm2d(3), FrozenBatchNorm2d(3)
    for value in source.state_dict().values():
        if value.is_floating_point():
            value.uniform_(0.5, 1.5)
    frozen.load_state_dict(source.state_dict())
    x = facula.randn(2, 3, 4, 5)
    assert facula.allclose(frozen(x), source.eval()(x), atol=1e-6)
    assert not list(frozen.parameters())
    assert repr(frozen) == "FrozenBatchNorm2d(3, eps=1e-05)"
