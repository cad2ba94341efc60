"""Norms, distances and products of pairs of vectors: cosine_similarity, pairwise_distance, cdist, pdist, bilinear."""

from __future__ import annotations

import math

import numpy as np

from facula.autograd.op import op, sample
from facula.autograd.state import whole
from facula.errors import runtime_error, value_error
from facula.ops.compare import where
from facula.ops.index import index_op
from facula.ops.matmul import matmul
from facula.ops.rules import broadcast_shapes, reduced
from facula.tensors.tensor import wrap


@op(reduced, onnx=None, samples=[
    sample((3, 4), dim=(1,), keepdim=False, p=2.0), sample((2, 3, 4), dim=(-1,), keepdim=True, p=3.0), sample((2, 3), dim=(1,), keepdim=False, p=1.0),
    sample((2, 3), dim=(1,), keepdim=False, p=math.inf),
])  # fmt: skip
def p_norm_op(xp, input, /, dim, keepdim, p):
    """(sum of |input| ** p) ** (1 / p) over dim."""
    if p == 2 and input.dtype.kind == "f":
        return xp.sqrt((input * input).sum(axis=dim, keepdims=keepdim))
    size = xp.abs(input)
    if p == 0:
        return (size != 0).sum(axis=dim, keepdims=keepdim).astype(size.dtype)
    if p == 1:
        return size.sum(axis=dim, keepdims=keepdim)
    if math.isinf(p):
        empty = not input.size
        return (
            size.sum(axis=dim, keepdims=keepdim)
            if empty
            else (size.max if p > 0 else size.min)(axis=dim, keepdims=keepdim)
        )
    return (size**p).sum(axis=dim, keepdims=keepdim) ** (1 / p)


def _norm_slope(g, input, out, dim, keepdim, p):
    if not keepdim:
        for d in sorted(d % input.ndim for d in dim):
            g, out = g.unsqueeze(d), out.unsqueeze(d)
    zero = out == 0
    if p == 0:
        return input * 0
    if p == 1:
        return g * input.sgn()
    if math.isinf(p):
        hit = (input.abs() == out).to(g.dtype)
        return input.sgn() * hit * (g / hit.sum(dim, keepdim=True))
    if p == 2:
        return input * (g / out.masked_fill(zero, 1)).masked_fill(zero, 0)
    size = input.abs()
    still = size == 0
    slope = input.sgn() * size.masked_fill(still, 1) ** (p - 1) * (g / out.masked_fill(zero, 1) ** (p - 1))
    return slope.masked_fill(still if p >= 1 else zero | still, 0)


p_norm_op.vjp(input=_norm_slope)


def p_norm(input, p, dim, keepdim=False):
    """The p-norm over dim (an int or several), with gradient 0 where it is 0."""
    if not input.ndim:
        return input.abs() if p else (input != 0).to(input.dtype)
    return p_norm_op(input, (dim,) if isinstance(dim, int) else tuple(dim), keepdim, float(p))


def pairwise_distance(x1, x2, p=2.0, eps=1e-6, keepdim=False):
    """The p-norm of x1 - x2 + eps over the last dimension.   Shape: (*, n), (*, n) -> (*), or (*, 1) with keepdim.

    >>> import facula
    >>> facula.nn.functional.pairwise_distance(facula.tensor([[0., 0.]]), facula.tensor([[3., 4.]]))
    tensor([5.0000])
    """
    return p_norm(x1 - x2 + eps, p, -1, keepdim)


@whole
def cosine_similarity(x1, x2, dim=1, eps=1e-8):
    """The cosine of the angle between x1 and x2 along dim: x1 . x2 / (max(|x1|, eps) * max(|x2|, eps)).

    Shape: (*), (*) that broadcast together -> their common shape without `dim`.

    >>> import facula
    >>> facula.cosine_similarity(facula.tensor([1., 0.]), facula.tensor([1., 1.]), dim=0)
    tensor(0.7071)
    """
    if not (x1.is_floating_point() or x1.is_complex() or x2.is_floating_point()):
        raise runtime_error(
            f"cosine_similarity: expected common dtype to be floating point, yet common dtype is {x1.dtype}. Convert "
            "with .float()."
        )
    shape = broadcast_shapes(tuple(x1.shape), tuple(x2.shape), name="cosine_similarity")
    x1, x2 = x1.expand(shape), x2.expand(shape)
    first, second = p_norm(x1, 2, dim, True), p_norm(x2, 2, dim, True)
    return ((x1 / where(first > eps, first, eps)) * (x2 / where(second > eps, second, eps))).sum(dim)


@whole
def cdist(x1, x2, p=2.0, compute_mode="use_mm_for_euclid_dist_if_necessary"):
    """The p-norm distance of each row of x1 to each row of x2.   Shape: (*, P, M), (*, R, M) -> (*, P, R).

    >>> import facula
    >>> facula.cdist(facula.tensor([[0., 0.]]), facula.tensor([[3., 4.]]))
    tensor([[5.]])
    """
    if x1.ndim < 2 or x2.ndim < 2:
        raise runtime_error(
            f"cdist: cdist only supports at least 2D tensors, X1 got: {x1.ndim}D and X2 got: {x2.ndim}D. Add "
            "dimensions with .unsqueeze()."
        )
    if x1.shape[-1] != x2.shape[-1]:
        raise runtime_error(
            f"cdist: X1 and X2 must have the same number of columns. X1: {x1.shape[-1]} X2: {x2.shape[-1]}. Compare "
            "vectors of one length."
        )
    if p < 0:
        raise runtime_error(f"cdist: cdist only supports non-negative p values, got {p}. Use e.g. p=2.0.")
    if compute_mode not in (
        None,
        "use_mm_for_euclid_dist_if_necessary",
        "use_mm_for_euclid_dist",
        "donot_use_mm_for_euclid_dist",
    ):
        raise value_error(
            f"cdist: {compute_mode} is not a valid value for compute_mode, expected one of the three modes. Leave it "
            "out."
        )
    large = x1.shape[-2] > 25 or x2.shape[-2] > 25
    if p == 2 and (
        compute_mode == "use_mm_for_euclid_dist" or (large and compute_mode != "donot_use_mm_for_euclid_dist")
    ):
        squares = (x1 * x1).sum(-1, keepdim=True) + (x2 * x2).sum(-1, keepdim=True).mT - matmul(x1, x2.mT) * 2
        positive = squares > 0
        return where(positive, squares, 1.0).sqrt().masked_fill(~positive, 0)
    return p_norm(x1.unsqueeze(-2) - x2.unsqueeze(-3), p, -1)


@whole
def pdist(input, p=2.0):
    """The p-norm distances of all pairs of rows, row by row.   Shape: (N, M) -> (N (N - 1) / 2).

    >>> import facula
    >>> facula.nn.functional.pdist(facula.tensor([[0., 0.], [3., 4.]]))
    tensor([5.])
    """
    if input.ndim != 2:
        raise runtime_error(f"pdist: pdist only supports 2D tensors, got: {input.ndim}D. Reshape it to (N, M).")
    if p < 0:
        raise runtime_error(f"pdist: pdist only supports non-negative p values, got {p}. Use e.g. p=2.0.")
    first, second = np.triu_indices(input.shape[0], 1)
    return p_norm(index_op(input, wrap(first), positions=(0,)) - index_op(input, wrap(second), positions=(0,)), p, -1)


def bilinear(input1, input2, weight, bias=None):
    """input1 @ weight[o] @ input2 + bias[o].   Shape: (*, I), (*, J), weight (O, I, J) -> (*, O).

    >>> import facula
    >>> facula.nn.functional.bilinear(facula.ones(4, 2), facula.ones(4, 3), facula.ones(5, 2, 3)).shape
    facula.Size([4, 5])
    """
    if input1.shape[:-1] != input2.shape[:-1]:
        raise runtime_error(
            f"bilinear(): input batch dimensions do not match, got {list(input1.shape)} and "
            f"{list(input2.shape)}. Give one pair per row."
        )
    if weight.ndim != 3 or input1.shape[-1] != weight.shape[1] or input2.shape[-1] != weight.shape[2]:
        raise runtime_error(
            f"bilinear(): input sizes do not match weight size: got {list(input1.shape)} and "
            f"{list(input2.shape)} for weight {list(weight.shape)}. Change in1_features or in2_features."
        )
    a, b = input1.reshape(-1, input1.shape[-1]), input2.reshape(-1, input2.shape[-1])
    out = (matmul(a, weight) * b).sum(-1).t().reshape(*input1.shape[:-1], weight.shape[0])
    return out if bias is None else out + bias
