"""median, kthvalue, mode, quantile: nan, ties, shapes, errors."""

import math

import pytest

import facula

NAN = float("nan")


def test_median_is_the_lower_one_and_nan_wins():
    assert facula.tensor([4, 1, 3, 2]).median().item() == 2
    assert math.isnan(facula.tensor([1.0, NAN, 2.0]).median().item())
    assert facula.tensor([1.0, NAN, 2.0]).nanmedian().item() == 1
    found = facula.tensor([[5.0, NAN, 1.0], [1.0, 2.0, 3.0]]).median(1)
    assert found.indices.tolist() == [1, 1]
    assert facula.tensor([[5.0, NAN, 1.0]]).nanmedian(1).values.tolist() == [1]
    assert math.isnan(facula.empty(0).median().item())


def test_kthvalue_and_mode():
    x = facula.tensor([[3, 1, 1, 2], [2, 2, 3, 3]])
    assert x.kthvalue(2).values.tolist() == [1, 2]
    assert x.kthvalue(1, 0, keepdim=True).indices.tolist() == [[1, 0, 0, 0]]
    found = x.mode()
    assert (found.values.tolist(), found.indices.tolist()) == ([1, 2], [2, 1])


@pytest.mark.parametrize(
    ("way", "expected"), [("linear", 0.9), ("lower", 0), ("higher", 1), ("midpoint", 0.5), ("nearest", 1)]
)
def test_ways_between_elements(way, expected):
    assert facula.quantile(facula.arange(4.0), 0.3, interpolation=way).item() == pytest.approx(expected, abs=1e-6)


def test_shapes_of_quantiles():
    x = facula.arange(12.0).reshape(3, 4)
    q = facula.tensor([0.25, 0.5])
    assert x.quantile(q, dim=1).shape == (2, 3)
    assert x.quantile(0.5, dim=0, keepdim=True).shape == (1, 4)
    assert x.quantile(q, keepdim=True).shape == (2, 1, 1)
    assert math.isnan(facula.tensor([1.0, NAN]).quantile(0.5).item())
    assert facula.tensor([1.0, NAN]).nanquantile(0.5).item() == 1


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: facula.ones(2).kthvalue(3), RuntimeError, "selected number k out of range"),
        (lambda: facula.tensor([1j]).median(0), NotImplementedError, "not implemented for"),
        (lambda: facula.tensor([1]).quantile(0.5), RuntimeError, "must be either float or double"),
        (lambda: facula.empty(0).quantile(0.5), RuntimeError, "must be non-empty"),
        (lambda: facula.ones(2).quantile(2.0), RuntimeError, r"q must be in the range \[0, 1\]"),
        (lambda: facula.ones(2).quantile(facula.ones(1, 1)), RuntimeError, "q must be a scalar or 1D"),
        (lambda: facula.ones(2).quantile(facula.ones(1).double()), RuntimeError, "same dtype as the input"),
        (lambda: facula.ones(2).quantile(0.5, interpolation="cubic"), RuntimeError, "interpolation must be one of"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
