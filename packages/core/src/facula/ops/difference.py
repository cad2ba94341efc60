"""Finite differences and segments: gradient, segment_reduce, renorm."""

from __future__ import annotations

import numpy as np

from facula.autograd.state import whole
from facula.errors import runtime_error
from facula.ops.join import cat, stack
from facula.ops.outputs import takes_out
from facula.ops.rules import dims_of, wrap_dim
from facula.ops.statistics import norm
from facula.tensors.tensor import Tensor


def _piece(t, dim, start, stop):
    return t[(slice(None),) * dim + (slice(start, stop),)]


def _along(input, dim, step, order):
    """The derivative along one dimension: second-order central differences inside, one-sided ones at the edges."""
    n = input.shape[dim]
    if n < order + 1:
        raise runtime_error(
            f"gradient: expected each dimension size to be at least edge_order+1, got {n} along "
            f"dimension {dim}. Use more points."
        )
    part = lambda start, stop=None: _piece(input, dim, start, stop)
    if isinstance(step, Tensor):
        h = (step[1:] - step[:-1]).reshape((-1,) + (1,) * (input.ndim - 1 - dim))
        left, right = _piece(h, 0, 0, n - 2), _piece(h, 0, 1, None)
        inside = (
            part(0, n - 2) * (-right / (left * (left + right)))
            + part(1, n - 1) * ((right - left) / (left * right))
            + part(2) * (left / (right * (left + right)))
        )
        steps = h[0], h[1] if n > 2 else h[0], h[-1], h[-2] if n > 2 else h[-1]
    else:
        inside = (part(2) - part(0, n - 2)) / (2 * step)
        steps = (step,) * 4
    first, second, last, before = steps
    if order == 1:
        start = (part(1, 2) - part(0, 1)) / first
        end = (part(n - 1) - part(n - 2, n - 1)) / last
    else:
        start = _edge(part(0, 1), part(1, 2), part(2, 3), first, second)
        end = -_edge(part(n - 1), part(n - 2, n - 1), part(n - 3, n - 2), last, before)
    return cat([start, inside, end], dim)


def _edge(y0, y1, y2, near, far):
    """The derivative at y0 of the parabola through three points at distances `near` and then `far`."""
    whole = near + far
    return y0 * -(2 * near + far) / (near * whole) + y1 * whole / (near * far) - y2 * near / (far * whole)


def _spacings(spacing, dims):
    if isinstance(spacing, (list, tuple)):
        if len(spacing) != len(dims):
            raise runtime_error(
                f"gradient: expected spacing to be unspecified, a scalar, or it's equal to the number of "
                f"dimensions, expected {len(dims)}, got {len(spacing)}. Give one per dimension."
            )
        return list(spacing)
    return [1 if spacing is None else spacing] * len(dims)


def gradient(input, *, spacing=1, dim=None, edge_order=1):
    """The derivative along each dimension (or those in `dim`) by finite differences, as a list of tensors.

    `spacing`: a distance, one per dimension, or a tensor of coordinates per dimension.

    Shape: (*) -> one (*) per dimension.

    >>> import facula
    >>> facula.gradient(facula.tensor([1., 4., 9., 16.]))[0]
    tensor([3., 4., 6., 7.])
    """
    if edge_order not in (1, 2):
        raise runtime_error(
            f"gradient: gradient only supports edge_order=1 and edge_order=2, got {edge_order}. Use one of these."
        )
    dims = dims_of(dim, input.ndim, "gradient")
    return [_along(input, d, step, edge_order) for d, step in zip(dims, _spacings(spacing, dims), strict=True)]


@whole
@takes_out
def renorm(input, p, dim, maxnorm):
    """Each slice along `dim` scaled down so that its p-norm is at most `maxnorm`.   Shape: (*) -> (*).

    >>> import facula
    >>> facula.renorm(facula.tensor([[3., 4.], [0., 1.]]), 2, 0, 1.0)
    tensor([[0.6000, 0.8000],
            [0.0000, 1.0000]])
    """
    if p <= 0:
        raise runtime_error(f"renorm: renorm: non-positive-norm not supported, got p={p}. Pass p > 0.")
    if maxnorm < 0:
        raise runtime_error(f"renorm: renorm: expected maxnorm to be >= 0 but got {maxnorm}. Pass a bound.")
    if input.ndim < 2:
        raise runtime_error(
            f"renorm: renorm: input needs at least 2 dimensions, got {input.ndim} dimensions. Unsqueeze it."
        )
    dim = wrap_dim(dim, input.ndim)
    size = norm(input, p, tuple(d for d in range(input.ndim) if d != dim), keepdim=True)
    large = size > maxnorm
    scale = (maxnorm / (size + 1e-7)).masked_fill(~large, 1)
    return input * scale


def _lengths(lengths, offsets):
    if lengths is None and offsets is None:
        raise runtime_error("segment_reduce(): Either lengths or offsets must be defined, got neither. Pass lengths=.")
    if lengths is not None:
        return lengths.array
    return np.diff(offsets.array, axis=-1)


@whole
def segment_reduce(data, reduce, *, lengths=None, indices=None, offsets=None, axis=0, unsafe=False, initial=None):
    """Reduce ("sum", "mean", "max", "min", "prod") the segments of `axis` whose lengths (or offsets) are given.

    Shape: (*, n, *), lengths (*, segments) -> (*, segments, *).

    >>> import facula
    >>> facula.segment_reduce(facula.tensor([1., 2., 3.]), "sum", lengths=facula.tensor([2, 1]))
    tensor([3., 3.])
    """
    if reduce not in _EMPTY:
        raise runtime_error(
            f"segment_reduce: unsupported reduction given! expected one of {sorted(_EMPTY)}, got {reduce!r}. Use one of these."
        )
    sizes = _lengths(lengths, offsets)
    if sizes.ndim != axis + 1:
        raise runtime_error(
            f"segment_reduce: expected lengths with axis + 1 = {axis + 1} dimensions, got {sizes.ndim}. Give one row per batch."
        )
    if not unsafe and (sizes < 0).any():
        raise runtime_error(
            "segment_reduce: lengths contains negative value, expected zero or more. Check the segments."
        )
    if not unsafe and (sizes.sum(-1) != data.shape[axis]).any():
        raise runtime_error(
            f"segment_reduce: Expected all rows of lengths along axis to sum to data.size(axis) {data.shape[axis]}, got other sums. Check the lengths."
        )
    return _rows(data, sizes, reduce, initial)


_EMPTY = {"sum": 0.0, "mean": float("nan"), "max": float("-inf"), "min": float("inf"), "prod": 1.0}


def _rows(data, sizes, reduce, initial):
    """One batch row after the other; in the last, one segment after the other."""
    if sizes.ndim > 1:
        return stack([_rows(d, s, reduce, initial) for d, s in zip(data, sizes, strict=True)])
    ends = np.cumsum(sizes)
    return stack(
        [_segment(data[int(end - size) : int(end)], reduce, initial) for size, end in zip(sizes, ends, strict=True)]
    )


def _segment(part, reduce, initial):
    start = _EMPTY[reduce] if initial is None else initial
    if not part.shape[0]:
        return part.new_full(part.shape[1:], start)
    if reduce == "mean":
        return part.mean(0) if initial is None else (part.sum(0) + initial) / part.shape[0]
    if reduce == "sum":
        return part.sum(0) + start
    if reduce == "prod":
        return part.prod(0) * start
    found = part.amax(0) if reduce == "max" else part.amin(0)
    return found if initial is None else found.clamp(min=initial) if reduce == "max" else found.clamp(max=initial)
