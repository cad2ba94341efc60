"""gather, scatter, index_*, take, put, masks: errors, writes in place, out=."""

import numpy as np
import pytest

import facula


def test_gather_says_what_is_wrong_with_its_index():
    x = facula.zeros(2, 3)
    with pytest.raises(RuntimeError, match=r"gather: index 3 is out of bounds.*expected 0 to 2"):
        facula.gather(x, 1, facula.tensor([[3]]))
    with pytest.raises(RuntimeError, match=r"index -1 is out of bounds"):
        facula.gather(x, 1, facula.tensor([[-1]]))
    with pytest.raises(RuntimeError, match=r"gather\(\): Expected dtype int32/int64 for index, got float32"):
        facula.gather(x, 1, facula.zeros(1, 1))
    with pytest.raises(RuntimeError, match=r"Index tensor must have the same number of dimensions"):
        facula.gather(x, 1, facula.tensor([0]))
    with pytest.raises(RuntimeError, match=r"Size does not match.*apart from dimension 1"):
        facula.gather(x, 1, facula.tensor([[0], [0], [0]]))


def test_scatter_asks_for_one_dtype_and_a_known_reduction():
    x, index = facula.zeros(3), facula.tensor([0, 1])
    with pytest.raises(RuntimeError, match=r"Expected self.dtype to be equal to src.dtype"):
        facula.scatter(x, 0, index, facula.tensor([1, 2]))
    with pytest.raises(RuntimeError, match=r"reduce argument must be either add or multiply, got 'max'"):
        facula.scatter(x, 0, index, 1.0, reduce="max")
    with pytest.raises(RuntimeError, match=r"must be either sum, prod, mean, amax or amin, got 'max'"):
        facula.scatter_reduce(x, 0, index, facula.ones(2), "max")
    with pytest.raises(RuntimeError, match=r"to be no larger than src"):
        facula.scatter(x, 0, index, facula.ones(1))


def test_scatter_takes_a_number_and_writes_in_place():
    x = facula.zeros(2, 3)
    assert x.scatter_(1, facula.tensor([[2], [0]]), 5.0) is x
    assert x.tolist() == [[0, 0, 5], [5, 0, 0]]
    assert facula.scatter(x, 1, facula.tensor([[2], [0]]), value=2.0).tolist() == [[0, 0, 2], [2, 0, 0]]
    x.scatter_add_(1, facula.tensor([[2, 2], [0, 0]]), facula.ones(2, 2))
    assert x.tolist() == [[0, 0, 7], [7, 0, 0]]


def test_index_functions_check_their_index():
    x = facula.arange(6.0).view(3, 2)
    with pytest.raises(IndexError, match=r"index out of range in self"):
        facula.index_select(x, 0, facula.tensor([3]))
    with pytest.raises(IndexError, match=r"Index is supposed to be a vector"):
        facula.index_select(x, 0, facula.tensor([[0]]))
    with pytest.raises(RuntimeError, match=r"Number of indices \(1\) should be equal to source.size\(dim\): \(2\)"):
        x.index_add(0, facula.tensor([0]), facula.ones(2, 2))
    with pytest.raises(RuntimeError, match=r"only supports a 0-dimensional value tensor"):
        x.index_fill(0, facula.tensor([0]), facula.ones(2))
    with pytest.raises(IndexError, match=r"out of range: tried to access index 6 on a tensor of 6 elements"):
        facula.take(x, facula.tensor([6]))
    with pytest.raises(RuntimeError, match=r"Expected source and index to have the same number of elements"):
        x.put(facula.tensor([0, 1]), facula.ones(3))


def test_index_add_in_place_is_recorded():
    x = facula.zeros(3)
    source = facula.ones(2, requires_grad=True)
    x.index_add_(0, facula.tensor([1, 1]), source, alpha=2)
    x.sum().backward()
    assert x.tolist() == [0, 4, 0]
    assert source.grad.tolist() == [2, 2]


def test_masks_must_be_bool_and_large_enough():
    x = facula.arange(3.0)
    with pytest.raises(RuntimeError, match=r"masked_select: expected BoolTensor for mask"):
        facula.masked_select(x, facula.ones(3))
    with pytest.raises(RuntimeError, match=r"Number of elements of source < number of ones in mask"):
        x.masked_scatter(facula.ones(3).bool(), facula.zeros(2))


def test_nonzero_in_both_forms_and_out():
    x = facula.tensor([[0, 1], [2, 0]])
    rows, columns = x.nonzero(as_tuple=True)
    assert (rows.tolist(), columns.tolist()) == ([0, 1], [1, 0])
    assert facula.nonzero(facula.tensor(3)).shape == (1, 0)
    out = facula.empty(0, dtype=facula.int64)
    assert facula.nonzero(x, out=out) is out
    assert out.tolist() == [[0, 1], [1, 0]]
    with pytest.raises(NotImplementedError, match=r"meta device"):
        facula.empty(2, device="meta").nonzero()


def test_out_of_a_composed_function():
    out = facula.empty(2)
    assert facula.gather(facula.arange(3.0), 0, facula.tensor([2, 0]), out=out) is out
    assert out.tolist() == [2, 0]


def test_ties_and_zeros_share_gradients_as_derived():
    x = facula.tensor([1.0, 5.0], requires_grad=True)
    src = facula.tensor([5.0, 5.0], requires_grad=True)
    facula.scatter_reduce(x, 0, facula.tensor([1, 1]), src, "amax").sum().backward()
    assert np.allclose(x.grad.numpy(), [1, 1 / 3])
    assert np.allclose(src.grad.numpy(), [1 / 3, 1 / 3])
    src = facula.tensor([0.0, 3.0], requires_grad=True)
    facula.scatter_reduce(facula.ones(1) * 2, 0, facula.tensor([0, 0]), src, "prod").sum().backward()
    assert src.grad.tolist() == [6, 0]


def test_unravel_index_names_coordinates():
    found = facula.unravel_index(facula.tensor([5, 0]), (2, 3))
    assert [t.tolist() for t in found] == [[1, 0], [2, 0]]
    with pytest.raises(ValueError, match=r"integer dtype"):
        facula.unravel_index(facula.ones(1), (2,))


@pytest.mark.parametrize("zeros", [(1,), (0,), (0, 1), (2,)])
def test_products_with_zeros_have_second_derivatives(zeros):
    x = facula.tensor([2.0, 3.0], dtype=facula.float64)
    src = facula.tensor([4.0, 5.0, -1.5], dtype=facula.float64)
    src[list(zeros)] = 0
    index = facula.tensor([1, 1, 0])
    for include_self in (True, False):
        function = lambda a, b, s=include_self: facula.scatter_reduce(a, 0, index, b, "prod", include_self=s)
        inputs = (x.clone().requires_grad_(), src.clone().requires_grad_())
        assert facula.autograd.gradcheck(function, inputs)
        assert facula.autograd.gradgradcheck(function, inputs)


def test_gradients_of_nothing_are_on_the_tape_too():
    x, none = facula.ones(3, requires_grad=True), facula.ones(0, requires_grad=True)
    out = x.put(facula.zeros(0, dtype=facula.int64), none)
    grads = facula.autograd.grad(out, (x, none), facula.ones(3, requires_grad=True), create_graph=True)
    assert [tuple(g.shape) for g in grads] == [(3,), (0,)]
    assert all(g.requires_grad for g in grads)
    seed = facula.ones(0, requires_grad=True)
    (g,) = facula.autograd.grad(none.sort().values, none, seed, create_graph=True)
    assert g.requires_grad
    grid = facula.zeros(1, 2, 2, 2, requires_grad=True)
    picture = facula.ones(1, 1, 4, 4)
    found = facula.nn.functional.grid_sample(picture, grid, mode="nearest", align_corners=False)
    (g,) = facula.autograd.grad(found.sum() * facula.ones((), requires_grad=True), grid, create_graph=True)
    assert g.requires_grad
    assert not g.any()
