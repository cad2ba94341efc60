"""Histograms, sets, searches, finite differences and segments: semantics and errors."""

import pytest

import facula


def test_bincount():
    x = facula.tensor([0, 2, 2])
    assert x.bincount(minlength=5).tolist() == [1, 0, 2, 0, 0]
    assert x.bincount(facula.tensor([0.5, 1.0, 1.0])).tolist() == [0.5, 0, 2]
    assert facula.tensor([], dtype=facula.int64).bincount().shape == (0,)


def test_histograms():
    x = facula.tensor([0.0, 1.0, 1.5, 2.0, 9.0])
    assert facula.histc(x, 2, 0, 2).tolist() == [1, 3]
    found = facula.histogram(x, facula.tensor([0.0, 1.0, 2.0]), density=True)
    assert found.hist.tolist() == [0.25, 0.75]
    grid = facula.histogramdd(facula.tensor([[0.0, 0.0], [1.0, 1.0]]), [2, 1])
    assert grid.hist.tolist() == [[1], [1]]
    assert [e.shape[0] for e in grid.bin_edges] == [3, 2]


def test_sets():
    x = facula.tensor([[1, 2], [1, 2], [0, 3]])
    values, inverse, counts = x.unique(return_inverse=True, return_counts=True, dim=0)
    assert (values.tolist(), inverse.tolist(), counts.tolist()) == ([[0, 3], [1, 2]], [1, 1, 0], [1, 2])
    nan = float("nan")
    assert facula.tensor([nan, nan]).unique().shape == (2,)
    assert facula.unique_consecutive(facula.tensor([1, 1, 2, 1]), return_counts=True)[1].tolist() == [2, 1, 1]
    assert facula.isin(2, facula.tensor([1, 2])).item() is True
    assert facula.isin(facula.tensor([1, 5]), 5, invert=True).tolist() == [True, False]


def test_searches():
    rows = facula.tensor([[1, 3, 5], [2, 4, 6]])
    assert facula.searchsorted(rows, facula.tensor([[3], [7]]), right=True).tolist() == [[2], [3]]
    assert facula.searchsorted(facula.tensor([1, 3]), 2).item() == 1
    assert facula.bucketize(facula.tensor([3.0]), facula.tensor([1.0, 3.0]), out_int32=True).dtype is facula.int32
    shuffled = facula.tensor([5, 1, 3])
    assert facula.searchsorted(shuffled, facula.tensor([4]), sorter=shuffled.argsort()).item() == 2


def test_gradient_of_a_parabola_is_exact():
    x = facula.tensor([0.0, 1.0, 3.0, 4.0, 7.0])
    assert facula.gradient(x * x, spacing=(x,), edge_order=2)[0].tolist() == pytest.approx((2 * x).tolist(), abs=1e-5)
    grid = facula.arange(6.0).reshape(2, 3)
    assert [g.tolist() for g in facula.gradient(grid, spacing=2.0)] == [[[1.5] * 3] * 2, [[0.5] * 3] * 2]


def test_segments_and_renorm():
    x = facula.tensor([1.0, 2.0, 3.0], requires_grad=True)
    out = facula.segment_reduce(x, "mean", lengths=facula.tensor([2, 1, 0]))
    assert out[:2].tolist() == [1.5, 3]
    assert facula.autograd.grad(out[:2].sum(), x)[0].tolist() == [0.5, 0.5, 1]
    assert facula.segment_reduce(x, "max", offsets=facula.tensor([0, 1, 3]), initial=2.5).tolist() == [2.5, 3]
    assert facula.renorm(facula.tensor([[3.0, 4.0], [0.0, 1.0]]), 2, 0, 1.0)[1].tolist() == [0, 1]


def test_products_and_nan_reductions():
    nan = float("nan")
    x = facula.tensor([[1.0, nan], [2.0, 3.0]])
    assert x.nansum(0).tolist() == [3, 3]
    assert x.nanmean().item() == 2
    assert facula.count_nonzero(facula.tensor([[0, 1], [2, 3]]), dim=0).tolist() == [1, 2]
    y = facula.tensor([2.0, 0.0, 3.0], dtype=facula.float64, requires_grad=True)
    assert facula.autograd.gradcheck(lambda t: t.prod(), (y,))
    assert facula.autograd.gradgradcheck(lambda t: t.prod(), (y,))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: facula.tensor([-1]).bincount(), RuntimeError, "1-d non-negative integral inputs"),
        (lambda: facula.ones(2).bincount(), RuntimeError, "1-d non-negative integral inputs"),
        (lambda: facula.tensor([1]).bincount(facula.ones(2)), RuntimeError, "same length as input"),
        (lambda: facula.tensor([1]).bincount(minlength=-1), RuntimeError, "minlength should be >= 0"),
        (lambda: facula.histc(facula.ones(2), 0), RuntimeError, "bins must be > 0"),
        (lambda: facula.histc(facula.ones(2), 2, 3, 1), RuntimeError, "max must be larger than min"),
        (lambda: facula.histc(facula.tensor([float("inf")])), RuntimeError, "is not finite"),
        (lambda: facula.histogram(facula.tensor([1]), 2), NotImplementedError, "not implemented for"),
        (lambda: facula.histogram(facula.ones(2), facula.ones(1, 1)), RuntimeError, "should have one dimension"),
        (lambda: facula.histogram(facula.ones(2), 2, weight=facula.ones(2).double()), RuntimeError, "same dtype"),
        (lambda: facula.histogramdd(facula.ones(2), 2), RuntimeError, "at least 2 dimensions"),
        (lambda: facula.histogramdd(facula.ones(2, 2), [2]), RuntimeError, "expected 2 sequences"),
        (lambda: facula.isin(1, 2), TypeError, "must be Tensor"),
        (lambda: facula.searchsorted(facula.ones(2), facula.ones(1), side="up"), RuntimeError, "side can only be"),
        (
            lambda: facula.searchsorted(facula.ones(2), facula.ones(1), side="left", right=True),
            RuntimeError,
            "opposites",
        ),
        (
            lambda: facula.searchsorted(facula.ones(2, 2), facula.ones(3, 1)),
            RuntimeError,
            "boundaries tensor should be 1 dimension",
        ),
        (
            lambda: facula.searchsorted(facula.ones(2), facula.ones(1), sorter=facula.tensor([0])),
            RuntimeError,
            "same size",
        ),
        (lambda: facula.bucketize(facula.ones(1), facula.ones(1, 1)), RuntimeError, "must be 1 dimension"),
        (lambda: facula.gradient(facula.ones(1)), RuntimeError, r"at least edge_order\+1"),
        (lambda: facula.gradient(facula.ones(3), edge_order=3), RuntimeError, "edge_order=1 and edge_order=2"),
        (lambda: facula.gradient(facula.ones(3), spacing=[1, 2]), RuntimeError, "expected spacing"),
        (lambda: facula.renorm(facula.ones(2, 2), 0, 0, 1), RuntimeError, "non-positive-norm"),
        (lambda: facula.renorm(facula.ones(2, 2), 1, 0, -1), RuntimeError, "maxnorm to be >= 0"),
        (lambda: facula.renorm(facula.ones(2), 1, 0, 1), RuntimeError, "at least 2 dimensions"),
        (lambda: facula.segment_reduce(facula.ones(2), "sum"), RuntimeError, "Either lengths or offsets"),
        (
            lambda: facula.segment_reduce(facula.ones(2), "all", lengths=facula.tensor([2])),
            RuntimeError,
            "unsupported reduction",
        ),
        (lambda: facula.segment_reduce(facula.ones(2), "sum", lengths=facula.tensor([1])), RuntimeError, "to sum to"),
        (
            lambda: facula.segment_reduce(facula.ones(2), "sum", lengths=facula.tensor([-1, 3])),
            RuntimeError,
            "negative value",
        ),
        (lambda: facula.segment_reduce(facula.ones(2), "sum", lengths=facula.tensor(2)), RuntimeError, "axis \\+ 1"),
        (lambda: facula.tensor([1]).nanmean(), RuntimeError, "floating point or complex dtype"),
        (lambda: facula.tensor([1j]).nansum(), RuntimeError, "does not support complex inputs"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
