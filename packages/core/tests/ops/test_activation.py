"""Activations: in-place spellings, errors, edges that the scoreboard does not see."""

import math

import numpy as np
import pytest

import facula
from facula.nn import functional as F

IN_PLACE = [
    "relu",
    "relu6",
    "elu",
    "selu",
    "celu",
    "silu",
    "mish",
    "hardtanh",
    "hardswish",
    "hardsigmoid",
    "leaky_relu",
    "rrelu",
]


@pytest.mark.parametrize("name", IN_PLACE)
def test_inplace_writes_the_same_numbers_into_the_input(name):
    x = facula.tensor([-2.0, -0.5, 0.0, 0.5, 7.0])
    want = getattr(F, name)(x)
    got = getattr(F, name)(x, inplace=True)
    assert got is x
    np.testing.assert_array_equal(x.numpy(), want.numpy())


@pytest.mark.parametrize("name", ["relu_", "elu_", "selu_", "celu_", "leaky_relu_", "hardtanh_", "rrelu_"])
def test_trailing_underscore(name):
    x = facula.tensor([-2.0, 3.0])
    want = getattr(F, name.removesuffix("_"))(x)
    assert getattr(F, name)(x) is x
    np.testing.assert_array_equal(x.numpy(), want.numpy())


@pytest.mark.parametrize("name", ["relu", "elu", "silu", "leaky_relu", "hardtanh"])
def test_inplace_keeps_the_gradient(name):
    x = facula.tensor([-2.0, 0.5, 3.0], requires_grad=True)
    getattr(F, name)(x * 1, inplace=True).sum().backward()
    want = facula.tensor([-2.0, 0.5, 3.0], requires_grad=True)
    getattr(F, name)(want).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), want.grad.numpy())


def test_gelu_in_float32_is_as_exact_as_in_float64():
    x = np.linspace(-9, 9, 2001)
    exact = 0.5 * x * (1 + np.array([math.erf(v / math.sqrt(2)) for v in x]))
    np.testing.assert_allclose(F.gelu(facula.from_numpy(x.astype("float32"))).numpy(), exact, rtol=3e-6, atol=6e-7)


def test_relu_of_large_and_strided_inputs():
    x = facula.from_numpy(np.random.default_rng(0).standard_normal((200, 100)).astype("float32"))
    np.testing.assert_array_equal(F.relu(x).numpy(), np.maximum(x.numpy(), 0))
    np.testing.assert_array_equal(F.relu(x.T).numpy(), np.maximum(x.numpy().T, 0))


def test_rrelu_draws_slopes_between_its_bounds():
    out = F.rrelu(facula.full((1000,), -1.0), 0.1, 0.3, training=True).numpy()
    assert out.min() > -0.3
    assert out.max() < -0.1
    assert out.std() > 0.01


ERRORS = [
    (
        lambda: F.gelu(facula.ones(2), approximate="x"),
        RuntimeError,
        "approximate argument must be either none or tanh, got 'x'",
    ),
    (lambda: F.gelu(facula.ones(2).long()), NotImplementedError, "\"gelu\" not implemented for 'Long'"),
    (lambda: F.silu(facula.ones(2).long()), NotImplementedError, "\"silu\" not implemented for 'Long'"),
    (lambda: F.relu(facula.ones(2).bool()), NotImplementedError, "\"relu\" not implemented for 'Bool'"),
    (lambda: F.celu(facula.ones(2), 0.0), RuntimeError, "alpha cannot be 0 for CELU"),
    (lambda: F.hardtanh(facula.ones(2), 1.0, -1.0), ValueError, "min_val cannot be greater than max_val"),
    (
        lambda: F.softshrink(facula.ones(2), -1.0),
        RuntimeError,
        "lambda must be greater or equal to 0, but found to be -1",
    ),
    (
        lambda: F.rrelu(facula.ones(2), 0.5, 0.1),
        RuntimeError,
        "Lower bound should be less than or equal to the upper bound",
    ),
    (lambda: F.glu(facula.ones(3)), RuntimeError, "Halving dimension must be even, but dimension 0 is size 3"),
    (lambda: F.glu(facula.tensor(1.0)), RuntimeError, "glu does not support 0-dimensional tensors"),
    (lambda: F.prelu(facula.ones(2, 3), facula.ones(2)), RuntimeError, "parameter numbers = 2 and channel size = 3"),
    (lambda: F.prelu(facula.ones(2, 3), facula.ones(2, 2)), RuntimeError, "to be a scalar or 1D tensor"),
    (lambda: F.prelu(facula.tensor(1.0), facula.ones(2)), RuntimeError, "Not allow zero-dim input"),
    (lambda: F.prelu(facula.ones(2), facula.ones(1).double()), RuntimeError, "Type promoting not supported"),
    (lambda: F.softmax(facula.ones(2, 2), dim=2), IndexError, "Dimension out of range"),
    (lambda: F.softmax(facula.ones(2).long(), dim=0), NotImplementedError, "\"softmax\" not implemented for 'Long'"),
    (
        lambda: F.log_softmax(facula.ones(2).long(), dim=0),
        NotImplementedError,
        "\"log_softmax\" not implemented for 'Long'",
    ),
]


@pytest.mark.parametrize(("call", "error", "match"), ERRORS)
def test_errors(call, error, match):
    with pytest.raises(error, match=match):
        call()


def test_softmax_chooses_a_dimension_with_a_warning():
    with pytest.warns(UserWarning, match="implicit dimension choice has been deprecated"):
        out = F.softmax(facula.zeros(2, 4))
    assert out.tolist() == [[0.25] * 4] * 2


def test_softmax_survives_large_scores_and_takes_a_dtype():
    assert F.softmax(facula.tensor([1000.0, 1000.0]), dim=0).tolist() == [0.5, 0.5]
    assert F.softmax(facula.tensor([1, 1]), dim=0, dtype=facula.float64).dtype == facula.float64
    assert facula.softmax(facula.tensor([1, 1]), 0, facula.float64).dtype == facula.float64


def test_gumbel_softmax_hard_is_one_hot_with_the_soft_gradient():
    facula.manual_seed(0)
    logits = facula.zeros(5, 3, requires_grad=True)
    out = F.gumbel_softmax(logits, hard=True)
    np.testing.assert_allclose(np.sort(out.detach().numpy(), axis=1), [[0, 0, 1]] * 5, atol=1e-6)
    (out * facula.arange(3)).sum().backward()
    assert (logits.grad.abs() > 0).any()
