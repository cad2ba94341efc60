"""Filters that feed back, as op records: what is new at a sample depends on what came out before it.

`iir_op` has constant coefficients, `delays_op` delays that change with time. Both are linear, so their gradients are the
same loops run backwards.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import facula
from facula.autograd.op import arg, op, sample


def _lfilter_of(xp: Any) -> Any:
    if xp is np:
        from scipy.signal import lfilter
    else:
        from cupyx.scipy.signal import lfilter
    return lfilter


@op(lambda x, b, a: x, onnx=None, samples=[
    sample((2, 1, 6), (1, 3), arg(values=[[1.0, -0.5, 0.25]])),
    sample((1, 2, 5), (2, 2), arg(values=[[2.0, 0.5], [-1.0, 0.3]])),
])  # fmt: skip
def iir_op(xp: Any, x: Any, b: Any, a: Any, /) -> Any:
    """The rational filter of each channel: sum over k of a[k] y[n - k] = sum over k of b[k] x[n - k].

    Shape: x (N, C, T), b (C, K), a (C, L) -> (N, C, T). The sums are kept in float64.
    """
    lfilter = _lfilter_of(xp)
    out = xp.empty_like(x)
    for channel in range(x.shape[1]):
        taps = b[channel].astype(np.float64), a[channel].astype(np.float64)
        out[:, channel] = lfilter(*taps, x[:, channel].astype(np.float64))
    return out


def _lagged(h: Any, signal: Any, count: int) -> Any:
    """Sum over items and time of h[n] signal[n - k] for each k below `count`.   Shape: (C, count)."""
    length = h.shape[-1]
    sums = [(h[..., k:] * signal[..., : max(length - k, 0)]).sum((0, 2)) for k in range(count)]
    return facula.stack(sums, dim=1)


@iir_op.vjp
def _iir_back(g: Any, out: Any, x: Any, b: Any, a: Any, needs: Any) -> Any:
    back = g.flip(-1)
    at_x = iir_op(back, b, a).flip(-1) if needs[0] else None
    if not (needs[1] or needs[2]):
        return at_x, None, None
    h = iir_op(back, facula.ones_like(b[:, :1]), a).flip(-1)
    at_b = _lagged(h, x, b.shape[1]) if needs[1] else None
    return at_x, at_b, -_lagged(h, out, a.shape[1]) if needs[2] else None


def _on_host(array: Any) -> np.ndarray:
    return array.get() if hasattr(array, "get") else array


def _blocks(lags: np.ndarray) -> list[tuple[int, int]]:
    """The time cut into ranges in which no sample depends on another of the same range."""
    count = lags.shape[1]
    newest = np.arange(count) - lags.min(axis=0)  # the latest sample that each depends on
    blocks, start, longest = [], 0, int(lags.max())
    while start < count:
        inside = newest[start : start + longest + 1] >= start
        stop = start + int(inside.argmax()) if inside.any() else min(start + longest + 1, count)
        blocks.append((start, stop))
        start = stop
    return blocks


@op(lambda x, gains, lags, adjoint: x, onnx=None, samples=[
    sample((2, 5), (1, 5), arg(values=[[1, 2, 1, 3, 2]]), adjoint=False),
    sample((1, 4), (2, 4), arg(values=[[1, 2, 1, 3], [2, 3, 2, 4]]), adjoint=True),
])  # fmt: skip
def delays_op(xp: Any, x: Any, gains: Any, lags: Any, /, adjoint: Any) -> Any:
    """y[n] = x[n] + sum over k of gains[k, n] y[n - lags[k, n]], with y zero before it begins; lags are 1 or more.

    `adjoint` solves the transposed equations. Shape: x (N, T), gains and lags (K, T) -> (N, T).
    """
    blocks = _blocks(_on_host(lags))
    sources = xp.maximum(xp.arange(x.shape[1]) - lags + 1, 0)  # in y with a zero before it
    y = xp.zeros((x.shape[1] + 1, x.shape[0]), x.dtype)  # (1 + T, N): one row per sample
    y[1:] = x.T
    for start, stop in reversed(blocks) if adjoint else blocks:
        rows = y[start + 1 : stop + 1]
        for gain, source in zip(gains[:, start:stop], sources[:, start:stop], strict=True):
            if adjoint:
                xp.add.at(y, source, gain[:, None] * rows)
            else:
                rows += gain[:, None] * y[source]
    return xp.ascontiguousarray(y[1:].T)


@delays_op.vjp
def _delays_back(g: Any, out: Any, gains: Any, lags: Any, adjoint: Any, needs: Any) -> Any:
    at_x = delays_op(g, gains, lags, not adjoint)
    if not needs[1]:
        return at_x, None, None
    late, early = (out, at_x) if adjoint else (at_x, out)  # what stands at n, and what at n - lag
    place = facula.arange(g.shape[1], device=g.device) - lags
    reached = early[:, place.clamp(min=0)].permute(1, 0, 2) * (place >= 0)[:, None].to(g.dtype)  # (K, N, T)
    return at_x, (late * reached).sum(1), None
