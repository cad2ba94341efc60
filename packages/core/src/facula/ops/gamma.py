"""The gamma and error functions: erf, erfinv, lgamma, digamma, polygamma, igamma, zeta, and the normal distribution's."""

from __future__ import annotations

import math

import numpy as np

from facula.autograd.op import arg, op, sample
from facula.errors import not_implemented_error, runtime_error
from facula.ops.checks import special
from facula.ops.maker import POSITIVE, UNIT, scipy_binary, scipy_unary
from facula.ops.outputs import takes_out
from facula.ops.rules import same_float

erf = scipy_unary(
    __name__, "erf", "erf", "2 / sqrt(pi) times the integral of exp(-t ** 2) from 0 to input.", onnx="Erf"
)
erfc = scipy_unary(__name__, "erfc", "erfc", "1 - erf(input), exact for large input.", onnx=None)
erfinv = scipy_unary(__name__, "erfinv", "erfinv", "The number whose erf is input.", samples=UNIT)
special_erfcx = scipy_unary(__name__, "special_erfcx", "erfcx", "exp(input ** 2) * erfc(input), without overflow.")
special_ndtr = scipy_unary(
    __name__, "special_ndtr", "ndtr", "The distribution function of the standard normal distribution.", onnx=None
)
special_ndtri = scipy_unary(__name__, "special_ndtri", "ndtri", "The quantile of the standard normal distribution.", samples=[
    sample(arg((3, 4), low=0.1, high=0.9)), sample(arg((2,), low=0.2, high=0.8)),
])  # fmt: skip
special_log_ndtr = scipy_unary(
    __name__, "special_log_ndtr", "log_ndtr", "The logarithm of the normal distribution function, exact far below 0."
)

_SLOPE = 2 / math.sqrt(math.pi)
erf.vjp(input=lambda g, input: g * (-input * input).exp() * _SLOPE)
erfc.vjp(input=lambda g, input: g * (-input * input).exp() * -_SLOPE)
erfinv.vjp(input=lambda g, out: g * (out * out).exp() * (1 / _SLOPE))
special_erfcx.vjp(input=lambda g, input, out: g * (2 * input * out - _SLOPE))
special_ndtr.vjp(input=lambda g, input: g * (input * input * -0.5).exp() * (1 / math.sqrt(2 * math.pi)))
special_ndtri.vjp(input=lambda g, out: g * (out * out * 0.5).exp() * math.sqrt(2 * math.pi))
special_log_ndtr.vjp(input=lambda g, input, out: g * (-out - input * input * 0.5).exp() * (1 / math.sqrt(2 * math.pi)))
erf.array_vjp(input=lambda g, input, xp: g * (xp.exp(-input * input) * input.dtype.type(_SLOPE)))

special_entr = scipy_unary(
    __name__, "special_entr", "entr", "-input * log(input), 0 at 0 and -inf below.", samples=POSITIVE
)
special_entr.vjp(input=lambda g, input: -g * (input.log() + 1))


@op(same_float, onnx=None, samples=POSITIVE)
def lgamma(xp, input, /):
    """The logarithm of the absolute value of the gamma function."""
    out = special(xp).gammaln(input)
    return xp.where(xp.isinf(input), xp.abs(input), out).astype(input.dtype, copy=False)


@op(same_float, onnx=None, samples=POSITIVE)
def digamma(xp, input, /):
    """The derivative of the logarithm of the gamma function."""
    out = special(xp).psi(input)
    return xp.where(input == 0, xp.copysign(xp.inf, -input), out).astype(input.dtype, copy=False)


@op(same_float, onnx=None, samples=[sample(arg((3, 4), low=0.5), order=1), sample(arg((2,), low=0.5), order=3)])
def _polygamma(xp, input, /, order):
    """(-1) ** (n + 1) * n! * zeta(n + 1, input) for n = order >= 1."""
    sign = 1.0 if order % 2 else -1.0
    return (sign * math.factorial(order) * special(xp).zeta(float(order + 1), input.astype(np.float64))).astype(
        input.dtype
    )


lgamma.vjp(input=lambda g, input: g * digamma(input))
digamma.vjp(input=lambda g, input: g * _polygamma(input, 1))
_polygamma.vjp(input=lambda g, input, order: g * _polygamma(input, order + 1))


def polygamma(n, input, *, out=None):
    """The n-th derivative of digamma; `n` comes first, and 0 is digamma itself.   Shape: (*) -> (*).

    >>> import facula
    >>> facula.polygamma(1, facula.tensor([1.]))
    tensor([1.6449])
    """
    if not isinstance(n, int):  # the method: x.polygamma(n)
        n, input = input, n
    if n < 0:
        raise runtime_error(
            f"polygamma: polygamma(n, x) does not support negative n, expected n >= 0, got {n}. Pass the order of the derivative."
        )
    return _polygamma(input, n, out=out) if n else digamma(input, out=out)


@takes_out
def mvlgamma(input, p):
    """The logarithm of the multivariate gamma function of dimension `p`: sum of lgamma(input - i / 2), plus a constant.

    Shape: (*) -> (*).

    >>> import facula
    >>> facula.mvlgamma(facula.tensor([3.]), 1)
    tensor([0.6931])
    """
    if p < 1:
        raise runtime_error(f"mvlgamma: p has to be greater than or equal to 1, got {p}. Pass the dimension.")
    total = lgamma(input)
    for i in range(1, p):
        total = total + lgamma(input - i / 2)
    return total + p * (p - 1) / 4 * math.log(math.pi)


_SHAPES = [
    sample(arg((3, 4), "int64", low=1, high=5), arg((3, 4), low=0.5)),
    sample(arg((3, 1), "int64", low=2, high=4), arg((4,), low=0.5)),
]
igamma = scipy_binary(
    __name__, "igamma", "gammainc", "The regularised lower incomplete gamma function P(input, other).", samples=_SHAPES
)
igammac = scipy_binary(
    __name__,
    "igammac",
    "gammaincc",
    "The regularised upper incomplete gamma function Q(input, other).",
    samples=_SHAPES,
)


def _no_derivative(name):
    def gradient(g):
        raise not_implemented_error(
            f"{name}: the derivative for '{name}: input' is not implemented, expected input without gradient. Use input.detach()."
        )

    return gradient


def _igamma_slope(g, input, other):
    return g * (other.log() * (input - 1) - other - lgamma(input)).exp()


igamma.vjp(input=_no_derivative("igamma"), other=_igamma_slope)
igammac.vjp(input=_no_derivative("igammac"), other=lambda g, input, other: -_igamma_slope(g, input, other))

special_zeta = scipy_binary(
    __name__,
    "special_zeta",
    "zeta",
    "The Hurwitz zeta function: the sum of (k + other) ** -input over k >= 0.",
    samples=[
        sample(arg((3, 4), "int64", low=2, high=5), arg((3, 4), low=0.5)),
        sample(arg((3, 1), "int64", low=2, high=4), arg((4,), low=0.5)),
    ],
)
special_zeta.vjp(
    input=_no_derivative("zeta"),
    other=lambda g, input, other: -g * input * special_zeta(input + 1, other),
)
