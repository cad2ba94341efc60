"""Angles: tan, the inverse and hyperbolic functions, sinc, degrees, atan2, hypot."""

from __future__ import annotations

import math

from facula.autograd.op import arg, op, sample
from facula.ops.checks import floating
from facula.ops.maker import ANY, PAIR, UNIT, numpy_unary
from facula.ops.rules import broadcast, broadcast_float, same_float

_ABOVE = [sample(arg((3, 4), low=1.2, high=3.0)), sample(arg((2,), low=1.5, high=2.0))]

tan = numpy_unary(__name__, "tan", "tan", "The tangent.", onnx="Tan", samples=UNIT)
asin = numpy_unary(
    __name__, "asin", "arcsin", "The angle in [-pi/2, pi/2] whose sine is input.", onnx="Asin", samples=UNIT
)
acos = numpy_unary(__name__, "acos", "arccos", "The angle in [0, pi] whose cosine is input.", onnx="Acos", samples=UNIT)
atan = numpy_unary(__name__, "atan", "arctan", "The angle in (-pi/2, pi/2) whose tangent is input.", onnx="Atan")
sinh = numpy_unary(__name__, "sinh", "sinh", "The hyperbolic sine.", onnx="Sinh")
cosh = numpy_unary(__name__, "cosh", "cosh", "The hyperbolic cosine.", onnx="Cosh")
asinh = numpy_unary(__name__, "asinh", "arcsinh", "The number whose hyperbolic sine is input.", onnx="Asinh")
acosh = numpy_unary(
    __name__, "acosh", "arccosh", "The number whose hyperbolic cosine is input.", onnx="Acosh", samples=_ABOVE
)
atanh = numpy_unary(
    __name__, "atanh", "arctanh", "The number whose hyperbolic tangent is input.", onnx="Atanh", samples=UNIT
)

tan.vjp(input=lambda g, out: g * (1 + out * out).conj())
asin.vjp(input=lambda g, input: g * (1 - input * input).rsqrt().conj())
acos.vjp(input=lambda g, input: -g * (1 - input * input).rsqrt().conj())
atan.vjp(input=lambda g, input: g / (1 + input * input).conj())
sinh.vjp(input=lambda g, input: g * cosh(input).conj())
cosh.vjp(input=lambda g, input: g * sinh(input).conj())
asinh.vjp(input=lambda g, input: g * (1 + input * input).rsqrt().conj())
acosh.vjp(input=lambda g, input: g * ((input - 1).rsqrt() * (input + 1).rsqrt()).conj())
atanh.vjp(input=lambda g, input: g / (1 - input * input).conj())

arcsin, arccos, arctan, arcsinh, arccosh, arctanh = asin, acos, atan, asinh, acosh, atanh


@op(same_float, onnx=None, samples=ANY)
def sinc(xp, input, /):
    """sin(pi input) / (pi input), 1 at 0."""
    zero = input == 0
    x = xp.where(zero, 1, input * input.dtype.type(math.pi)).astype(input.dtype, copy=False)
    return xp.where(zero, 1, xp.sin(x) / x).astype(input.dtype, copy=False)


def _sinc_back(g, input, out):
    zero = input == 0
    slope = ((input * math.pi).cos() - out) / input.masked_fill(zero, 1)
    return g * slope.masked_fill(zero, 0).conj()


sinc.vjp(input=_sinc_back)


@op(same_float, onnx=None, samples=ANY)
def deg2rad(xp, input, /):
    """Degrees as radians: input * pi / 180."""
    return input * input.dtype.type(math.pi / 180)


@op(same_float, onnx=None, samples=ANY)
def rad2deg(xp, input, /):
    """Radians as degrees: input * 180 / pi."""
    return input * input.dtype.type(180 / math.pi)


deg2rad.vjp(input=lambda g: g * (math.pi / 180))
rad2deg.vjp(input=lambda g: g * (180 / math.pi))


@op(broadcast_float, ufunc="arctan2", onnx=None, samples=PAIR)
def atan2(xp, input, other, /):
    """The angle of the point (other, input), in [-pi, pi]."""
    return xp.arctan2(input, other)


atan2.vjp(
    input=lambda g, input, other: g * (other / (input * input + other * other)),
    other=lambda g, input, other: g * (-input / (input * input + other * other)),
)
arctan2 = atan2


@op(broadcast, onnx=None, samples=PAIR)
def hypot(xp, input, other, /):
    """sqrt(input ** 2 + other ** 2) without overflow."""
    floating("hypot", input if hasattr(input, "dtype") else other)
    return xp.hypot(input, other)


hypot.vjp(input=lambda g, input, out: g * (input / out), other=lambda g, other, out: g * (other / out))
