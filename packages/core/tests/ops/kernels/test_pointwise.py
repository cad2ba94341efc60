"""Loops over one function of a number give what NumPy's steps give."""

import numpy as np
import pytest

import facula
from facula.autograd.op import ALL

CASES = [
    ("relu", {}), ("exp", {}), ("sigmoid", {}), ("tanh", {}), ("silu_op", {}), ("mish_op", {}),
    ("gelu", {"approximate": "none"}), ("gelu", {"approximate": "tanh"}),
    ("softplus", {"beta": 1.0, "threshold": 20.0}), ("softplus", {"beta": 2.5, "threshold": 3.0}),
    ("elu_op", {"alpha": 1.0, "scale": 1.0, "input_scale": 1.0}),
    ("elu_op", {"alpha": 1.7, "scale": 1.1, "input_scale": 0.5}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "attrs"), CASES)
@pytest.mark.parametrize("shape", [(3,), (50, 61), (3, 7001)])
def test_numbers(agrees, normal, name, attrs, shape):
    agrees(ALL[name], 4 * normal(*shape), rtol=3e-6, atol=5e-6, **attrs)


@pytest.mark.parametrize(("name", "attrs"), CASES[1:])
def test_special_values(agrees, special, name, attrs):
    agrees(ALL[name], special, rtol=2e-6, atol=1e-6, **attrs)


@pytest.mark.parametrize(("name", "attrs"), CASES)
def test_other_types_and_layouts_run_in_numpy(agrees, normal, name, attrs):
    agrees(ALL[name], normal(6, 4).T, **attrs)
    agrees(ALL[name], normal(6, 4).astype("float64"), rtol=1e-12, atol=1e-12, **attrs)


def test_small_numbers_keep_their_digits():
    x = -np.float32([1e-3, 1e-5, 1e-7, 1e-20, 0.3, 0.4, 20])
    elu = ALL["elu_op"].kernels["cpu"](np, x, 1.0, 1.0, 1.0)
    np.testing.assert_allclose(elu, np.expm1(x.astype("float64")), rtol=3e-7)
    softplus = ALL["softplus"].kernels["cpu"](np, x * 4, 1.0, 20.0)
    np.testing.assert_allclose(softplus, np.log1p(np.exp(4 * x.astype("float64"))), rtol=1e-6)


def test_no_gradient_flows_where_relu_is_shut(special):
    relu = ALL["relu"]
    np.testing.assert_array_equal(relu.kernels["cpu"](np, special), relu.forward(np, special))
    g, out = np.float32([np.inf, np.nan, 1, 3]), np.float32([0, 0, 2, np.nan])
    np.testing.assert_array_equal(relu.array_rules["input"][0](g, out), [0, 0, 1, 3])


def test_writes_in_place_need_no_other_memory_where_nothing_is_recorded():
    pytest.importorskip("numba")
    x = facula.linspace(-3, 3, 1 << 17).reshape(256, 512)
    for name in ("relu_", "exp_", "sigmoid_", "tanh_"):
        y, version = x.clone(), x._version
        place = y.array.ctypes.data
        want = getattr(x, name.removesuffix("_"))()
        with facula.no_grad():
            assert getattr(y, name)() is y
        assert y.array.ctypes.data == place
        assert y._version == version + 1
        assert facula.equal(y, want)
    with facula.no_grad():  # what takes settings is not written that way
        assert facula.equal(facula.nn.functional.elu(x.clone(), inplace=True), facula.nn.functional.elu(x))
    leaf = facula.ones(1 << 17, requires_grad=True)
    made = leaf * -1
    made.relu_().sum().backward()  # recorded: the slope is that of the old values
    assert not leaf.grad.any()
