"""Pooling: nan, ties, indices, and errors."""

import numpy as np
import pytest

import facula
from facula.nn import functional as F

NAN = float("nan")


def test_nan_wins_and_takes_the_gradient():
    x = facula.tensor([[[1.0, NAN, 3.0, 2.0]]], requires_grad=True)
    out = F.max_pool1d(x, 2)
    assert np.isnan(out.tolist()[0][0][0])
    out.sum().backward()
    assert x.grad.tolist() == [[[0.0, 1.0, 1.0, 0.0]]]


@pytest.mark.parametrize("stride", [1, 2])
def test_ties_give_the_gradient_to_the_first(stride):
    x = facula.ones(1, 1, 4, requires_grad=True)
    F.max_pool1d(x, 2, stride).sum().backward()
    assert x.grad.tolist() == [[[1.0, 1.0, 1.0, 0.0] if stride == 1 else [1.0, 0.0, 1.0, 0.0]]]


def test_indices_and_values_agree_with_the_plain_pool():
    x = facula.randn(2, 3, 7, 8)
    values, indices = F.max_pool2d(x, 3, 2, 1, return_indices=True)
    assert facula.equal(values, F.max_pool2d(x, 3, 2, 1))
    picked = np.take_along_axis(x.numpy().reshape(2, 3, -1), indices.numpy().reshape(2, 3, -1), axis=2)
    np.testing.assert_array_equal(picked.reshape(values.shape), values.numpy())


def test_windows_of_minus_infinity_name_a_place_inside():
    x = facula.full((1, 1, 2, 2), float("-inf"))
    _, indices = F.max_pool2d(x, 2, 1, 1, return_indices=True)
    assert indices.numpy().min() >= 0
    assert indices.numpy().max() < 4


def test_ceil_mode_counts_a_window_that_begins_inside():
    x = facula.arange(5).float().reshape(1, 1, 5)
    assert F.max_pool1d(x, 2, ceil_mode=True).tolist() == [[[1.0, 3.0, 4.0]]]
    assert F.avg_pool1d(x, 2, ceil_mode=True).tolist() == [[[0.5, 2.5, 4.0]]]


def test_unpool_puts_maxima_back():
    x = facula.tensor([[[1.0, 5.0, 2.0, 3.0]]])
    values, indices = F.max_pool1d(x, 2, return_indices=True)
    assert F.max_unpool1d(values, indices, 2).tolist() == [[[0.0, 5.0, 0.0, 3.0]]]
    assert F.max_unpool1d(values, indices, 2, output_size=(5,)).shape == (1, 1, 5)


def test_adaptive_pools_of_uneven_bins():
    x = facula.arange(7).float().reshape(1, 1, 7)
    assert F.adaptive_avg_pool1d(x, 3).tolist() == [[[1.0, 3.0, 5.0]]]
    assert F.adaptive_max_pool1d(x, 3).tolist() == [[[2.0, 4.0, 6.0]]]
    assert F.adaptive_avg_pool2d(facula.ones(1, 4, 6), (None, 3)).shape == (1, 4, 3)


def test_fractional_pool_repeats_with_its_samples():
    x = facula.randn(1, 2, 7, 7)
    samples = facula.rand(1, 2, 2)
    a = F.fractional_max_pool2d(x, 2, output_ratio=0.5, _random_samples=samples)
    assert a.shape == (1, 2, 3, 3)
    assert facula.equal(a, F.fractional_max_pool2d(x, 2, output_size=3, _random_samples=samples))


image = facula.ones(1, 2, 4, 4)
index = facula.zeros(1, 2, 2, 2).long()
ERRORS = [
    (lambda: F.max_pool2d(facula.ones(4, 4), 2), RuntimeError, r"Expected 3D or 4D \(batch mode\) tensor for input"),
    (lambda: F.max_pool2d(image, 2, padding=2), RuntimeError, "pad should be at most half of effective kernel size"),
    (lambda: F.max_pool2d(image, 2, padding=-1), RuntimeError, "pad must be non-negative"),
    (lambda: F.max_pool2d(image, 5), RuntimeError, "Output size is too small"),
    (lambda: F.max_pool2d(image, 0), RuntimeError, "should be greater than zero"),
    (lambda: F.max_pool2d(image, (1, 2, 3)), RuntimeError, "expected kernel_size to be a single integer"),
    (lambda: F.max_pool2d(image.bool(), 2), NotImplementedError, "not implemented for 'Bool'"),
    (lambda: F.avg_pool2d(image, 2, divisor_override=0), RuntimeError, "divisor must be not zero"),
    (lambda: F.avg_pool1d(facula.ones(2), 2), RuntimeError, "Expected 2D or 3D"),
    (lambda: F.adaptive_avg_pool2d(facula.ones(4), 2), RuntimeError, "Expected 3D or 4D tensor"),
    (lambda: F.adaptive_avg_pool2d(image, (1, 2, 3)), RuntimeError, "output_size must be 2"),
    (lambda: F.adaptive_avg_pool2d(image, -1), RuntimeError, "greater than or equal to 0"),
    (
        lambda: F.adaptive_max_pool2d(facula.ones(1, 2, 0, 4), 2),
        RuntimeError,
        "Expected input to have non-zero size for non-batch dimensions",
    ),
    (
        lambda: F.fractional_max_pool2d(image, 2),
        ValueError,
        "requires specifying either an output_size or an output_ratio",
    ),
    (lambda: F.fractional_max_pool2d(facula.ones(4, 4), 2, 2), RuntimeError, "Expected 3D or 4D tensor, but got"),
    (lambda: F.fractional_max_pool2d(image, 3, 3), RuntimeError, "too large relative to input size"),
    (
        lambda: F.max_unpool2d(facula.ones(1, 2, 2, 2), index.int(), 2),
        RuntimeError,
        "elements in indices should be type int64",
    ),
    (lambda: F.max_unpool2d(facula.ones(1, 2, 2, 3), index, 2), RuntimeError, "Expected shape of indices to be same"),
    (lambda: F.max_unpool2d(facula.ones(1, 2, 2, 2), index + 16, 2), RuntimeError, "Found an invalid max index: 16"),
    (
        lambda: F.max_unpool2d(facula.ones(1, 2, 2, 2), index, 2, output_size=(9, 9)),
        ValueError,
        r"dim 0 must be between 2 and 6",
    ),
    (
        lambda: F.max_unpool2d(facula.ones(1, 2, 2, 2), index, 2, output_size=(4,)),
        ValueError,
        "sequence containing 2 or 4 elements",
    ),
]


@pytest.mark.parametrize(("call", "error", "match"), ERRORS)
def test_errors(call, error, match):
    with pytest.raises(error, match=match):
        call()
