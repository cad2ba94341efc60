"""Draws that several distributions share: the open uniform interval, and gamma variables with gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from facula import dtypes, ops
from facula.autograd.function import Function, once_differentiable
from facula.devices import base as devices
from facula.devices.generator import default_generator
from facula.tensors.tensor import Tensor, wrap

EULER = 0.5772156649015329


def uniform_open(like: Tensor, shape: Sequence[int]) -> Tensor:
    """Uniform numbers in (0, 1), neither 0 nor 1, in the type and on the device of `like`."""
    found = ops.rand(tuple(shape), dtype=like.dtype, device=like.device)
    return ops.clamp(found, min=dtypes.finfo(like.dtype).tiny)


def log_gamma(concentration: Tensor) -> Tensor:
    """The logarithm of a standard gamma variable for each concentration, with an implicit gradient.

    For fixed u = P(a, x) the derivative of x by a is that of the quantile function (Figurnov et al., 2018). Below 1, the
    draw for a + 1 times u ** (1 / a) (Marsaglia and Tsang, 2000) is taken, by logarithms, so that nothing underflows.
    """
    return _LogGamma.apply(concentration)


class _LogGamma(Function):
    @staticmethod
    def forward(ctx: Any, concentration: Tensor) -> Tensor:
        rng = default_generator(concentration.device).rng
        a = devices.to_host(concentration.array).astype(np.float64)
        small = a < 1
        with np.errstate(all="ignore"):  # log(0) is -inf, a fair draw of concentration 0
            drawn = np.log(rng.standard_gamma(np.where(small, a + 1, a)))
            drawn = drawn + np.where(small, np.log(1 - rng.random(a.shape)) / a, 0)
        out = wrap(devices.move(np.asarray(drawn).astype(concentration.array.dtype), concentration.device))
        ctx.save_for_backward(concentration, out)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor) -> Tensor:
        concentration, out = ctx.saved_tensors
        a, log_x = (devices.to_host(t.array).astype(np.float64) for t in (concentration, out))
        slope = np.asarray(log_gamma_slope(a, log_x)).astype(concentration.array.dtype)
        return g * wrap(devices.move(slope, concentration.device))


def log_gamma_slope(a: Any, log_x: Any) -> Any:
    """d log(x) / da at constant P(a, x).

    Where x is small, P(a, x) is x ** a / gamma(a + 1), and the derivative has a closed form; elsewhere central differences
    of fourth order of the quantile function are exact to about ten digits.
    """
    from scipy import special

    x = np.exp(log_x)
    near = (special.digamma(a + 1) - log_x) / a
    low = special.gammainc(a, x)
    high = special.gammaincc(a, x)
    h = 2e-3 * a

    def quantile(b: Any) -> Any:
        return np.where(low < 0.5, special.gammaincinv(b, low), special.gammainccinv(b, high))

    with np.errstate(all="ignore"):
        far = (8 * (quantile(a + h) - quantile(a - h)) - (quantile(a + 2 * h) - quantile(a - 2 * h))) / (12 * h * x)
    return np.where((x < 1e-6 * (a + 1)) | ~np.isfinite(far), near, far)
