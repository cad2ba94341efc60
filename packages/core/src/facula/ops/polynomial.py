"""Orthogonal polynomials by their three-term recurrences (Abramowitz and Stegun, chapter 22)."""

from __future__ import annotations

import numpy as np

from facula.autograd.op import arg, op, sample
from facula.ops.rules import broadcast_float

_SAMPLES = [
    sample(arg((3, 4), low=-0.9, high=0.9), arg(values=[[0.0, 1.0, 2.0, 3.0]])),
    sample(arg((2,), low=0.1, high=0.9), 4),
]


def _recur(xp, x, n, first, step, shift):
    """p[n](x) from p[0] = 1, p[1] = first(x) and p[k + 1] = step(k, x, p[k], p[k - 1]); 0 for n < 0."""
    kind = next(v.dtype for v in (x, n) if hasattr(v, "dtype"))
    x, n = xp.asarray(x, np.float64), xp.asarray(n)
    x = 2 * x - 1 if shift else x
    n = xp.where(xp.isfinite(n), n, -1).astype(np.int64)
    x, n = xp.broadcast_arrays(x, n)
    before, now = xp.ones(x.shape), first(x)
    out = xp.where(n == 0, before, xp.where(n == 1, now, 0.0))
    for k in range(1, int(n.max()) if n.size else 0):
        before, now = now, step(k, x, now, before)
        out = xp.where(n == k + 1, now, out)
    return out.astype(kind)


def _family(name, doc, first, step, shift=False):
    def forward(xp, input, n, /):
        return _recur(xp, input, n, first, step, shift)

    forward.__name__, forward.__module__ = f"special_{name}", __name__
    forward.__doc__ = f"The {doc} of degree n."
    return op(broadcast_float, onnx=None, nondiff=True, samples=_SAMPLES)(forward)


_twice = lambda k, x, now, before: 2 * x * now - before
_T, _U, _V, _W = lambda x: x, lambda x: 2 * x, lambda x: 2 * x - 1, lambda x: 2 * x + 1

special_chebyshev_polynomial_t = _family("chebyshev_polynomial_t", "Chebyshev polynomial of the first kind", _T, _twice)
special_chebyshev_polynomial_u = _family(
    "chebyshev_polynomial_u", "Chebyshev polynomial of the second kind", _U, _twice
)
special_chebyshev_polynomial_v = _family("chebyshev_polynomial_v", "Chebyshev polynomial of the third kind", _V, _twice)
special_chebyshev_polynomial_w = _family(
    "chebyshev_polynomial_w", "Chebyshev polynomial of the fourth kind", _W, _twice
)
special_shifted_chebyshev_polynomial_t = _family(
    "shifted_chebyshev_polynomial_t", "Chebyshev polynomial of the first kind at 2 x - 1", _T, _twice, True
)
special_shifted_chebyshev_polynomial_u = _family(
    "shifted_chebyshev_polynomial_u", "Chebyshev polynomial of the second kind at 2 x - 1", _U, _twice, True
)
special_shifted_chebyshev_polynomial_v = _family(
    "shifted_chebyshev_polynomial_v", "Chebyshev polynomial of the third kind at 2 x - 1", _V, _twice, True
)
special_shifted_chebyshev_polynomial_w = _family(
    "shifted_chebyshev_polynomial_w", "Chebyshev polynomial of the fourth kind at 2 x - 1", _W, _twice, True
)
special_hermite_polynomial_h = _family(
    "hermite_polynomial_h",
    "physicists' Hermite polynomial",
    lambda x: 2 * x,
    lambda k, x, now, before: 2 * (x * now - k * before),
)
special_hermite_polynomial_he = _family(
    "hermite_polynomial_he",
    "probabilists' Hermite polynomial",
    lambda x: x,
    lambda k, x, now, before: x * now - k * before,
)
special_laguerre_polynomial_l = _family(
    "laguerre_polynomial_l",
    "Laguerre polynomial",
    lambda x: 1 - x,
    lambda k, x, now, before: ((2 * k + 1 - x) * now - k * before) / (k + 1),
)
special_legendre_polynomial_p = _family(
    "legendre_polynomial_p",
    "Legendre polynomial",
    lambda x: x,
    lambda k, x, now, before: ((2 * k + 1) * x * now - k * before) / (k + 1),
)
