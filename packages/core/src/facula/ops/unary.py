"""Elementwise functions of one tensor: exp, log, sin, tanh, sqrt, floor, ..."""

from __future__ import annotations

import numpy as np

from facula.autograd.op import arg, op, sample
from facula.devices.meta import Meta
from facula.errors import type_error
from facula.ops.rules import same, same_float

_ANY = [sample((3, 4)), sample((2, 1))]
_POSITIVE = [sample(arg((3, 4), low=0.2)), sample(arg((2,), low=0.5))]


@op(same_float, ufunc="exp", onnx="Exp", samples=_ANY)
def exp(xp, input, /):
    """e ** input."""
    return xp.exp(input)


exp.vjp(input=lambda g, out: g * out.conj())
exp.array_vjp(input=lambda g, out: g * out)


@op(same_float, ufunc="log", onnx="Log", samples=_POSITIVE)
def log(xp, input, /):
    """The natural logarithm."""
    return xp.log(input)


log.vjp(input=lambda g, input: g / input.conj())
log.array_vjp(input=lambda g, input: g / input)


@op(same_float, ufunc="sqrt", onnx="Sqrt", samples=_POSITIVE)
def sqrt(xp, input, /):
    """The square root."""
    return xp.sqrt(input)


sqrt.vjp(input=lambda g, out: g / (2 * out.conj()))
sqrt.array_vjp(input=lambda g, out: g / (2 * out))


@op(same_float, onnx=None, samples=_POSITIVE)
def rsqrt(xp, input, /):
    """1 / sqrt(input)."""
    return 1 / xp.sqrt(input)


rsqrt.vjp(input=lambda g, out: g * (out * out * out).conj() * -0.5)
rsqrt.array_vjp(input=lambda g, out: g * (out * out * out * out.dtype.type(-0.5)))


@op(same_float, ufunc="reciprocal", onnx="Reciprocal", samples=_POSITIVE)
def reciprocal(xp, input, /):
    """1 / input."""
    return xp.reciprocal(input)


reciprocal.vjp(input=lambda g, out: -g * (out * out).conj())
reciprocal.array_vjp(input=lambda g, out: -g * (out * out))


@op(lambda input: Meta(input.shape, np.int64 if input.dtype == np.bool_ else input.dtype), onnx=None, samples=_ANY)
def square(xp, input, /):
    """input * input; bool counts as integer.   Shape: (*) -> (*).

    >>> import facula
    >>> facula.square(facula.tensor([-1., 3.]))
    tensor([1., 9.])
    """
    return xp.multiply(input, input) if input.dtype.kind != "b" else input.astype(np.int64)


square.vjp(input=lambda g, input: g * input.conj() * 2)
square.array_vjp(input=lambda g, input: g * (input * input.dtype.type(2)))


@op(same_float, ufunc="sin", onnx="Sin", samples=_ANY)
def sin(xp, input, /):
    """The sine."""
    return xp.sin(input)


@op(same_float, ufunc="cos", onnx="Cos", samples=_ANY)
def cos(xp, input, /):
    """The cosine."""
    return xp.cos(input)


sin.vjp(input=lambda g, input: g * cos(input).conj())
cos.vjp(input=lambda g, input: -g * sin(input).conj())
sin.array_vjp(input=lambda g, input, xp: g * xp.cos(input))
cos.array_vjp(input=lambda g, input, xp: -g * xp.sin(input))


@op(same_float, ufunc="tanh", onnx="Tanh", samples=_ANY)
def tanh(xp, input, /):
    """The hyperbolic tangent."""
    return xp.tanh(input)


tanh.vjp(input=lambda g, out: g * (1 - out * out).conj())
tanh.array_vjp(input=lambda g, out: g * (1 - out * out))


@op(same_float, onnx="Sigmoid", samples=_ANY)
def sigmoid(xp, input, /):
    """1 / (1 + exp(-input))."""
    if input.dtype.kind == "c":
        return 1 / (1 + xp.exp(-input))
    half = input.dtype.type(0.5)
    return xp.tanh(input * half) * half + half  # never overflows


sigmoid.vjp(input=lambda g, out: g * ((1 - out) * out).conj())
sigmoid.array_vjp(input=lambda g, out: g * ((1 - out) * out))


@op(same, onnx="Sign", samples=[sample((3, 4)), sample((2,))])
def sign(xp, input, /):
    """-1, 0 or 1 by the sign of input."""
    if input.dtype.kind == "b":
        return input.copy()
    return xp.sign(input)


sign.vjp(input=lambda g: g * 0)


@op(same, onnx=None, samples=[sample((3, 4)), sample((2,))])
def sgn(xp, input, /):
    """input / |input|, 0 at 0; the sign of a real number."""
    if input.dtype.kind == "c":
        size = xp.abs(input)
        return xp.where(size == 0, 0, input / xp.where(size == 0, 1, size)).astype(input.dtype)
    return sign.forward(xp, input)


def _sgn_grad(g, input, out):
    if not input.is_complex():
        return g * 0
    size = input.abs()
    return ((g - (g * out.conj()).real * out) / size).masked_fill(size == 0, 0)


sgn.vjp(input=_sgn_grad)


@op(same, onnx="Identity", samples=[sample((3, 4)), sample(arg((2,), "complex"))])
def conj_physical(xp, input, /):
    """The complex conjugate."""
    return xp.conj(input) if input.dtype.kind == "c" else input.copy()


conj_physical.vjp(input=lambda g: g.conj())


def conj(input):
    """The complex conjugate; a real tensor as it is.   Shape: (*) -> (*).

    >>> import facula
    >>> facula.conj(facula.tensor([1 + 2j]))
    tensor([1.-2.j])
    """
    return conj_physical(input) if input.array.dtype.kind == "c" else input


def _rounding(name, function, doc, onnx):
    def forward(xp, input, /):
        return input.copy() if input.dtype.kind in "iu" else getattr(xp, function)(input)

    forward.__name__, forward.__doc__, forward.__module__ = name, doc, __name__
    record = op(same, onnx=onnx, samples=[sample((3, 4)), sample((2,))])(forward)
    record.vjp(input=lambda g: g * 0)
    return record


floor = _rounding("floor", "floor", "The largest integer not above input.", "Floor")
ceil = _rounding("ceil", "ceil", "The smallest integer not below input.", "Ceil")
trunc = _rounding("trunc", "trunc", "input rounded towards zero.", None)
fix = trunc


@op(same, onnx="Round", samples=[sample((3, 4)), sample((2,), decimals=1)])
def round(xp, input, /, *, decimals=0):
    """input rounded to `decimals` places, halves to even."""
    return input.copy() if input.dtype.kind in "iu" and decimals >= 0 else xp.round(input, decimals)


round.vjp(input=lambda g: g * 0)


@op(same, onnx=None, samples=_ANY)
def frac(xp, input, /):
    """The part after the point: input - trunc(input)."""
    return input - xp.trunc(input)


frac.vjp(input=lambda g: g)


def nan_to_num(input, nan=0.0, posinf=None, neginf=None, *, out=None):
    """`input` with nan and infinities replaced by finite numbers.   Shape: (*) -> (*).

    >>> import facula
    >>> facula.nan_to_num(facula.tensor([facula.nan, facula.inf, 1.]), posinf=9.)
    tensor([0., 9., 1.])
    """
    return _nan_to_num(input, nan=0.0 if nan is None else nan, posinf=posinf, neginf=neginf, out=out)


@op(
    same,
    onnx=None,
    samples=[sample((3, 4), nan=0.0, posinf=None, neginf=None), sample((2,), nan=1.0, posinf=2.0, neginf=-2.0)],
)
def _nan_to_num(xp, input, /, *, nan, posinf, neginf):
    """`input` with nan and infinities replaced by numbers."""
    return xp.nan_to_num(input, nan=nan, posinf=posinf, neginf=neginf) if input.dtype.kind in "fc" else input.copy()


_nan_to_num.vjp(input=lambda g, input: g.masked_fill(~input.isfinite(), 0))


@op(same, onnx="Not", nondiff=True, samples=[sample(arg((3, 4), "bool")), sample(arg((2,), "int64"))])
def bitwise_not(xp, input, /):
    """~input, bit by bit (logical for bool)."""
    if input.dtype.kind not in "biu":
        raise type_error(
            f"bitwise_not: ~ (operator.invert) is only implemented on integer and Boolean-type tensors, got {np.dtype(input.dtype).name}. "
            "Compare it first, e.g. x > 0."
        )
    return xp.invert(input)
