"""Views share memory, copies do not; strides, diagonals, splits and joins; tensors that change their own shape."""

import pytest

import facula

VIEWS = {
    "diagonal": lambda x: x.diagonal(),
    "unfold": lambda x: x.unfold(0, 2, 1),
    "as_strided": lambda x: x.as_strided((2,), (1,), 0),
    "unflatten": lambda x: x.unflatten(1, (2, 2)),
    "hsplit": lambda x: x.hsplit(2)[0],
    "tensor_split": lambda x: x.tensor_split(3)[0],
    "atleast_3d": lambda x: facula.atleast_3d(x),
    "ravel": lambda x: x.ravel(),
    "meshgrid": lambda x: facula.meshgrid(x[0], x[1], indexing="ij")[0],
    "broadcast_tensors": lambda x: facula.broadcast_tensors(x, facula.ones(2, 3, 4))[0],
    "adjoint": lambda x: x.adjoint(),
}
COPIES = {
    "flip": lambda x: x.flip(0), "roll": lambda x: x.roll(1, 0), "repeat": lambda x: x.repeat(1, 1), "tile": lambda x: x.tile((1,)),
    "rot90": lambda x: x.rot90(0), "diag": lambda x: x.diag(), "tril": lambda x: x.tril(9), "narrow_copy": lambda x: x.narrow_copy(0, 0, 1),
}  # fmt: skip


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_sees_writes_and_writes_through(name):
    x = facula.arange(12.0).view(3, 4).clone()
    view = VIEWS[name](x)
    before = view.sum().item()
    x += 1
    assert view.sum().item() == before + view.numel()
    assert view._base is not None


@pytest.mark.parametrize("name", COPIES)
def test_a_copy_has_memory_of_its_own(name):
    x = facula.arange(12.0).view(3, 4).clone()
    copy = COPIES[name](x)
    before = copy.tolist()
    x += 1
    assert copy.tolist() == before


def test_writes_through_strided_views_are_recorded():
    x = facula.zeros(3, 3, requires_grad=True)
    y = x * 1
    y.diagonal().mul_(2).add_(1)
    y.as_strided((3,), (1,), 3).copy_(facula.ones(3))
    y.sum().backward()
    assert x.grad.tolist() == [[2, 1, 1], [0, 0, 0], [1, 1, 2]]


def test_scatters_into_views():
    x = facula.zeros(2, 3)
    assert x.diagonal_scatter(facula.ones(2)).tolist() == [[1, 0, 0], [0, 1, 0]]
    assert x.select_scatter(facula.ones(2), 1, -1).tolist() == [[0, 0, 1], [0, 0, 1]]
    assert x.slice_scatter(facula.ones(2, 1), 1, 0, 1).tolist() == [[1, 0, 0], [1, 0, 0]]
    with pytest.raises(RuntimeError, match=r"expected src to have a size equal to the slice of self"):
        x.select_scatter(facula.ones(3), 1, 0)
    with pytest.raises(IndexError, match=r"index 3 out of range for tensor of size \[2, 3\] at dimension 1"):
        x.select_scatter(facula.ones(2), 1, 3)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: x.repeat(2), RuntimeError, "Number of dimensions of repeat dims can not be smaller"),
        (lambda x: x.roll((1, 2), 0), RuntimeError, "shifts and dimensions must align"),
        (lambda x: x.rot90(1, (0, 0)), RuntimeError, "rotation dims to be different"),
        (lambda x: x[0].fliplr(), RuntimeError, "Input must be >= 2-d"),
        (lambda x: x[0].tril(), RuntimeError, "tril: input tensor must have at least 2 dimensions"),
        (lambda x: x.diagonal(0, 1, 1), RuntimeError, "diagonal dimensions cannot be identical"),
        (lambda x: x.unfold(1, 4, 1), RuntimeError, "maximum size for tensor at dimension 1 is 3 but size is 4"),
        (lambda x: x.unfold(1, 2, 0), RuntimeError, "step is 0 but must be > 0"),
        (lambda x: x.as_strided((9,), (1,)), RuntimeError, "out of bounds for storage of size 6"),
        (lambda x: x.as_strided((2,), (-1,)), RuntimeError, "Negative strides are not supported"),
        (
            lambda x: x.unflatten(1, (2, 2)),
            RuntimeError,
            r"Provided sizes \[2, 2\] don't multiply up to the size of dim 1",
        ),
        (
            lambda x: x.repeat_interleave(facula.tensor([1, 2, 3]), 0),
            RuntimeError,
            "repeats must have the same size as input along dim",
        ),
        (lambda x: x.repeat_interleave(-1), RuntimeError, "Repeats must be non-negative"),
        (lambda x: facula.cartesian_prod(x), RuntimeError, "Expect a 1D vector"),
        (lambda x: facula.meshgrid(x), RuntimeError, "Expected 0D or 1D tensor"),
        (lambda x: x.hsplit(2), RuntimeError, "is not divisible by the split_size 2"),
        (lambda x: x[0].vsplit(1), RuntimeError, "requires a tensor with at least 2 dimension"),
        (lambda x: x.tensor_split(0), RuntimeError, "number of sections must be larger than 0"),
        (lambda x: facula.combinations(x), RuntimeError, "Expect a 1D vector, but got 2D"),
        (lambda x: facula.broadcast_shapes((2,), (3,)), RuntimeError, "expected shapes that broadcast together"),
        (lambda x: x.requires_grad_().resize_(2), RuntimeError, "cannot resize variables that require grad"),
        (lambda x: x.requires_grad_().unsqueeze_(0), RuntimeError, "a leaf Variable that requires grad"),
        (lambda x: x.fill_(facula.ones(2)), RuntimeError, "fill only supports 0-dimension value tensor"),
        (lambda x: x.sum_to_size(3, 3), RuntimeError, "is not expandable to size"),
        (lambda x: x[0].adjoint(), RuntimeError, "only supported on matrices"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call(facula.ones(2, 3))


def test_a_tensor_changes_its_own_shape_and_keeps_its_history():
    x = facula.ones(2, 3, requires_grad=True)
    y = x * 2
    assert y.t_() is y
    assert y.unsqueeze_(0).shape == (1, 3, 2)
    assert y.squeeze_(0).transpose_(0, 1).shape == (2, 3)
    y[0] *= 5
    y.sum().backward()
    assert x.grad.tolist() == [[10] * 3, [2] * 3]


def test_resize_keeps_elements():
    x = facula.arange(6)
    assert x.resize_(2, 2) is x
    assert x.tolist() == [[0, 1], [2, 3]]
    assert x.resize_(6).tolist() == [0, 1, 2, 3, 4, 5]
    assert x.resize_as_(facula.ones(3, 3)).shape == (3, 3)


def test_fill_diagonal():
    assert facula.zeros(2, 3).fill_diagonal_(4).tolist() == [[4, 0, 0], [0, 4, 0]]
    assert facula.zeros(5, 2).fill_diagonal_(1, wrap=True).tolist() == [[1, 0], [0, 1], [0, 0], [1, 0], [0, 1]]


def test_fill_and_zero_keep_a_graph_with_zero_gradients():
    x = facula.ones(2, requires_grad=True)
    y = (x * 2).zero_()
    (y + x).sum().backward()
    assert x.grad.tolist() == [1, 1]


def test_pieces_of_what_cannot_be_split():
    with pytest.raises(RuntimeError, match="split expects at least a 1-dimensional tensor"):
        facula.tensor(4).split(1)
    with pytest.raises(
        RuntimeError, match=r"split_sizes have only non-negative entries, but got split_sizes=\[-1, 5\]"
    ):
        facula.ones(4).split([-1, 5])
    with pytest.raises(RuntimeError, match=r"view: invalid shape dimension -2, got \[-2, -1\]"):
        facula.ones(4).view(-2, -1)
    assert [piece.tolist() for piece in facula.arange(5).split([2, 0, 3])] == [[0, 1], [], [2, 3, 4]]
    assert [piece.tolist() for piece in facula.arange(6).view(2, 3).unbind(1)] == [[0, 3], [1, 4], [2, 5]]


def test_a_single_row_through_a_linear_layer():
    weight, bias = facula.arange(12.0).view(4, 3), facula.arange(4.0)
    row = facula.tensor([1.0, -1.0, 2.0])
    expected = facula.nn.functional.linear(facula.stack([row, row]), weight, bias)[0].tolist()
    for shape in ((3,), (1, 3), (1, 1, 3)):
        out = facula.nn.functional.linear(row.view(shape), weight, bias)
        assert out.shape == (*shape[:-1], 4)
        assert out.flatten().tolist() == expected
    assert facula.nn.functional.linear(facula.ones(1, 3, 0), facula.ones(4, 0)).tolist() == [[[0.0] * 4] * 3]


@pytest.mark.parametrize("rows", [2, 31, 32, 33])
def test_few_rows_through_a_large_linear_layer(rows):
    generator = facula.Generator().manual_seed(0)
    x, weight, bias = (facula.randn(*size, generator=generator) for size in ((rows, 96), (200, 96), (200,)))
    for shape in ((rows, 96), (1, rows, 96)):
        out = facula.nn.functional.linear(x.view(shape), weight, bias)
        assert out.is_contiguous()
        facula.testing.assert_close(out.view(rows, 200), x @ weight.T + bias, atol=1e-4, rtol=1e-4)


def test_plain_keys_read_and_write_as_any_others():
    x = facula.arange(24).view(2, 3, 4)
    assert x[1, :, -1].tolist() == [15, 19, 23]
    assert x[:, 5:, ::2].shape == (2, 0, 2)
    x[0, 1:, 3] = facula.tensor([-1, -2])
    assert x[0, :, 3].tolist() == [3, -1, -2]
    x[:, 0, 0] = 0.5  # a number of another type is cut
    assert x[:, 0, 0].tolist() == [0, 0]
    with pytest.raises(IndexError, match="index 3 is out of bounds for dimension 1 with size 3"):
        x[:, 3]
    with pytest.raises(ValueError, match="step must be greater than zero"):
        x[:, ::-1]
    with pytest.raises(IndexError, match="too many indices for tensor of dimension 3"):
        x[0, 0, 0, 0]
