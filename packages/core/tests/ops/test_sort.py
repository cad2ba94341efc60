"""sort, argsort, msort and topk: order, stability, nan, gradients, errors."""

import pytest

import facula

NAN = float("nan")


def test_order_is_stable_and_nan_is_largest():
    x = facula.tensor([1.0, NAN, 0.0, 1.0])
    assert x.sort().indices.tolist() == [2, 0, 3, 1]
    assert x.sort(descending=True).indices.tolist() == [1, 0, 3, 2]
    assert facula.argsort(x, stable=True).tolist() == [2, 0, 3, 1]
    assert facula.msort(facula.tensor([[3, 1], [2, 5]])).tolist() == [[2, 1], [3, 5]]


def test_topk_of_many_and_of_few():
    x = facula.arange(100.0).reshape(2, 50)
    assert x.topk(2).values.tolist() == [[49, 48], [99, 98]]
    assert x.topk(2, largest=False).indices.tolist() == [[0, 1], [0, 1]]
    assert x.topk(1, dim=0).values.shape == (1, 50)
    assert facula.tensor([1.0, NAN, 2.0]).topk(2).indices.tolist() == [1, 2]
    assert facula.tensor(3.0).topk(1).values.shape == ()


def test_gradient_goes_back_to_its_place():
    x = facula.tensor([3.0, 1.0, 2.0], requires_grad=True)
    g = facula.tensor([1.0, 2.0, 3.0])
    assert facula.autograd.grad(x.sort().values, x, g)[0].tolist() == [3, 1, 2]
    assert facula.autograd.grad(x.topk(2).values.sum(), x)[0].tolist() == [1, 0, 1]


def test_errors():
    with pytest.raises(RuntimeError, match="selected index k out of range"):
        facula.ones(2).topk(3)
    with pytest.raises(
        RuntimeError, match="does not currently|does not support complex|currently does not support complex"
    ):
        facula.tensor([1j]).sort()
    with pytest.raises(IndexError, match="Dimension out of range"):
        facula.ones(2).sort(1)
