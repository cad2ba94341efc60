"""Mistakes with shapes and indices. The docstring is the message; `t` is the library, `right` follows its advice."""


def matmul_of_equal_shapes(t, right):
    """RuntimeError: matmul: mat1 and mat2 shapes cannot be multiplied, expected input's last size to equal other's
    size 2, got (2, 3) and (2, 3). Transpose the second: input @ other.mT.
    """
    a = t.ones(2, 3)
    return a @ (a.mT if right else a)


def matmul_with_a_number(t, right):
    """RuntimeError: matmul: both arguments to matmul need to be at least 1D, but they are 2D and 0D. Use * with a
    number.
    with input (2, 3) float32, other () float32
    """
    a, b = t.ones(2, 3), t.tensor(2.0)
    return a * b if right else a @ b


def mm_of_batches(t, right):
    """RuntimeError: mm: expected two matrices, got (4, 2, 3) and (4, 3, 2). Use matmul() for batches."""
    a = t.ones(4, 2, 3)
    b = t.ones(4, 3, 2)
    return t.matmul(a, b) if right else t.mm(a, b)


def bmm_without_batch(t, right):
    """RuntimeError: bmm: batch1 must be a 3D tensor and both batches equal, got (2, 3) and (3, 2). Use matmul() to
    broadcast.
    """
    a, b = t.ones(2, 3), t.ones(3, 2)
    return t.matmul(a, b) if right else t.bmm(a, b)


def dot_of_matrices(t, right):
    """RuntimeError: dot: 1D tensors expected, but got 2D and 2D tensors. Flatten them first.
    with input (2, 3) float32, tensor (2, 3) float32
    """
    a, b = t.ones(2, 3), t.ones(2, 3)
    return t.dot(a.flatten(), b.flatten()) if right else t.dot(a, b)


def add_of_unlike_shapes(t, right):
    """RuntimeError: add: expected shapes that broadcast together, got (2, 3) and (2,): the size 2 must match the size
    3 at dimension 1. Give (2,) a size of 1 at its end: .unsqueeze(-1).
    """
    a, b = t.ones(2, 3), t.ones(2)
    return a + (b.unsqueeze(1) if right else b)


def inplace_add_of_something_larger(t, right):
    """RuntimeError: add_: output with shape [3] doesn't match the broadcast shape [2, 3]. Write out of place instead.
    with target (3,) float32, value (2, 3) float32
    """
    a, b = t.ones(3), t.ones(2, 3)
    return a + b if right else a.add_(b)


def view_of_a_transpose(t, right):
    """RuntimeError: view: view size is not compatible with input tensor's size and stride, got shape (3, 2) with
    strides (1, 3). Use .reshape(...) instead.
    """
    a = t.ones(2, 3).t()
    return a.reshape(6) if right else a.view(6)


def view_of_another_size(t, right):
    """RuntimeError: view: shape '[32, 700]' is invalid for input of size 25088. Use (32, 784).
    with self (32, 1, 28, 28) float32
    """
    a = t.ones(32, 1, 28, 28)
    return a.view(32, -1) if right else a.view(32, 700)


def reshape_to_another_size(t, right):
    """RuntimeError: reshape: shape '[4, 2]' is invalid for input of size 6. Use (3, 2).
    with input (2, 3) float32
    """
    a = t.ones(2, 3)
    return a.reshape(3, -1) if right else a.reshape(4, 2)


def reshape_with_two_unknowns(t, right):
    """RuntimeError: reshape: only one dimension can be inferred, got [-1, -1]. Give all other sizes.
    with input (2, 3) float32
    """
    a = t.ones(2, 3)
    return a.reshape(-1, 3 if right else -1)


def reshape_that_cannot_infer(t, right):
    """RuntimeError: reshape: shape '[-1, 4]' is invalid for input of size 6. Choose sizes whose product is 6.
    with input (2, 3) float32
    """
    a = t.ones(2, 3)
    return a.reshape(-1, 3 if right else 4)


def cat_of_unlike_sizes(t, right):
    """RuntimeError: cat: Sizes of tensors must match except in dimension 0, expected (2, 3), got (2, 4). Join them
    along dim=1.
    """
    a, b = t.ones(2, 3), t.ones(2, 4)
    return t.cat([a, b], dim=1 if right else 0)


def cat_of_unlike_dimensions(t, right):
    """RuntimeError: cat: Tensors must have same number of dimensions, expected (2, 3), got (3,). Add the missing ones,
    e.g. with .unsqueeze(0).
    """
    a, b = t.ones(2, 3), t.ones(3)
    return t.cat([a, b.unsqueeze(0) if right else b])


def cat_of_tensors_without_list(t, right):
    """TypeError: cat: expected a list of Tensors, got one Tensor. Put them into a list: [a, b].
    with tensors (2,) float32
    """
    a = t.ones(2)
    return t.cat([a, a]) if right else t.cat(a)


def cat_of_an_empty_list(t, right):
    """ValueError: cat: expected a non-empty list of Tensors, got none. Pass at least one."""
    parts = [t.ones(2)] if right else []
    return t.cat(parts)


def stack_of_unlike_shapes(t, right):
    """RuntimeError: stack: stack expects each tensor to be equal size, but got [3] at entry 0 and [4] at entry 1. Pad
    them first.
    with tensors [(3,) float32, (4,) float32]
    """
    a, b = t.ones(3), t.ones(4)
    return t.stack([t.nn.functional.pad(a, (0, 1)) if right else a, b])


def sum_over_a_dim_that_is_not_there(t, right):
    """IndexError: sum: Dimension out of range (expected to be in range of [-2, 1], but got 2). Choose one of the
    input's dimensions.
    with input (2, 3) float32
    """
    a = t.ones(2, 3)
    return a.sum(dim=1 if right else 2)


def softmax_over_a_dim_that_is_not_there(t, right):
    """IndexError: softmax: Dimension out of range (expected to be in range of [-2, 1], but got 2). Choose one of the
    input's dimensions.
    with input (2, 3) float32
    """
    a = t.ones(2, 3)
    return t.softmax(a, dim=1 if right else 2)


def std_over_a_dim_that_is_not_there(t, right):
    """IndexError: std: Dimension out of range (expected to be in range of [-2, 1], but got 2). Choose one of the
    input's dimensions.
    with input (2, 3) float32
    """
    a = t.ones(2, 3)
    return a.std(dim=1 if right else 2)


def sum_over_one_dim_twice(t, right):
    """RuntimeError: sum: dim 0 appears multiple times in the list of dims, got (0, 0). Name each dim once.
    with input (2, 3) float32
    """
    a = t.ones(2, 3)
    return a.sum(dim=(0, 1) if right else (0, 0))


def unsqueeze_too_far(t, right):
    """IndexError: unsqueeze: Dimension out of range (expected to be in range of [-3, 2], but got 4). Choose one of the
    input's dimensions.
    with input (2, 3) float32
    """
    a = t.ones(2, 3)
    return a.unsqueeze(2 if right else 4)


def permute_with_too_few_dims(t, right):
    """RuntimeError: permute: number of dimensions in the tensor input does not match the length of the desired
    ordering: expected 3, got 2. Name each dim once.
    with input (2, 3, 4) float32
    """
    a = t.ones(2, 3, 4)
    return a.permute(0, 2, 1) if right else a.permute(1, 0)


def permute_with_a_dim_twice(t, right):
    """RuntimeError: permute: dim 0 appears multiple times in the list of dims, got (0, 2, 0). Name each dim once.
    with input (2, 3, 4) float32
    """
    a = t.ones(2, 3, 4)
    return a.permute(0, 2, 1 if right else 0)


def transpose_of_batches_with_t(t, right):
    """RuntimeError: t: t() expects a tensor with <= 2 dimensions, but self is 3D. Use .mT instead.
    with input (2, 3, 4) float32
    """
    a = t.ones(2, 3, 4)
    return a.mT if right else a.t()


def expand_of_a_size_that_is_not_one(t, right):
    """RuntimeError: expand: The expanded size of the tensor (4) must match the existing size (2) at non-singleton
    dimension 0. Target sizes: [4, 3]. Tensor sizes: [2, 3]. Copy it with .repeat() instead.
    """
    a = t.ones(2, 3)
    return a.repeat(2, 1) if right else a.expand(4, 3)


def expand_to_fewer_dims(t, right):
    """RuntimeError: expand: the number of sizes provided (1) must be greater or equal to the number of dimensions in
    the tensor (2). Add sizes in front.
    with self (2, 3) float32
    """
    a = t.ones(2, 3)
    return a.expand(-1, -1) if right else a.expand(3)


def repeat_with_too_few_counts(t, right):
    """RuntimeError: repeat: Number of dimensions of repeat dims can not be smaller than number of dimensions of
    tensor, expected at least 2, got 1. Add sizes in front.
    with self (2, 3) float32
    """
    a = t.ones(2, 3)
    return a.repeat(2, 1) if right else a.repeat(2)


def index_past_the_end(t, right):
    """IndexError: getitem: index 2 is out of bounds for dimension 0 with size 2. Use -2 to 1.
    with self (2, 3) float32
    """
    a = t.ones(2, 3)
    return a[1 if right else 2]


def more_indices_than_dims(t, right):
    """IndexError: getitem: too many indices for tensor of dimension 2, got 3 for shape (2, 3). Give at most 2."""
    a = t.ones(2, 3)
    return a[0, 1] if right else a[0, 1, 0]


def mask_of_another_shape(t, right):
    """IndexError: getitem: The shape of the mask [3] at index 0 does not match the shape of the indexed tensor [2, 3]
    at index 0. Use a mask of shape [2].
    with self (2, 3) float32, key (3,) bool
    """
    a, mask = t.ones(2, 3), t.tensor([True, False, True])
    return a[:, mask] if right else a[mask]


def index_tensor_past_the_end(t, right):
    """IndexError: getitem: index 5 is out of bounds for dimension 0 with size 5. Use -5 to 4.
    with self (5, 3) float32, key (2,) int64
    """
    a, i = t.ones(5, 3), t.tensor([0, 5])
    return a[i.clamp(max=4) if right else i]


def index_tensors_that_do_not_fit_together(t, right):
    """IndexError: getitem: shape mismatch: indexing tensors could not be broadcast together with shapes (2,), (3,). To
    pair all with all, index with i[:, None] and j.
    with self (5, 5) float32, key [(2,) int64, (3,) int64]
    """
    a, i, j = t.ones(5, 5), t.tensor([0, 1]), t.tensor([0, 1, 2])
    return a[i[:, None], j] if right else a[i, j]


def assignment_of_another_shape(t, right):
    """RuntimeError: __setitem__: The expanded size of the tensor (2, 3) must match the existing size (2,) of the
    value. Reshape the value.
    """
    a, row = t.zeros(2, 3), t.ones(2)
    a[:, 0 if right else slice(None)] = row
    return a


def index_put_of_too_many_values(t, right):
    """RuntimeError: index_put_: expected values of shape (2,), got (3,). Give one value per index.
    with self (5,) float32, indices [(2,) int64], values (3,) float32
    """
    a, i = t.zeros(5), t.tensor([0, 1])
    values = t.ones(2 if right else 3)
    return a.index_put_((i,), values)


def index_select_with_a_matrix(t, right):
    """IndexError: index_select(): Index is supposed to be a vector, expected at most 1 dimension, got 2. Flatten it
    first.
    with input (5, 3) float32, index (1, 2) int64
    """
    a, i = t.ones(5, 3), t.tensor([[0, 1]])
    return t.index_select(a, 0, i.flatten() if right else i)


def gather_of_other_dimensions(t, right):
    """RuntimeError: gather: Index tensor must have the same number of dimensions as self tensor, expected 2, got 1.
    Reshape the index, e.g. with .unsqueeze(-1).
    with input (2, 3) float32, index (2,) int64
    """
    a, i = t.ones(2, 3), t.tensor([0, 2])
    return a.gather(1, i.unsqueeze(1) if right else i)


def gather_past_the_end(t, right):
    """RuntimeError: gather: index 3 is out of bounds, expected 0 to 2 (index out of range in self). Clamp the indices.
    with input (2, 3) float32, index (2, 1) int64
    """
    a, i = t.ones(2, 3), t.tensor([[0], [3]])
    return a.gather(1, i.clamp(max=2) if right else i)


def scatter_past_the_end(t, right):
    """RuntimeError: scatter: index 3 is out of bounds, expected 0 to 2 (index out of range in self). Clamp the
    indices.
    with input (2, 3) float32, index (2, 1) int64, src (2, 1) float32
    """
    a, i = t.zeros(2, 3), t.tensor([[0], [3]])
    return a.scatter_(1, i.clamp(max=2) if right else i, 1.0)


def scatter_of_another_type(t, right):
    """RuntimeError: scatter(): Expected self.dtype to be equal to src.dtype, got facula.float32 and facula.int64.
    Convert src with .to().
    with input (2, 3) float32, index (2, 1) int64, src (2, 1) int64
    """
    a, i = t.zeros(2, 3), t.tensor([[0], [1]])
    source = t.tensor([[1], [2]])
    return a.scatter_(1, i, source.float() if right else source)


def split_into_sizes_that_do_not_add_up(t, right):
    """RuntimeError: split: split_with_sizes expects split_sizes to sum exactly to 5 (input tensor's size at dimension
    0), but got split_sizes=[2, 2]. Make their sum 5.
    with tensor (5, 2) float32
    """
    a = t.ones(5, 2)
    return t.split(a, [2, 3 if right else 2])


def chunks_of_no_number(t, right):
    """RuntimeError: chunk: chunk expects `chunks` to be greater than 0, got: 0. Pass a positive count.
    with input (5, 2) float32
    """
    a = t.ones(5, 2)
    return a.chunk(2 if right else 0)


def narrow_past_the_end(t, right):
    """RuntimeError: narrow: start (3) + length (3) exceeds dimension size (5). Use a length of at most 2.
    with input (5, 2) float32
    """
    a = t.ones(5, 2)
    return a.narrow(0, 3, 2 if right else 3)


def more_of_the_largest_than_there_are(t, right):
    """RuntimeError: topk: selected index k out of range, expected 0 to 3, got 5. Use k=3.
    with input (2, 3) float32
    """
    a = t.ones(2, 3)
    return a.topk(3 if right else 5)


def einsum_of_unlike_sizes(t, right):
    """RuntimeError: einsum(): subscript j has size 2 for an operand which does not broadcast with previously seen size
    3. Give unlike sizes unlike letters.
    with operands [(2, 3) float32, (2, 4) float32]
    """
    a, b = t.ones(2, 3), t.ones(2, 4)
    return t.einsum("ij,ik->jk" if right else "ij,jk->ik", a, b)


def einsum_with_too_few_letters(t, right):
    """RuntimeError: einsum(): the number of subscripts in the equation (2) does not match the number of dimensions (3)
    for an operand and no ellipsis was given, in 'ij,jk->ik'. Name each dimension.
    with operands [(5, 2, 3) float32, (5, 3, 4) float32]
    """
    a, b = t.ones(5, 2, 3), t.ones(5, 3, 4)
    return t.einsum("bij,bjk->bik" if right else "ij,jk->ik", a, b)


def flatten_the_wrong_way_round(t, right):
    """RuntimeError: flatten: flatten() has invalid args: start_dim cannot come after end_dim, got 2 and 1. Exchange
    them.
    with input (2, 3, 4) float32
    """
    a = t.ones(2, 3, 4)
    return a.flatten(1, 2) if right else a.flatten(2, 1)


def unflatten_into_sizes_that_do_not_fit(t, right):
    """RuntimeError: unflatten: Provided sizes [2, 4] don't multiply up to the size of dim 1 (6) in the input tensor.
    Use -1 for one of them.
    with input (2, 6) float32
    """
    a = t.ones(2, 6)
    return a.unflatten(1, (2, -1 if right else 4))


def largest_of_nothing(t, right):
    """RuntimeError: max(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim
    with the 'dim' argument.
    with input (0,) float32
    """
    a = t.ones(3 if right else 0)
    return a.max()


def inverse_of_a_rectangle(t, right):
    """RuntimeError: linalg.inv: A must be batches of square matrices, but they are 2 by 3 matrices. Pass square
    matrices.
    with A (2, 3) float32
    """
    a = t.ones(2, 3)
    return t.linalg.inv(a[:, :2] + t.eye(2) if right else a)


def inverse_of_a_singular_matrix(t, right):
    """LinAlgError: linalg.inv: The diagonal element is zero, the inversion could not be completed because the input
    matrix is singular. Use linalg.pinv().
    with A (2, 2) float32
    """
    a = t.ones(2, 2)
    return t.linalg.pinv(a) if right else t.linalg.inv(a)


def cholesky_of_an_indefinite_matrix(t, right):
    """LinAlgError: linalg.cholesky: The factorization could not be completed because the input is not
    positive-definite (the leading minor of order 2 is not positive-definite). Add a small multiple of the identity.
    with A (2, 2) float32
    """
    a = t.tensor([[1.0, 2.0], [2.0, 1.0]])
    return t.linalg.cholesky(a @ a.mT + t.eye(2) if right else a)


def padding_of_too_many_dims(t, right):
    """RuntimeError: pad: Padding length should be less than or equal to two times the input dimension but got padding
    length 6 and input of dimension 2. Give fewer numbers.
    with input (2, 3) float32
    """
    a = t.ones(2, 3)
    return t.nn.functional.pad(a, (1, 1, 1, 1) if right else (1, 1, 1, 1, 1, 1))


def masked_fill_of_another_shape(t, right):
    """RuntimeError: masked_fill: expected shapes that broadcast together, got (2,) and (2, 3): the size 3 must match
    the size 2 at dimension 1. Give (2,) a size of 1 at its end: .unsqueeze(-1).
    with input (2, 3) float32, mask (2,) bool, value () float32
    """
    a, mask = t.ones(2, 3), t.tensor([True, False])
    return a.masked_fill(mask.unsqueeze(1) if right else mask, 0.0)


def mask_of_scores_upside_down(t, right):
    """RuntimeError: masked_select: expected shapes that broadcast together, got (4, 2, 3) and (4, 3): the size 4 must
    match the size 2 at dimension 1. Make these sizes equal, or one of them 1.
    """
    a, mask = t.ones(4, 2, 3), t.ones(4, 3, dtype=t.bool)
    return a.masked_select(mask.unsqueeze(1) if right else mask)


def rolling_without_a_dim_for_each_shift(t, right):
    """RuntimeError: roll: shifts and dimensions must align, got shifts: 2, dims: 1. Pass one shift per dim.
    with input (2, 3) float32
    """
    a = t.ones(2, 3)
    return a.roll((1, 1), (0, 1) if right else (0,))
