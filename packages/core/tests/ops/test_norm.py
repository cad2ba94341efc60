"""Normalisation: running statistics, errors and edges."""

import numpy as np
import pytest

import facula
from facula.nn import functional as F

x23 = facula.ones(2, 3)


def test_running_statistics_follow_the_batch_in_place():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((6, 3, 4)).astype("float32")
    mean, var = facula.zeros(3), facula.ones(3)
    before = mean.array
    F.batch_norm(facula.from_numpy(x), mean, var, training=True, momentum=0.25)
    assert mean.array is before
    np.testing.assert_allclose(mean.numpy(), 0.25 * x.mean((0, 2)), rtol=1e-5)
    np.testing.assert_allclose(var.numpy(), 0.75 + 0.25 * x.var((0, 2), ddof=1), rtol=1e-5)


def test_a_running_statistic_that_was_kept_for_backward_may_not_be_written():
    mean, var = facula.zeros(3), facula.ones(3)
    kept = (facula.ones(3, requires_grad=True) * mean).sum()
    F.batch_norm(facula.randn(4, 3), mean, var, training=True)
    with pytest.raises(RuntimeError, match="batch_norm.*modified"):
        kept.backward()


def test_torch_level_spellings_take_parameters_first():
    x, w, b = facula.randn(4, 3), facula.randn(3), facula.randn(3)
    a = facula.batch_norm(x, w, b, None, None, True, 0.1, 1e-5, False)
    np.testing.assert_allclose(a.numpy(), F.batch_norm(x, None, None, w, b, True).numpy())
    x = facula.randn(4, 3, 5)
    a = facula.instance_norm(x, w, b, None, None, True, 0.1, 1e-5, False)
    np.testing.assert_allclose(a.numpy(), F.instance_norm(x, None, None, w, b).numpy())


def test_batch_norm_statistics_are_not_detached():
    x = facula.randn(5, 2, dtype=facula.float64, requires_grad=True)
    out = F.batch_norm(x, None, None, training=True)
    out.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 0, atol=1e-12)


def test_group_norm_of_no_instances():
    assert F.group_norm(facula.zeros(0, 4, 2), 2).shape == (0, 4, 2)


def test_normalize_writes_into_out():
    out = facula.empty(1, 2)
    assert F.normalize(facula.tensor([[3.0, 4.0]]), out=out) is out
    np.testing.assert_allclose(out.numpy(), [[0.6, 0.8]], rtol=1e-6)


ERRORS = [
    (
        lambda: F.layer_norm(x23, (2,)),
        RuntimeError,
        r"Given normalized_shape=\[2\], expected input with shape \[\*, 2\], but got input of size \[2, 3\]",
    ),
    (lambda: F.layer_norm(x23, ()), RuntimeError, "Expected normalized_shape to be at least 1-dimensional"),
    (
        lambda: F.layer_norm(x23, (3,), facula.ones(2)),
        RuntimeError,
        "Expected weight to be of same shape as normalized_shape",
    ),
    (lambda: F.layer_norm(x23, (3,), None, facula.ones(2)), RuntimeError, "Expected bias to be of same shape"),
    (lambda: F.layer_norm(x23.long(), (3,)), NotImplementedError, "not implemented for 'Long'"),
    (lambda: F.rms_norm(x23, (2,)), RuntimeError, "rms_norm: Given normalized_shape"),
    (lambda: F.batch_norm(x23, None, None), RuntimeError, "Expected running_mean and running_var to be defined"),
    (
        lambda: F.batch_norm(x23, facula.ones(2), facula.ones(3)),
        RuntimeError,
        "running_mean should contain 3 elements not 2",
    ),
    (
        lambda: F.batch_norm(facula.ones(1, 3), None, None, training=True),
        ValueError,
        "Expected more than 1 value per channel when training",
    ),
    (lambda: F.batch_norm(facula.ones(3), None, None, training=True), RuntimeError, "at least 2 dimensions"),
    (lambda: F.instance_norm(facula.ones(1, 3, 1)), ValueError, "Expected more than 1 spatial element"),
    (lambda: F.instance_norm(facula.ones(1, 3, 2), use_input_stats=False), RuntimeError, "use_input_stats is false"),
    (lambda: F.group_norm(facula.ones(2, 3), 2), RuntimeError, "divisible by num_groups"),
    (lambda: F.group_norm(facula.ones(2), 1), RuntimeError, "at least 2 dimensions"),
    (
        lambda: F.group_norm(facula.ones(2, 4), 2, facula.ones(3)),
        RuntimeError,
        "Expected weight to be a vector of size equal to the number of channels",
    ),
    (lambda: F.local_response_norm(x23, 2), ValueError, "Expected 3D or higher dimensionality"),
]


@pytest.mark.parametrize(("call", "error", "match"), ERRORS)
def test_errors(call, error, match):
    with pytest.raises(error, match=match):
        call()


def test_an_empty_batch_leaves_the_running_statistics_alone():
    mean, weight = facula.zeros(3), facula.ones(3, requires_grad=True)
    out = F.batch_norm(facula.zeros(0, 3, 2), mean, facula.ones(3), weight, training=True)
    out.sum().backward()
    assert out.shape == (0, 3, 2)
    assert mean.tolist() == weight.grad.tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("width", [1, 5, 4096])
def test_a_single_row_is_normalised_as_one_of_many(width):
    generator = np.random.default_rng(0)
    rows, weight, bias = (
        facula.from_numpy(generator.standard_normal(size, np.float32)) for size in ((3, 1, width), width, width)
    )
    many = F.layer_norm(rows, (width,), weight, bias)
    one = F.layer_norm(rows[1:2], (width,), weight, bias)
    np.testing.assert_allclose(one.numpy(), many[1:2].numpy(), atol=1e-5)
    assert F.layer_norm(facula.ones(1, width), (width,)).tolist() == [[0.0] * width]
    assert F.layer_norm(facula.zeros(1, 0), (0,)).shape == (1, 0)
