"""Running sums and products: types, zeros, extreme values, errors."""

import pytest

import facula


def test_types():
    assert facula.tensor([True, True]).cumsum(0).tolist() == [1, 2]
    assert facula.tensor([1, 2], dtype=facula.int8).cumprod(0).dtype is facula.int64
    assert facula.tensor([1, 2]).cumsum(0, dtype=facula.float32).dtype is facula.float32
    assert facula.tensor([1, 2]).cumsum_(0).tolist() == [1, 3]


@pytest.mark.parametrize("values", [[2.0, 0.0, 3.0, 4.0], [0.0, 2.0, 0.0, 1.0], [1.0, 2.0, 3.0, 4.0]])
def test_cumprod_of_zeros(values):
    x = facula.tensor(values, dtype=facula.float64, requires_grad=True)
    assert facula.autograd.gradcheck(lambda t: t.cumprod(0), (x,))
    assert facula.autograd.gradgradcheck(lambda t: t.cumprod(0), (x,))


def test_logcumsumexp_of_extremes():
    inf = float("inf")
    x = facula.tensor([-inf, 0.0, 10000.0, 3.0], requires_grad=True)
    out = x.logcumsumexp(0)
    assert out.tolist() == [-inf, 0, 10000, 10000]
    assert facula.autograd.grad(out[1:].sum(), x)[0].tolist() == [0, 1, 2, 0]


def test_diff_and_trapezoid():
    x = facula.tensor([True, False, False])
    assert x.diff().tolist() == [True, False]
    assert facula.tensor([1, 4, 9]).diff(n=2).tolist() == [2]
    assert facula.tensor([1]).diff(prepend=facula.tensor([5]), append=facula.tensor([7])).tolist() == [-4, 6]
    y = facula.tensor([[1.0, 2.0, 3.0]])
    assert facula.trapezoid(y, facula.tensor([0.0, 2.0, 6.0])).tolist() == [13]
    assert facula.cumulative_trapezoid(y, dx=2.0).tolist() == [[3, 8]]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: facula.ones(2).cumsum(1), IndexError, "Dimension out of range"),
        (lambda: facula.tensor(1).diff(), RuntimeError, "at least one-dimensional"),
        (lambda: facula.ones(2).diff(n=-1), RuntimeError, "order must be non-negative"),
        (lambda: facula.ones(2).diff(prepend=facula.ones(1, 1)), RuntimeError, "same dimension as input"),
        (lambda: facula.trapezoid(facula.ones(2), facula.ones(2), dx=1), TypeError, "expected x or dx"),
        (lambda: facula.trapezoid(facula.ones(2, 2), facula.ones(3)), RuntimeError, "one `x` value for each sample"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
