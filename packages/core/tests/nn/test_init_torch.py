"""Initialisation: distributions, exact values, bounds and errors as in torch."""

import inspect
import math

import numpy as np
import pytest

import facula
from facula.nn import init

torch = pytest.importorskip("torch")


def test_exact_ones_equal_torchs():
    for call in ("ones_(t(2, 3))", "zeros_(t(2))", "constant_(t(2), 3.5)", "eye_(t(3, 5))", "dirac_(t(4, 4, 3))",
                 "dirac_(t(6, 2, 3, 3), 3)", "dirac_(t(2, 4, 1, 2, 3))"):  # fmt: skip
        ours = eval("init." + call, {"init": init, "t": facula.ones})
        theirs = eval("init." + call, {"init": torch.nn.init, "t": torch.ones})
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy(), err_msg=call)


RANDOM = {
    "uniform_": (-1.0, 2.0), "normal_": (1.0, 2.0), "trunc_normal_": (0.0, 1.0, -1.0, 0.5), "xavier_uniform_": (2.0,),
    "xavier_normal_": (2.0,), "kaiming_uniform_": (0.5, "fan_out"), "kaiming_normal_": (0, "fan_in", "relu"),
}  # fmt: skip


@pytest.mark.parametrize("name", RANDOM)
def test_distributions_equal_torchs(name):
    facula.manual_seed(0), torch.manual_seed(0)
    ours = getattr(init, name)(facula.empty(100, 300), *RANDOM[name]).numpy()
    theirs = getattr(torch.nn.init, name)(torch.empty(100, 300), *RANDOM[name]).numpy()
    scale = theirs.std()
    assert abs(ours.mean() - theirs.mean()) < 0.05 * scale
    np.testing.assert_allclose(
        np.quantile(ours, [0.05, 0.3, 0.7, 0.95]), np.quantile(theirs, [0.05, 0.3, 0.7, 0.95]), atol=0.05 * scale
    )
    if "uniform" in name or name == "trunc_normal_":
        assert ours.min() == pytest.approx(theirs.min(), abs=float(0.01 * scale))
        assert ours.max() == pytest.approx(theirs.max(), abs=float(0.01 * scale))


@pytest.mark.parametrize("shape", [(4, 7), (7, 4), (5, 2, 3)])
def test_orthogonal(shape):
    w = init.orthogonal_(facula.empty(shape), gain=2.0).reshape(shape[0], -1).numpy() / 2
    product = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
    np.testing.assert_allclose(product, np.eye(len(product)), atol=1e-5)


def test_sparse_and_generators():
    w = init.sparse_(facula.empty(10, 4), 0.25)
    assert ((w == 0).sum(0) == 3).all()
    a, b = (init.normal_(facula.empty(5), generator=facula.Generator().manual_seed(1)) for _ in range(2))
    assert facula.equal(a, b)


def test_parameters_are_filled_without_a_record():
    p = facula.nn.Parameter(facula.ones(2, 2))
    assert init.xavier_uniform_(p) is p
    assert p.is_leaf
    assert p.requires_grad


def test_gains():
    for name in ("linear", "conv2d", "sigmoid", "tanh", "relu", "leaky_relu", "selu"):
        assert init.calculate_gain(name) == pytest.approx(torch.nn.init.calculate_gain(name))
    assert init.calculate_gain("leaky_relu", 1) == pytest.approx(1.0)


NAMES = [n for n in dir(torch.nn.init) if n.endswith("_") and not n.startswith("_")]


@pytest.mark.parametrize("name", NAMES)
def test_arguments(name):
    left, right = inspect.signature(getattr(init, name)), inspect.signature(getattr(torch.nn.init, name))
    assert [(p.name, p.default) for p in left.parameters.values()] == [
        (p.name, p.default) for p in right.parameters.values()
    ]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: init.calculate_gain("banana"), "expected one of linear.* got 'banana'"),
        (lambda: init.calculate_gain("leaky_relu", "x"), "expected a number as negative_slope"),
        (lambda: init.xavier_uniform_(facula.ones(3)), "expected a tensor of at least 2 dimensions"),
        (lambda: init.kaiming_normal_(facula.ones(3, 3), mode="x"), "expected 'fan_in' or 'fan_out'"),
        (lambda: init.eye_(facula.ones(3)), "eye_: expected a matrix"),
        (lambda: init.dirac_(facula.ones(3, 3)), "3, 4 or 5 dimensions"),
        (lambda: init.dirac_(facula.ones(3, 3, 3), 2), "to divide by groups"),
        (lambda: init.orthogonal_(facula.ones(3)), "at least 2 dimensions"),
        (lambda: init.sparse_(facula.ones(3), 0.1), "sparse_: expected a matrix"),
    ],
)
def test_misuse_is_explained(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_warnings():
    with pytest.warns(UserWarning, match="mean is more than 2 std"):
        init.trunc_normal_(facula.empty(2), 9.0)
    with pytest.warns(UserWarning, match="does nothing"):
        init.kaiming_uniform_(facula.empty(0, 2))
    with pytest.warns(UserWarning, match="does nothing"):
        init.kaiming_normal_(facula.empty(0, 2))


LAYERS = {
    "Linear(50, 70)": ["weight", "bias"], "Bilinear(20, 10, 30)": ["weight", "bias"], "Conv2d(8, 40, 3)": ["weight", "bias"],
    "ConvTranspose2d(8, 40, 3)": ["weight", "bias"], "Embedding(50, 40)": ["weight"], "GRU(30, 40)": ["weight_hh_l0", "bias_ih_l0"],
    "MultiheadAttention(40, 4)": ["in_proj_weight", "in_proj_bias"], "LSTMCell(30, 40)": ["weight_ih"],
}  # fmt: skip


@pytest.mark.parametrize("text", LAYERS)
def test_layers_start_as_torchs(text):
    facula.manual_seed(0), torch.manual_seed(0)
    ours, theirs = eval("nn." + text, {"nn": facula.nn}), eval("nn." + text, {"nn": torch.nn})
    for name in LAYERS[text]:
        a, b = getattr(ours, name).detach().numpy(), getattr(theirs, name).detach().numpy()
        assert math.isclose(a.std(), b.std(), rel_tol=0.25, abs_tol=1e-6), name
        assert np.abs(a).max() == pytest.approx(np.abs(b).max(), rel=0.35), name
