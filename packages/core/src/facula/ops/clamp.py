"""Clamping between bounds: numbers, tensors, one-sided."""

from __future__ import annotations

import numpy as np

from facula import dtypes
from facula.autograd.op import op, sample
from facula.autograd.primitives import cast
from facula.errors import not_implemented_error, runtime_error
from facula.ops.rules import broadcast, same
from facula.tensors.inplace import write_out
from facula.tensors.tensor import Tensor


@op(
    same,
    onnx="Clip",
    samples=[sample((3, 4), low=-0.5, high=1.0), sample((2,), low=None, high=0.25), sample((2, 3), low=0.0, high=None)],
)
def clamp_op(xp, input, /, low, high):
    """min(max(input, low), high) for bounds that are numbers or None."""
    if low is None:
        return xp.minimum(input, high)
    out = xp.maximum(input, low)
    if high is None:
        return out
    return xp.minimum(out, high, out=out) if input.ndim else xp.minimum(out, high)


def _inside(input, low, high):
    if low is None:
        return input <= high
    return input >= low if high is None else (input >= low) & (input <= high)


clamp_op.vjp(input=lambda g, input, low, high: g.masked_fill(~_inside(input, low, high), 0))
clamp_op.array_vjp(input=lambda g, input, low, high, xp: xp.where(_inside(input, low, high), g, g.dtype.type(0)))


@op(broadcast, onnx="Clip", samples=[
    sample((3, 4), (3, 4), (3, 4)), sample((3, 4), (4,), None), sample((3, 1), None, (1, 4)),
])  # fmt: skip
def _clamp_tensors(xp, input, low=None, high=None, /):
    """min(max(input, low), high) for bounds that are tensors or None; nan in any of them stays."""
    if low is not None:
        input = xp.maximum(input, low)
    return input if high is None else xp.minimum(input, high)


@_clamp_tensors.vjp
def _clamp_tensors_back(g, input, low, high, needs):
    inside = _inside(input, low, high)
    below = None if low is None else input < low if high is None else (input < low) & (low < high)
    above = None if high is None else input > high if low is None else (input > high) | (low > high)
    return tuple(
        g.masked_fill(~mask, 0) if want else None for want, mask in zip(needs, (inside, below, above), strict=True)
    )


def _number(x):
    return x is None or (isinstance(x, (bool, int, float)) and not isinstance(x, np.generic))


def clamp(input, min=None, max=None, *, out=None):
    """min(max(input, min), max): every element brought into [min, max]; bounds are numbers, tensors or None.

    Shape: (*), bounds that broadcast with it -> (*).

    >>> import facula
    >>> facula.clamp(facula.tensor([-2., 0.5, 3.]), min=0, max=1)
    tensor([0.0000, 0.5000, 1.0000])
    """
    if min is None and max is None:
        raise runtime_error("clamp: At least one of 'min' or 'max' must not be None, got neither. Pass min= or max=.")
    if input.array.dtype.kind == "c":
        raise not_implemented_error(
            "clamp: clamp is not supported for complex types, expected real numbers. Clamp .real and .imag."
        )
    if not (_number(min) and _number(max)):
        bounds = [x if x is None or isinstance(x, Tensor) else input.new_full((), x) for x in (min, max)]
        return _clamp_tensors(input, *bounds, out=out)
    d = input.array.dtype
    if d.kind not in "fV":
        common = dtypes.result_type([x for x in (input.array, min, max) if x is not None])
        if common.kind in "iu":
            info = np.iinfo(common)
            min, max = (
                x if x is None else info.min if x < info.min else info.max if x > info.max else int(x)
                for x in (min, max)
            )
        input = cast(input, common)
    result = clamp_op(input, min, max)
    return result if out is None else write_out(out, result)


def clamp_min(input, min, *, out=None):
    """max(input, min).   Shape: (*), bound that broadcasts with it -> (*).

    >>> import facula
    >>> facula.clamp_min(facula.tensor([-1., 2.]), 0)
    tensor([0., 2.])
    """
    return clamp(input, min, None, out=out)


def clamp_max(input, max, *, out=None):
    """min(input, max).   Shape: (*), bound that broadcasts with it -> (*).

    >>> import facula
    >>> facula.clamp_max(facula.tensor([-1., 2.]), 0)
    tensor([-1.,  0.])
    """
    return clamp(input, None, max, out=out)


clip = clamp
