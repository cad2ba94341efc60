"""Rows of a table: embedding, embedding_bag, one_hot."""

from __future__ import annotations

from typing import Any

import numpy as np

from facula.autograd.function import Function
from facula.autograd.op import arg, op, sample
from facula.autograd.primitives import cast
from facula.autograd.state import lanewise, state
from facula.devices.meta import Meta
from facula.errors import assertion_error, index_error, not_implemented_error, runtime_error, value_error
from facula.ops.index import add_at, index_op, put_op, row_sums
from facula.ops.sparse_tensor import SparseTensor
from facula.tensors.inplace import bump
from facula.tensors.tensor import wrap

_IDS: Any = {"dtype": "int64", "low": 0, "high": 4}


def _embedding_shape(weight, indices, padding_idx, scale_grad_by_freq):
    if weight.ndim != 2:
        raise runtime_error(
            f"embedding: 'weight' must be 2-D, got shape {tuple(weight.shape)}. Give one row per index."
        )
    if indices.dtype.kind not in "iu":
        raise runtime_error(
            "embedding: Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, "
            f"Int; but got {indices.dtype.name} instead. Convert it with .long()."
        )
    return Meta((*indices.shape, weight.shape[1]), weight.dtype)


def check_rows(name, indices, rows):
    """Refuse indices that are no rows of the table."""
    if indices.size and (indices.min() < 0 or indices.max() >= rows):
        bad = indices.min() if indices.min() < 0 else indices.max()
        raise index_error(
            f"{name}: index out of range in self, expected indices from 0 to {rows - 1}, got {bad}. "
            f"{'Count rows from 0' if bad < 0 else f'Build the layer with num_embeddings={bad + 1}'}."
        )


@op(_embedding_shape, onnx="Gather", half=False, samples=[
    sample((5, 3), arg((2, 4), **_IDS), padding_idx=-1, scale_grad_by_freq=False),
    sample((5, 3), arg(values=[1, 1, 2]), padding_idx=4, scale_grad_by_freq=False),
])  # fmt: skip
def embedding_op(xp, weight, indices, /, padding_idx, scale_grad_by_freq):
    """weight[indices]; the row padding_idx gets no gradient."""
    if weight.ndim != 2 or indices.dtype.kind not in "iu":
        _embedding_shape(weight, indices, padding_idx, scale_grad_by_freq)
    if xp is np:
        try:
            out = weight.take(indices, axis=0)
        except IndexError:
            check_rows("embedding", indices, weight.shape[0])
            raise
        if indices.size and indices.min() < 0:
            check_rows("embedding", indices, weight.shape[0])
        return out
    return weight[indices]


def _embedding_weight(g, indices, shapes, padding_idx, scale_grad_by_freq):
    g = g.reshape(-1, shapes[0][1])
    indices = indices.reshape(-1)
    if padding_idx >= 0:
        g = g.masked_fill((indices == padding_idx).unsqueeze(1), 0)
    if scale_grad_by_freq:
        counts = put_op(
            g.new_zeros((shapes[0][0],)), g.new_ones(indices.shape), indices, positions=(0,), accumulate=True
        )
        g = g / index_op(counts, indices, positions=(0,)).unsqueeze(1)
    return put_op(g.new_zeros(shapes[0]), g, indices, positions=(0,), accumulate=True)


def sum_rows(xp, g, indices, rows):
    """out[i] = the sum of all g[k] with indices[k] == i."""
    if xp is not np or not indices.size:
        return add_at(xp, xp.zeros((rows, g.shape[1]), g.dtype), indices, g)
    return row_sums(g, indices, rows)


def _embedding_array(g, indices, shapes, padding_idx, scale_grad_by_freq, xp):
    g, indices = g.reshape(-1, shapes[0][1]), indices.reshape(-1)
    if scale_grad_by_freq:
        g = g / xp.bincount(indices, minlength=shapes[0][0])[indices][:, None].astype(g.dtype)
    out = sum_rows(xp, g, indices, shapes[0][0])
    if padding_idx >= 0:
        out[padding_idx] = 0
    return out


embedding_op.vjp(weight=_embedding_weight)
embedding_op.array_vjp(weight=_embedding_array)


class _SparseRows(Function):
    """`embedding_op` whose gradient is a COO tensor of the rows that were looked up."""

    @staticmethod
    def forward(ctx, weight, indices, padding_idx):
        ctx.save_for_backward(indices)
        ctx.shape, ctx.padding_idx = weight.shape, padding_idx
        return embedding_op(weight, indices, padding_idx, False)

    @staticmethod
    def backward(ctx, g):
        indices = ctx.saved_tensors[0].reshape(-1).long()
        g = g.reshape((-1, ctx.shape[1]))
        if ctx.padding_idx >= 0:
            used = wrap(np.flatnonzero(indices.cpu().array != ctx.padding_idx)).to(g.device)
            indices, g = indices[used], g[used]
        return SparseTensor(indices.unsqueeze(0), g, ctx.shape), None, None


def _rows(weight, indices, padding_idx, scale_grad_by_freq, sparse):
    recorded = sparse and state.grad and weight.requires_grad
    if recorded and not any(i.batches for i in state.interpreters):
        if scale_grad_by_freq:
            raise runtime_error(
                "embedding: scale_grad_by_freq not supported with sparse gradients, expected False, got True. Pass sparse=False."
            )
        return _SparseRows.apply(weight, indices, padding_idx)
    return embedding_op(weight, indices, padding_idx, scale_grad_by_freq)


def _padding_row(name, padding_idx, rows):
    if padding_idx is None:
        return -1
    if not -rows <= padding_idx < rows:
        raise assertion_error(
            f"{name}: Padding_idx must be within num_embeddings, expected from {-rows} to {rows - 1}, got "
            f"{padding_idx}. Choose a row of the table."
        )
    return padding_idx % rows if rows else -1


def _renorm_rows(weight, indices, max_norm, norm_type):
    """Scale the rows that are looked up and longer than max_norm down to it, in place."""
    if weight.is_meta:
        return
    table = weight.array
    rows = np.unique(indices.array) if type(table) is np.ndarray else indices.array.ravel()
    norms = (
        (abs(table[rows]) ** norm_type).sum(axis=1) ** (1 / norm_type)
        if norm_type != float("inf")
        else abs(table[rows]).max(axis=1)
    )
    factor = max_norm / (norms + 1e-7)
    factor[norms <= max_norm] = 1
    table[rows] *= factor[:, None].astype(table.dtype)
    bump(weight, "embedding_renorm_")


def functional_embedding(
    input, weight, padding_idx=None, max_norm=None, norm_type=2.0, scale_grad_by_freq=False, sparse=False
):
    """The rows of `weight` that `input` names.

    padding_idx: a row without gradient; sparse: the gradient is a COO tensor of the rows used;
    max_norm: longer rows are first scaled down, in place.
    Shape: indices (*), weight (V, D) -> (*, D).

    >>> import facula
    >>> facula.nn.functional.embedding(facula.tensor([1, 0]), facula.tensor([[1., 2.], [3., 4.]]))
    tensor([[3., 4.],
            [1., 2.]])
    """
    padding = -1 if padding_idx is None else _padding_row("embedding", padding_idx, weight.shape[0])
    if max_norm is not None:
        check_rows("embedding", input.array, weight.shape[0])
        _renorm_rows(weight, input, max_norm, norm_type)
    return _rows(weight, input, padding, scale_grad_by_freq, sparse)


def embedding(weight, indices, padding_idx=-1, scale_grad_by_freq=False, sparse=False):
    """The rows of `weight` that `indices` names.   Shape: weight (V, D), indices (*) -> (*, D).

    >>> import facula
    >>> facula.embedding(facula.tensor([[1., 2.], [3., 4.]]), facula.tensor([1, 0]))
    tensor([[3., 4.],
            [1., 2.]])
    """
    return _rows(weight, indices, padding_idx, scale_grad_by_freq, sparse)


def embedding_renorm_(self, indices, max_norm, norm_type):
    """Scale the rows of this table that `indices` names down to the norm max_norm, in place.

    Shape: (V, D), indices (*) -> (V, D).
    """
    _renorm_rows(self, indices, max_norm, norm_type)
    return self


@lanewise
def one_hot(tensor, num_classes=-1):
    """A last dimension with 1 at each class index and 0 elsewhere, int64.   Shape: (*) -> (*, num_classes).

    >>> import facula
    >>> facula.nn.functional.one_hot(facula.tensor([0, 2]))
    tensor([[1, 0, 0],
            [0, 0, 1]])
    """
    from facula.ops.create import arange

    if tensor.array.dtype != np.int64:
        raise runtime_error(
            f"one_hot: one_hot is only applicable to index tensor of type LongTensor, got {tensor.dtype}. Convert it "
            "with .long()."
        )
    if not tensor.numel() and num_classes <= 0:
        raise runtime_error(
            "one_hot: Can not infer total number of classes from empty tensor, expected num_classes. Pass it."
        )
    lowest = 0 if tensor.is_meta or not tensor.numel() else int(tensor.array.min())
    if lowest < 0:
        raise runtime_error(f"one_hot: Class values must be non-negative, got {lowest}. Count classes from 0.")
    if num_classes == -1:
        num_classes = int(tensor.array.max()) + 1
    elif not tensor.is_meta and tensor.numel() and int(tensor.array.max()) >= num_classes:
        raise runtime_error(
            f"one_hot: Class values must be smaller than num_classes, got {int(tensor.array.max())} and "
            f"{num_classes}. Raise num_classes."
        )
    return (tensor.unsqueeze(-1) == arange(num_classes, device=tensor.device)).long()


def _bags(input, offsets, include_last_offset):
    """(flat indices, the bag of each index, the number of bags)."""
    if input.ndim == 2:
        if offsets is not None:
            raise value_error(
                "embedding_bag: if input is 2D, then offsets has to be None, as input is treated is a mini-batch of "
                "fixed length sequences. Leave it out."
            )
        n, length = input.shape
        return input.reshape(-1), np.repeat(np.arange(n), length), n
    if input.ndim != 1:
        raise value_error(
            f"embedding_bag: input has to be 1D or 2D Tensor, but got Tensor of dimension {input.ndim}. Reshape it."
        )
    if offsets is None:
        raise value_error("embedding_bag: offsets has to be a 1D Tensor but got None. Say where each bag starts.")
    if offsets.ndim != 1:
        raise value_error(f"embedding_bag: offsets has to be a 1D Tensor, got {offsets.ndim}D. Reshape it.")
    starts = np.asarray(offsets.cpu().array)
    if starts.size and starts[0] != 0:
        raise runtime_error(
            "embedding_bag: offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from "
            f"position 0. However, got {starts[0]}."
        )
    if starts.size and starts[-1] > input.shape[0]:
        raise runtime_error(
            f"embedding_bag: offsets[-1] can not be greater than input's length {input.shape[0]}, got {starts[-1]}. "
            "Check the offsets."
        )
    bags = starts.size - 1 if include_last_offset else starts.size
    return input, np.searchsorted(starts[:bags], np.arange(input.shape[0]), side="right") - 1, bags


@lanewise
def functional_embedding_bag(
    input, weight, offsets=None, max_norm=None, norm_type=2, scale_grad_by_freq=False, mode="mean", sparse=False, per_sample_weights=None,
    include_last_offset=False, padding_idx=None,
):  # fmt: skip
    """The sum, mean or maximum of each bag of rows of `weight`; a bag is a row of a 2-D input, or begins at each offset.

    Shape: input (B, n), or (n) with offsets (B), weight (V, D) -> (B, D).

    >>> import facula
    >>> facula.nn.functional.embedding_bag(facula.tensor([[0, 1]]), facula.tensor([[1., 2.], [3., 4.]]))
    tensor([[2., 3.]])
    """
    if sparse and mode == "max":
        raise value_error(
            "embedding_bag: max mode does not support sparse weights, got sparse=True. Use mode='sum' or 'mean'."
        )
    if weight.array.dtype.kind in "iu" and input.array.dtype.kind == "f":
        input, weight = weight, input
    if per_sample_weights is not None and mode != "sum":
        raise not_implemented_error(
            "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported for mode='sum' "
            f"(got mode='{mode}'). Use mode='sum'."
        )
    if mode not in ("sum", "mean", "max"):
        raise value_error(f"embedding_bag: mode has to be one of sum, mean or max, got {mode!r}. Choose one of these.")
    if per_sample_weights is not None and tuple(per_sample_weights.shape) != tuple(input.shape):
        raise value_error(
            f"embedding_bag: If per_sample_weights ({tuple(per_sample_weights.shape)}) is not None, then it must have "
            f"the same shape as the input ({tuple(input.shape)}). Reshape it."
        )
    flat, bag, bags = _bags(input, offsets, include_last_offset)
    if max_norm is not None:
        _renorm_rows(weight, flat, max_norm, norm_type)
    padding = -1 if padding_idx is None else _padding_row("embedding_bag", padding_idx, weight.shape[0])
    rows = _rows(weight, flat, padding, scale_grad_by_freq and mode != "max", sparse)
    if per_sample_weights is not None:
        rows = rows * per_sample_weights.reshape(-1, 1)
    return _collapse(rows, np.asarray(flat.cpu().array), bag, bags, mode, padding)


def _collapse(rows, flat, bag, bags, mode, padding):
    used = np.flatnonzero(flat != padding) if padding >= 0 else None
    if used is not None and used.size != flat.size:
        rows, bag = index_op(rows, wrap(used), positions=(0,)), bag[used]
    counts = np.bincount(bag, minlength=bags)
    if mode == "max":
        return _bag_max(rows, bag, bags)
    out = put_op(rows.new_zeros((bags, rows.shape[1])), rows, wrap(bag), positions=(0,), accumulate=True)
    if mode == "mean":
        out = out / cast(wrap(np.maximum(counts, 1)), rows.array.dtype).unsqueeze(1)
    return out


def _bag_max(rows, bag, bags):
    """The maximum of each bag, column by column; empty bags give 0."""
    array = rows.detach().cpu().array
    n, width = array.shape
    best = np.full((bags, width), -1)
    for k in range(n):
        at = best[bag[k]]
        better = (at < 0) | (array[k] > array[at, np.arange(width)])
        best[bag[k]] = np.where(better, k, at)
    if not n:
        return rows.new_zeros((bags, width))
    picked = index_op(rows, wrap(np.maximum(best, 0)), wrap(np.arange(width)), positions=(0, 1))
    return picked.masked_fill(wrap(best < 0), 0)
