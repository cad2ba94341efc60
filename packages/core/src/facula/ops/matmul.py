"""Matrix products: matmul and linear; the other spellings (mm, bmm, mv, addmm, ...) are composed of them."""

from __future__ import annotations

import numpy as np

from facula.autograd.op import op, sample
from facula.autograd.state import whole
from facula.devices.meta import Meta
from facula.devices.products import ALONE, product, product_by_vector
from facula.errors import runtime_error
from facula.ops import rules

FEW_ROWS, LARGE_WEIGHT = 32, 1 << 14  # where BLAS spends most of a product on copying the weights

_SHAPES = [
    ((3, 4), (4, 2)),
    ((2, 3, 4), (4, 2)),
    ((2, 3, 4), (2, 4, 5)),
    ((4,), (4,)),
    ((3, 4), (4,)),
    ((4,), (4, 2)),
    ((2, 1, 3, 4), (5, 4, 2)),
]


def _same_types(name, input, other):
    if input.dtype != other.dtype:
        raise runtime_error(
            f"{name}: expected both matrices to have the same dtype, but got: {input.dtype} and {other.dtype}. Convert input with .to(facula.{other.dtype})."
        )


@op(rules.matmul, onnx="MatMul", samples=[sample(*s) for s in _SHAPES])
def matmul(xp, input, other, /):
    """The matrix product input @ other, batched over leading dimensions.

    Shape: (*, n, m), (*, m, p) -> (*, n, p); a vector stands for a row on the left, a column on the right.

    >>> import facula
    >>> facula.matmul(facula.eye(2), facula.tensor([3., 4.]))
    tensor([3., 4.])
    """
    if input.dtype is not other.dtype:
        _same_types("matmul", input, other)
    if input.dtype.kind == "b":
        raise runtime_error(
            "matmul: \"addmm_impl_cpu_\" not implemented for 'Bool', expected numbers. Convert with .float() first."
        )
    return product(input, other)


def _matmul_input(g, other, shapes):
    other, (shape, _) = other.conj(), shapes
    if other.ndim == 1:
        return g * other if len(shape) == 1 else g[..., None] * other
    if len(shape) == 1:
        return (product(g[..., None, :], other.mT)[..., 0, :]).reshape(-1, shape[0]).sum(0)
    return product(g, other.mT)


def _matmul_other(g, input, shapes):
    input, (_, shape) = input.conj(), shapes
    if input.ndim == 1:
        return g * input if len(shape) == 1 else input[:, None] * g[..., None, :]
    if len(shape) == 1:
        return product(input.mT, g[..., None])[..., 0].reshape(-1, shape[0]).sum(0)
    if len(shape) == 2 and input.ndim > 2:
        return product(input.reshape(-1, input.shape[-1]).mT, g.reshape(-1, g.shape[-1]))
    return product(input.mT, g)


matmul.vjp(input=_matmul_input, other=_matmul_other)
matmul.array_vjp()


def _linear_shape(input, weight, bias=None):
    if weight.ndim not in (1, 2) or not input.ndim or input.shape[-1] != weight.shape[-1]:
        want = weight.shape[-1] if weight.ndim else "?"
        fix = ""
        if input.ndim > 1 and input.size and _product(input.shape[1:]) == want:
            fix = f" Flatten it first, e.g. x.flatten(1) gives ({input.shape[0]}, {want})."
        raise runtime_error(
            f"linear: mat1 and mat2 shapes cannot be multiplied: expected input (*, {want}) for weight {tuple(weight.shape)}, got {tuple(input.shape)}."
            + (fix or f" Build the layer with in_features={input.shape[-1] if input.ndim else 1}.")
        )
    shape = input.shape[:-1] + weight.shape[:-1]
    if bias is not None and bias.shape not in (weight.shape[:-1], (), (1,)):
        raise runtime_error(
            f"linear: expected bias of shape {tuple(weight.shape[:-1])}, got {tuple(bias.shape)}. Give one number per output feature."
        )
    return Meta(shape, input.dtype)


def _product(shape):
    total = 1
    for n in shape:
        total *= n
    return total


@op(
    _linear_shape,
    onnx="linear",
    samples=[sample((3, 4), (2, 4), (2,)), sample((2, 3, 4), (5, 4)), sample((4,), (2, 4), (2,))],
)
def linear(xp, input, weight, bias=None, /):
    """input @ weight.T + bias.   Shape: (*, in_features) -> (*, out_features)."""
    if input.dtype is not weight.dtype:
        _same_types("linear", input, weight)
    if weight.ndim == 1:
        out = product(input, weight)
        return out if bias is None else out + bias
    count = len(weight)
    if (
        input.ndim > 1 and input.size == input.shape[-1] and input.size
    ):  # a single row, as where a text is written id by id
        out = product_by_vector(weight, input.reshape(-1), bias)
        return out.reshape(*input.shape[:-1], count)
    rows = input
    if input.ndim != 2:  # one large product instead of a batch of small ones, worth a copy
        rows = input.reshape(_product(input.shape[:-1]), input.shape[-1])
    if rows.size * count <= ALONE:
        out = xp.matmul(rows, weight.T)
        if bias is not None:
            out += bias
    elif len(rows) <= FEW_ROWS and weight.size >= LARGE_WEIGHT and xp is np:
        out = np.ascontiguousarray(
            product(weight, rows.T).T
        )  # BLAS copies its right side, which had better be the small one
        if bias is not None:
            out += bias
    else:
        out = product(rows, weight.T, bias=bias)
    return out if input.ndim == 2 else out.reshape(*input.shape[:-1], count)


def _linear_input(g, weight):
    return g[..., None] * weight if weight.ndim == 1 else product(g, weight)


def _linear_weight(g, input, shapes):
    if len(shapes[1]) == 1:
        return (g[..., None] * input).reshape(-1, shapes[1][0]).sum(0)
    if input.ndim == 2:
        return product(g.mT, input)
    return product(g.reshape(-1, g.shape[-1]).mT, input.reshape(-1, input.shape[-1]))


linear.vjp(
    input=lambda g, weight: _linear_input(g, weight.conj()),
    weight=lambda g, input, shapes: _linear_weight(g, input.conj(), shapes),
    bias=lambda g: g,
)
linear.array_vjp(input=_linear_input, weight=_linear_weight, bias=lambda g: g)


def mm(input, mat2, *, out=None):
    """The product of two matrices (no broadcasting).   Shape: (n, m), (m, p) -> (n, p).

    >>> import facula
    >>> facula.mm(facula.tensor([[1., 2.]]), facula.tensor([[3.], [4.]]))
    tensor([[11.]])
    """
    if input.ndim != 2 or mat2.ndim != 2:
        raise runtime_error(
            f"mm: expected two matrices, got {tuple(input.shape)} and {tuple(mat2.shape)}. Use matmul() for batches."
        )
    return matmul(input, mat2, out=out)


def bmm(input, mat2, *, out=None):
    """The products of two batches of matrices.   Shape: (B, n, m), (B, m, p) -> (B, n, p).

    >>> import facula
    >>> facula.bmm(facula.zeros(2, 3, 4), facula.zeros(2, 4, 5)).shape
    facula.Size([2, 3, 5])
    """
    if input.ndim != 3 or mat2.ndim != 3 or input.shape[0] != mat2.shape[0]:
        raise runtime_error(
            f"bmm: batch1 must be a 3D tensor and both batches equal, got {tuple(input.shape)} and {tuple(mat2.shape)}. Use matmul() to broadcast."
        )
    return matmul(input, mat2, out=out)


@whole
def mv(input, vec, *, out=None):
    """The product of a matrix and a vector.   Shape: (n, m), (m) -> (n).

    >>> import facula
    >>> facula.mv(facula.tensor([[1., 2.], [3., 4.]]), facula.tensor([1., 1.]))
    tensor([3., 7.])
    """
    if input.ndim != 2 or vec.ndim != 1:
        raise runtime_error(
            f"mv: expected a matrix and a vector, got {tuple(input.shape)} and {tuple(vec.shape)}. Use matmul() otherwise."
        )
    return matmul(input, vec, out=out)


@whole
def dot(input, tensor, *, out=None):
    """The sum of the products of two vectors.   Shape: (n), (n) -> ().

    >>> import facula
    >>> facula.dot(facula.tensor([1., 2.]), facula.tensor([3., 4.]))
    tensor(11.)
    """
    if input.ndim != 1 or tensor.ndim != 1:
        raise runtime_error(
            f"dot: 1D tensors expected, but got {input.ndim}D and {tensor.ndim}D tensors. Flatten them first."
        )
    if input.shape != tensor.shape:
        raise runtime_error(
            f"dot: inconsistent tensor size, expected tensor {tuple(input.shape)}, got {tuple(tensor.shape)}. Give vectors of one length."
        )
    return matmul(input, tensor, out=out)
