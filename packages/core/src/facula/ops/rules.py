"""The families of shape-and-type rules: what comes out for what goes in. A rule also says what is wrong with bad input."""

from __future__ import annotations

import numpy as np

from facula import dtypes
from facula.autograd.op import Rule
from facula.devices.meta import Meta
from facula.errors import index_error, runtime_error, type_error


def dims_of(dim, ndim, name=""):
    """A `dim` argument (None, an int or several) as a tuple of non-negative ints; an empty one means all."""
    if dim is None or (isinstance(dim, (tuple, list)) and not dim):
        return tuple(range(ndim))
    dims = (dim,) if isinstance(dim, int) else tuple(dim)
    found = tuple(wrap_dim(d, ndim) for d in dims)
    if len(set(found)) != len(found):
        raise runtime_error(
            f"{_head(name)}dim {found[-1]} appears multiple times in the list of dims, got {dims}. Name each dim once."
        )
    return found


def wrap_dim(dim, ndim):
    """A possibly negative dim as a non-negative one."""
    n = max(ndim, 1)
    if not isinstance(dim, (int, np.integer)):
        raise type_error(f"expected dim to be an int, got {type(dim).__name__}. Pass e.g. dim=-1.")
    if not -n <= dim < n:
        raise index_error(
            f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {dim}). Choose one of the input's dimensions."
        )
    return int(dim) % n


def _repair(shapes):
    """The one change that makes two shapes broadcast together, where there is a small one."""
    small, large = sorted(shapes[-2:], key=len)
    lead = large[: len(large) - len(small)]
    if len(shapes) == 2 and len(small) < len(large) and all(a in (1, b) for a, b in zip(small, large, strict=False)):
        return (
            f"Give {tuple(small)} a size of 1 at its end: .unsqueeze(-1)"
            if len(lead) == 1
            else f"Reshape {tuple(small)} to {(*small, *(1,) * len(lead))}"
        )
    return "Make these sizes equal, or one of them 1"


def wrap_size(dim, shape):
    """A `dim` of a tensor that must have one, as a non-negative int, and its size."""
    if not shape:
        raise index_error(f"Dimension specified as {dim} but tensor has no dimensions. Give it one with .reshape(1).")
    d = wrap_dim(dim, len(shape))
    return d, shape[d]


def _head(name):
    return f"{name}: " if name else ""  # without one, an error takes the name of the function that was called


def broadcast_shapes(*shapes, name=""):
    """The common shape of broadcasting."""
    shapes = [s for s in shapes if s]
    n = max((len(s) for s in shapes), default=0)
    out = [1] * n
    for s in shapes:
        for i, size in enumerate(reversed(s)):
            have = out[n - 1 - i]
            if size != 1 and have not in (1, size):
                listed = " and ".join(str(tuple(x)) for x in shapes)
                raise runtime_error(
                    f"{_head(name)}expected shapes that broadcast together, got {listed}: the size {size} must match the size {have} at dimension "
                    f"{n - 1 - i}. {_repair(shapes)}."
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


def _turned(a, b):
    """The one change that lets two shapes be multiplied, where turning one of them is enough."""
    if len(b) > 1 and a[-1] == b[-1]:
        return "Transpose the second: input @ other.mT"
    if len(a) > 1 and len(b) > 1 and a[-2] == b[-2]:
        return "Transpose the first: input.mT @ other"
    if len(a) > 1 and len(b) > 1 and a[-2] == b[-1]:
        return "Exchange them: other @ input"
    return f"Give other the size {a[-1]} there"


def matmul_shape(input, other, **_):
    """(*, n, m) @ (*, m, p) -> (*, n, p), with one-dimensional operands as PyTorch treats them."""
    if not input.ndim or not other.ndim:
        raise runtime_error(
            f"matmul: both arguments to matmul need to be at least 1D, but they are {input.ndim}D and {other.ndim}D. Use * with a number."
        )
    a = (1, *input.shape) if input.ndim == 1 else input.shape
    b = (*other.shape, 1) if other.ndim == 1 else other.shape
    if a[-1] != b[-2]:
        raise runtime_error(
            f"matmul: mat1 and mat2 shapes cannot be multiplied, expected input's last size to equal other's size {b[-2]}, "
            f"got {tuple(input.shape)} and {tuple(other.shape)}. {_turned(input.shape, other.shape)}."
        )
    shape = (*broadcast_shapes(a[:-2], b[:-2]), a[-2], b[-1])
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
