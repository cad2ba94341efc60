"""Counting into bins: bincount, histc, histogram, histogramdd."""

from __future__ import annotations

import builtins
import math

import numpy as np

from facula import dtypes
from facula.autograd.op import op, sample
from facula.autograd.state import lanewise
from facula.devices import base as devices
from facula.devices.meta import Meta
from facula.errors import not_implemented_error, runtime_error
from facula.ops.outputs import takes_out
from facula.ops.results import result
from facula.tensors.inplace import write_out
from facula.tensors.tensor import Tensor, wrap

_histogram, _histogramdd = result("histogram", "hist bin_edges"), result("histogramdd", "hist bin_edges")


def bincount(input, weights=None, minlength=0):
    """How often each integer from 0 on occurs, or the sum of its weights.

    Shape: (n), weights (n) -> (max(input) + 1), at least (minlength).

    >>> import facula
    >>> facula.bincount(facula.tensor([0, 2, 2]))
    tensor([1, 0, 2])
    """
    if input.ndim != 1 or input.array.dtype.kind not in "iu":
        raise runtime_error(
            f"bincount: bincount only supports 1-d non-negative integral inputs, got {input.dtype.name} with {input.ndim} dimensions. Flatten it."
        )
    if minlength < 0:
        raise runtime_error(f"bincount: minlength should be >= 0, got {minlength}. Pass the least number of bins.")
    values = devices.to_host(input.array)
    if values.size and values.min() < 0:
        raise runtime_error(
            "bincount: bincount only supports 1-d non-negative integral inputs, got a negative one. Shift the input."
        )
    if weights is not None and weights.array.shape != values.shape:
        raise runtime_error(
            f"bincount: weights should be 1-d and have the same length as input, expected {len(values)}, got {tuple(weights.shape)}. Check it."
        )
    out = np.bincount(values, None if weights is None else devices.to_host(weights.array), minlength)
    if weights is None:
        out = out.astype(np.int64)
    elif weights.array.dtype == np.float32:
        out = out.astype(np.float32)
    return wrap(devices.move(out, input.device))


@op(lambda input, bins, low, high: Meta((bins,), input.dtype), onnx=None, nondiff=True, samples=[
    sample((20,), bins=4, low=-1.0, high=1.0), sample((3, 4), bins=3, low=-2.0, high=2.0),
])  # fmt: skip
def _histc(xp, input, /, bins, low, high):
    """Counts in `bins` equal parts of [low, high]; what lies outside is left out."""
    x = input.reshape(-1)
    x = x[(x >= low) & (x <= high)]
    # the place is computed in the type of the input, as the reference does, since edges may round either way
    kind = input.dtype.type
    place = (
        ((x - kind(low)) / kind(high - low) * bins).astype(np.int64)
        if input.dtype.kind == "f"
        else (x - low) * bins // (high - low)
    )
    return xp.bincount(xp.minimum(place, bins - 1).astype(np.int64), minlength=bins).astype(input.dtype)


@lanewise
@takes_out
def histc(input, bins=100, min=0, max=0):
    """Counts of the elements in `bins` equal parts of [min, max] (of the range of the data if both are 0).

    Shape: (*) -> (bins).

    >>> import facula
    >>> facula.histc(facula.tensor([1., 2., 1.]), bins=4, min=0, max=3)
    tensor([0., 2., 1., 0.])
    """
    if bins <= 0:
        raise runtime_error(f"histc: bins must be > 0, got {bins}. Ask for at least one bin.")
    if min == max and input.array.size:
        min, max = input.min().item(), input.max().item()
    if min == max:
        min, max = min - 1, max + 1
    if not (math.isfinite(min) and math.isfinite(max)):
        raise runtime_error(f"histc: range of [{min}, {max}] is not finite. Pass min= and max=.")
    if min > max:
        raise runtime_error(f"histc: max must be larger than min, got [{min}, {max}]. Exchange them.")
    return _histc(input, int(bins), min, max)


def _edges(values, bins, span, kind):
    """`bins` equal parts of a range, the data's if none is given."""
    if span is None:
        low, high = (values.min(), values.max()) if values.size else (0.0, 1.0)
    else:
        low, high = span
    if low == high:
        low, high = (low - 0.5, high + 0.5) if span is None else (low, high + 1)
    return np.linspace(float(low), float(high), bins + 1).astype(kind)


def _checked_histogram(name, input, weight):
    if not dtypes.is_float(input.array.dtype):
        raise not_implemented_error(
            f"{name}: \"{name}\" not implemented for '{input.dtype.name}', expected a floating-point tensor. Convert it with .float()."
        )
    if weight is not None and weight.array.dtype != input.array.dtype:
        raise runtime_error(
            f"{name}: if weight tensor is provided, input and weight should have the same dtype, got {input.dtype} and {weight.dtype}. Convert it."
        )


def histogram(input, bins, *, range=None, weight=None, density=False, out=None):
    """(hist, bin_edges): counts, or sums of weights, of the elements in `bins` (a number of parts, or edges).

    Shape: (*) -> (bins), (bins + 1).

    >>> import facula
    >>> facula.histogram(facula.tensor([1., 2., 1.]), 2, range=(0., 2.)).hist
    tensor([0., 3.])
    """
    _checked_histogram("histogram", input, weight)
    x = devices.to_host(input.array).reshape(-1)
    if isinstance(bins, Tensor):
        edges = devices.to_host(bins.array)
        if edges.ndim != 1 or not edges.size:
            raise runtime_error(
                f"histogram: bins tensor should have one dimension, but got {edges.ndim} dimensions. Pass the edges in order."
            )
    else:
        edges = _edges(x, int(bins), range, x.dtype)
    w = None if weight is None else devices.to_host(weight.array).reshape(-1)
    hist = _binned([x], [edges], w, density).astype(x.dtype)
    found = _histogram(wrap(devices.move(hist, input.device)), wrap(devices.move(edges.copy(), input.device)))
    return found if out is None else write_out(out, found)


def _binned(columns, edges, weight, density):
    """Counts in the grid of bins; the last bin of each dimension holds its upper edge too."""
    keep = np.ones(columns[0].shape, bool)
    places = []
    for x, e in zip(columns, edges, strict=True):
        keep &= (x >= e[0]) & (x <= e[-1])
        places.append(np.clip(np.searchsorted(e, x, side="right") - 1, 0, len(e) - 2))
    shape = tuple(len(e) - 1 for e in edges)
    flat = np.ravel_multi_index([p[keep] for p in places], shape) if keep.any() else np.zeros(0, np.int64)
    hist = (
        np.bincount(flat, None if weight is None else weight[keep], math.prod(shape)).astype(np.float64).reshape(shape)
    )
    if density:
        volume = 1.0
        for d, e in enumerate(edges):
            volume = volume * np.diff(e.astype(np.float64)).reshape((-1,) + (1,) * (len(edges) - 1 - d))
        with np.errstate(all="ignore"):
            hist = hist / volume / hist.sum()
    return hist


def histogramdd(input, bins, *, range=None, weight=None, density=False, out=None):
    """(hist, bin_edges) in several dimensions: the last dimension of `input` holds the coordinates.

    Shape: (*, D) -> (b1, ..., bD), D vectors (bi + 1).

    >>> import facula
    >>> facula.histogramdd(facula.tensor([[0., 1.], [1., 0.]]), bins=[2, 2]).hist
    tensor([[0., 1.],
            [1., 0.]])
    """
    _checked_histogram("histogramdd", input, weight)
    if input.ndim < 2:
        raise runtime_error(
            f"histogramdd: input tensor should have at least 2 dimensions, but got {input.ndim}. Give one row per point."
        )
    count = input.shape[-1]
    points = devices.to_host(input.array).reshape(-1, count)
    if isinstance(bins, int):
        bins = [bins] * count
    if len(bins) != count:
        raise runtime_error(
            f"histogramdd: expected {count} sequences of bin edges or counts, but got {len(bins)}. Give one per coordinate."
        )
    spans = [None] * count if range is None else [(range[2 * d], range[2 * d + 1]) for d in builtins.range(count)]
    edges = [
        devices.to_host(b.array) if isinstance(b, Tensor) else _edges(points[:, d], int(b), spans[d], points.dtype)
        for d, b in enumerate(bins)
    ]
    w = None if weight is None else devices.to_host(weight.array).reshape(-1)
    hist = _binned(list(points.T), edges, w, density).astype(points.dtype)
    found = _histogramdd(
        wrap(devices.move(hist, input.device)), tuple(wrap(devices.move(e.copy(), input.device)) for e in edges)
    )
    return found if out is None else write_out(out, found)
