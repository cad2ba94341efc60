"""The families of shape-and-type rules: what comes out for what goes in. A rule also says what is wrong with bad input."""

from __future__ import annotations

import numpy as np

from facula import dtypes
from facula.autograd.op import Rule
from facula.devices.meta import Meta
from facula.errors import index_error, runtime_error, type_error


def dims_of(dim, ndim, name="dim"):
    """A `dim` argument (None, an int or several) as a tuple of non-negative ints; an empty one means all."""
    if dim is None or (isinstance(dim, (tuple, list)) and not dim):
        return tuple(range(ndim))
    dims = (dim,) if isinstance(dim, int) else tuple(dim)
    found = tuple(wrap_dim(d, ndim) for d in dims)
    if len(set(found)) != len(found):
        raise runtime_error(
            f"{name}: dim {found[-1]} appears multiple times in the list of dims, got {dims}. Name each dim once."
        )
    return found


def wrap_dim(dim, ndim):
    """A possibly negative dim as a non-negative one."""
    n = max(ndim, 1)
    if not isinstance(dim, (int, np.integer)):
        raise type_error(f"dim: expected an int, got {type(dim).__name__}. Pass e.g. dim=-1.")
    if not -n <= dim < n:
        raise index_error(
            f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {dim}). Choose one of the input's dimensions."
        )
    return int(dim) % n


def broadcast_shapes(*shapes, name="broadcast"):
    """The common shape of broadcasting."""
    n = max((len(s) for s in shapes), default=0)
    out = [1] * n
    for s in shapes:
        for i, size in enumerate(reversed(s)):
            have = out[n - 1 - i]
            if size != 1 and have not in (1, size):
                listed = " and ".join(str(tuple(x)) for x in shapes)
                raise runtime_error(
                    f"{name}: expected shapes that broadcast together, got {listed}: the size {size} must match the size {have} at dimension "
                    f"{n - 1 - i}. Reshape one with .view() or .unsqueeze()."
                )
            if size != 1:
                out[n - 1 - i] = size
    return tuple(out)


def _broadcast(*inputs, **_):
    metas = [x for x in inputs if isinstance(x, Meta)]
    return Meta(broadcast_shapes(*[m.shape for m in metas]), metas[0].dtype)


def _compare(*inputs, **_):
    return Meta(_broadcast(*inputs).shape, np.bool_)


def _reduced(input, dim=None, keepdim=False, **_):
    dims = dims_of(dim, input.ndim)
    if keepdim:
        return Meta(tuple(1 if i in dims else n for i, n in enumerate(input.shape)), input.dtype)
    return Meta(tuple(n for i, n in enumerate(input.shape) if i not in dims), input.dtype)


def matmul_shape(input, other, **_):
    """(*, n, m) @ (*, m, p) -> (*, n, p), with one-dimensional operands as PyTorch treats them."""
    if not input.ndim or not other.ndim:
        raise runtime_error(
            f"matmul: both arguments to matmul need to be at least 1D, but they are {input.ndim}D and {other.ndim}D. Use * for numbers."
        )
    a = (1, *input.shape) if input.ndim == 1 else input.shape
    b = (*other.shape, 1) if other.ndim == 1 else other.shape
    if a[-1] != b[-2]:
        raise runtime_error(
            f"matmul: mat1 and mat2 shapes cannot be multiplied, expected input's last size to equal other's size {b[-2]}, "
            f"got {tuple(input.shape)} and {tuple(other.shape)}. Transpose one of them, e.g. with .mT."
        )
    shape = (*broadcast_shapes(a[:-2], b[:-2], name="matmul"), a[-2], b[-1])
    if input.ndim == 1:
        shape = (*shape[:-2], shape[-1])
    if other.ndim == 1:
        shape = shape[:-1]
    return Meta(shape, input.dtype)


_SAME = "(*) -> (*)."
_BROADCAST = "(*), (*) that broadcast together -> their common shape."
_REDUCED = "(*) -> (), or (*) without the dims in `dim` (kept as 1 by keepdim)."

same = Rule(lambda input, *_, **__: Meta(input.shape, input.dtype), text=_SAME)
same_float = Rule(lambda input, *_, **__: Meta(input.shape, input.dtype), "float", _SAME)
to_real = Rule(lambda input, *_, **__: Meta(input.shape, dtypes.real_of(input.dtype)), text=_SAME)
to_bool = Rule(lambda input, *_, **__: Meta(input.shape, np.bool_), text="(*) -> (*), bool.")
broadcast = Rule(_broadcast, "common", _BROADCAST)
broadcast_float = Rule(_broadcast, "float", _BROADCAST)
compare = Rule(_compare, "common", _BROADCAST[:-1] + ", bool.")
reduced = Rule(_reduced, text=_REDUCED)
reduced_float = Rule(_reduced, "float", _REDUCED)
matmul = Rule(matmul_shape)


def reduced_to(dtype):
    """Reduction whose result has another type (bool, int64)."""
    return Rule(
        lambda input, dim=None, keepdim=False, **_: Meta(_reduced(input, dim, keepdim).shape, dtype), text=_REDUCED
    )
