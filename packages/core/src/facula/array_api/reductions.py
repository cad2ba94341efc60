"""Many numbers made few, in order, or counted: statistics, searching, sorting and sets."""

from __future__ import annotations

from typing import Any, NamedTuple

from facula import dtypes, ops
from facula.tensors.tensor import Tensor

argsort_op, diff_op, searchsorted_op = (ops.function(name) for name in ("argsort", "diff", "searchsorted"))


def _over(name: str, x: Tensor, axis: Any, keepdims: bool, **options: Any) -> Tensor:
    """A reduction over an axis, several, or all of them; over none it leaves the elements as they are."""
    dims = tuple(range(x.ndim)) if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
    if not dims:
        x, dims = x.unsqueeze(0), (0,)
        keepdims = False
    return ops.function(name)(x, dims, keepdims, **options)


def sum(x: Tensor, /, *, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Tensor:
    """The sum over axes; small integers are added up as int64 (uint64 where they have no sign)."""
    return _over("sum", x, axis, keepdims, dtype=dtype or _wide(x))


def prod(x: Tensor, /, *, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Tensor:
    """The product over axes."""
    out = x.to(dtype or _wide(x))
    dims = range(x.ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
    for d in sorted((d % x.ndim for d in dims), reverse=True):
        out = ops.function("prod")(out, d, keepdims)
    return out


def _wide(x: Tensor) -> Any:
    unsigned = x.dtype.category == dtypes.INTEGER and not x.dtype.is_signed
    return dtypes.uint64 if unsigned else dtypes.int64 if x.dtype.category <= dtypes.INTEGER else x.dtype


def mean(x: Tensor, /, *, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The mean over axes."""
    return _over("mean", x, axis, keepdims)


def var(x: Tensor, /, *, axis: Any = None, correction: float = 0.0, keepdims: bool = False) -> Tensor:
    """The variance over axes: squares of distances to the mean, added up and divided by n - correction."""
    return _over("var", x, axis, keepdims, correction=correction)


def std(x: Tensor, /, *, axis: Any = None, correction: float = 0.0, keepdims: bool = False) -> Tensor:
    """The root of `var`."""
    return _over("std", x, axis, keepdims, correction=correction)


def max(x: Tensor, /, *, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The largest element over axes."""
    return _over("amax", x, axis, keepdims)


def min(x: Tensor, /, *, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The smallest element over axes."""
    return _over("amin", x, axis, keepdims)


def all(x: Tensor, /, *, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Whether all elements over axes are true."""
    return _over("all", x.to(dtypes.bool_), axis, keepdims)


def any(x: Tensor, /, *, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Whether some element over axes is true."""
    return _over("any", x.to(dtypes.bool_), axis, keepdims)


def count_nonzero(x: Tensor, /, *, axis: Any = None, keepdims: bool = False) -> Tensor:
    """How many elements over axes are not zero."""
    return _over("sum", ops.function("ne")(x, 0).to(dtypes.int64), axis, keepdims)


def argmax(x: Tensor, /, *, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Where the largest element is, along an axis or in all."""
    return ops.function("argmax")(x, axis, keepdims)


def argmin(x: Tensor, /, *, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Where the smallest element is, along an axis or in all."""
    return ops.function("argmin")(x, axis, keepdims)


def cumulative_sum(
    x: Tensor, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False
) -> Tensor:
    """Sums of the first elements along an axis; with `include_initial` a 0 stands before them."""
    return _cumulative("cumsum", x, axis, dtype, 0 if include_initial else None)


def cumulative_prod(
    x: Tensor, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False
) -> Tensor:
    """Products of the first elements along an axis; with `include_initial` a 1 stands before them."""
    return _cumulative("cumprod", x, axis, dtype, 1 if include_initial else None)


def _cumulative(name: str, x: Tensor, axis: int | None, dtype: Any, first: int | None) -> Tensor:
    axis = 0 if axis is None else axis % x.ndim
    out = ops.function(name)(x.to(dtype or _wide(x)), axis)
    if first is None:
        return out
    lead = out.new_full((*out.shape[:axis], 1, *out.shape[axis + 1 :]), first)
    return ops.function("cat")([lead, out], axis)


def diff(x: Tensor, /, n: int = 1, *, axis: int = -1, prepend: Any = None, append: Any = None) -> Tensor:
    """Differences of neighbours along an axis, `n` times over (which scikit-learn gives by position)."""
    return diff_op(x, n, axis, prepend, append)


def nonzero(x: Tensor, /) -> tuple[Tensor, ...]:
    """Where the elements that are not zero lie: one tensor of indices for each axis."""
    return ops.function("nonzero")(x, as_tuple=True)


def searchsorted(x1: Tensor, x2: Tensor, /, *, side: str = "left", sorter: Tensor | None = None) -> Tensor:
    """Where each of `x2` would have to stand in the sorted vector `x1`."""
    return searchsorted_op(x1, x2, side=side, sorter=sorter)


def sort(x: Tensor, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """The elements in order along an axis."""
    return ops.function("sort")(x, axis, descending, stable).values


def argsort(x: Tensor, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """The indices that would put the elements in order along an axis."""
    return argsort_op(x, axis, descending, stable)


class UniqueAll(NamedTuple):
    values: Tensor
    indices: Tensor
    inverse_indices: Tensor
    counts: Tensor


class UniqueCounts(NamedTuple):
    values: Tensor
    counts: Tensor


class UniqueInverse(NamedTuple):
    values: Tensor
    inverse_indices: Tensor


def unique_all(x: Tensor, /) -> UniqueAll:
    """The different elements, where each stands first, which of them each element is, and how often each occurs."""
    values, inverse, counts = ops.function("unique")(x, True, True, True)
    order = argsort_op(inverse.reshape(-1), stable=True)
    first = counts.cumsum(0) - counts
    return UniqueAll(values, order[first], inverse.reshape(x.shape), counts)


def unique_counts(x: Tensor, /) -> UniqueCounts:
    """The different elements and how often each occurs."""
    return UniqueCounts(*ops.function("unique")(x, True, False, True))


def unique_inverse(x: Tensor, /) -> UniqueInverse:
    """The different elements, and which of them each element is."""
    values, inverse = ops.function("unique")(x, True, True)
    return UniqueInverse(values, inverse.reshape(x.shape))


def unique_values(x: Tensor, /) -> Tensor:
    """The different elements."""
    return ops.function("unique")(x)
