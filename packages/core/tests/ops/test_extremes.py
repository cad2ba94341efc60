"""max, min, aminmax and their running forms: named results, ties, nan, errors."""

import pytest

import facula


def test_three_forms():
    x = facula.tensor([[1.0, 5.0], [7.0, 2.0]])
    assert x.max().item() == 7
    found = x.max(1)
    assert (found.values.tolist(), found.indices.tolist()) == ([5, 7], [1, 0])
    assert isinstance(found, facula.return_types.max)
    assert repr(found).startswith("facula.return_types.max(\nvalues=tensor([5., 7.])")
    assert facula.max(x, dim=0, keepdim=True).values.tolist() == [[7, 5]]
    assert facula.min(x, facula.tensor(3.0)).tolist() == [[1, 3], [3, 2]]
    assert facula.max(x, other=facula.tensor(3.0)).tolist() == [[3, 5], [7, 3]]


def test_ties_and_nan():
    x = facula.tensor([2.0, 2.0, 1.0], requires_grad=True)
    assert facula.autograd.grad(x.max(), x)[0].tolist() == [0.5, 0.5, 0]
    assert facula.autograd.grad(x.max(0).values, x)[0].tolist() == [1, 0, 0]
    assert facula.tensor([1.0, float("nan"), 3.0]).max(0).indices.item() == 1
    assert facula.tensor([1, 3, 3]).cummax(0).indices.tolist() == [0, 1, 2]


def test_out_gets_both():
    values, indices = facula.empty(0), facula.empty(0, dtype=facula.int64)
    facula.max(facula.tensor([[1.0, 5.0]]), 1, out=(values, indices))
    assert (values.tolist(), indices.tolist()) == ([5], [1])


def test_aminmax():
    found = facula.aminmax(facula.tensor([[3, 1], [4, 1]]), dim=0)
    assert (found.min.tolist(), found.max.tolist()) == ([3, 1], [4, 1])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: facula.empty(0).max(), RuntimeError, r"input.numel\(\) == 0. Specify the reduction dim"),
        (lambda: facula.empty(2, 0).max(1), IndexError, "to have non-zero size"),
        (lambda: facula.ones(2).max(3), IndexError, "Dimension out of range"),
        (lambda: facula.tensor([1j]).max(0), NotImplementedError, "not implemented for"),
        (lambda: facula.aminmax(facula.empty(0)), RuntimeError, "cannot compute aminmax over an empty dimension"),
        (lambda: facula.ones(2).cummax(2), IndexError, "Dimension out of range"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
