"""Sums, products and their kin, with broadcasting: add, sub, mul, div, pow, remainder, minimum, maximum, ..."""

from __future__ import annotations

import numpy as np

from facula.autograd.op import arg, op, sample
from facula.errors import runtime_error
from facula.ops.compare import where
from facula.ops.rules import broadcast, broadcast_float, same, to_real

_TWO = [sample((3, 4), (3, 4)), sample((3, 1), (4,)), sample((2, 3), 2.5)]


def _reject_bool(name, *arrays):
    for a in arrays:
        if getattr(a, "dtype", None) == np.bool_ or isinstance(a, bool):
            raise runtime_error(
                f"{name}: Subtraction, the `-` operator, with a bool tensor is not supported. Use `^` or logical_xor() instead."
            )


@op(broadcast, ufunc="add", onnx="Add", samples=_TWO)
def add(xp, input, other, /, *, alpha=1):
    """input + alpha * other."""
    return xp.add(input, other) if alpha == 1 else xp.add(input, other * alpha)


add.vjp(input=lambda g: g, other=lambda g, alpha: g if alpha == 1 else g * alpha)
add.array_vjp()


@op(broadcast, onnx="Sub", samples=_TWO)
def sub(xp, input, other, /, *, alpha=1):
    """input - alpha * other."""
    _reject_bool("sub", input, other)
    return xp.subtract(input, other) if alpha == 1 else xp.subtract(input, other * alpha)


sub.vjp(input=lambda g: g, other=lambda g, alpha: -g if alpha == 1 else g * -alpha)
sub.array_vjp()


@op(broadcast, ufunc="multiply", onnx="Mul", samples=_TWO)
def mul(xp, input, other, /):
    """input * other."""
    return xp.multiply(input, other)


def _conj(x):
    return x.conjugate() if isinstance(x, complex) else x.conj() if hasattr(x, "conj") else x


mul.vjp(input=lambda g, other: g * _conj(other), other=lambda g, input: g * _conj(input))
mul.array_vjp(input=lambda g, other: g * other, other=lambda g, input: g * input)


@op(
    broadcast_float,
    ufunc="true_divide",
    onnx="Div",
    samples=[sample((3, 4), arg((3, 4), low=0.5)), sample((3, 1), arg((4,), low=0.5)), sample((2, 3), 2.5)],
)
def true_divide(xp, input, other, /):
    """input / other; integers are divided as floating-point numbers."""
    return xp.true_divide(input, other)


true_divide.vjp(
    input=lambda g, other: g / _conj(other), other=lambda g, input, other: -g * _conj(input / (other * other))
)
true_divide.array_vjp(input=lambda g, other: g / other, other=lambda g, input, other: -g * (input / (other * other)))


@op(broadcast, onnx=None, samples=[sample((3, 4), arg((3, 4), low=0.5)), sample((2, 3), 1.5)], nondiff=False)
def floor_divide(xp, input, other, /):
    """floor(input / other)."""
    out = xp.floor_divide(input, other)
    if out.dtype.kind == "f":
        out = xp.where(xp.equal(other, 0), xp.true_divide(input, other), out)
    elif xp.any(xp.equal(other, 0)):
        raise runtime_error(
            "floor_divide: expected a divisor without zeros, got ZeroDivisionError. Convert to a floating-point dtype first."
        )
    return out


floor_divide.vjp(input=lambda g: g * 0, other=lambda g: g * 0)


@op(broadcast, onnx=None, samples=[sample((3, 4), arg((3, 4), low=0.5)), sample((2, 3), 1.5)])
def trunc_divide(xp, input, other, /):
    """input / other rounded towards zero."""
    if getattr(input, "dtype", np.dtype(float)).kind in "iub" and getattr(other, "dtype", np.dtype(int)).kind in "iub":
        if xp.any(xp.equal(other, 0)):
            raise runtime_error(
                "div: expected a divisor without zeros, got ZeroDivisionError. Convert to a floating-point dtype first."
            )
        quotient = xp.floor_divide(input, other)
        rest = input - quotient * other
        return (quotient + ((rest != 0) & (quotient < 0))).astype(quotient.dtype)
    return xp.trunc(xp.true_divide(input, other))


trunc_divide.vjp(input=lambda g: g * 0, other=lambda g: g * 0)


def div(input, other, *, rounding_mode=None, out=None):
    """input / other; `rounding_mode` "floor" or "trunc" rounds the quotient.

    Shape: (*), (*) that broadcast together -> their common shape.

    >>> import facula
    >>> facula.div(facula.tensor([7., -7.]), 2, rounding_mode="floor")
    tensor([ 3., -4.])
    """
    if rounding_mode is None:
        return true_divide(input, other, out=out)
    if rounding_mode not in ("floor", "trunc"):
        raise runtime_error(
            f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{rounding_mode}'"
        )
    return (floor_divide if rounding_mode == "floor" else trunc_divide)(input, other, out=out)


@op(broadcast, onnx="Mod", samples=[sample((3, 4), arg((3, 4), low=0.5)), sample((2, 3), 1.5)])
def remainder(xp, input, other, /):
    """input - other * floor(input / other): the sign of the divisor."""
    out = xp.remainder(input, other)
    if out.dtype.kind in "iu" and xp.any(xp.equal(other, 0)):
        raise runtime_error(
            "remainder: expected a divisor without zeros, got ZeroDivisionError. Convert to a floating-point dtype first."
        )
    return out


remainder.vjp(input=lambda g: g, other=lambda g, input, other: -g * floor_divide(input, other))


@op(broadcast, onnx=None, samples=[sample((3, 4), arg((3, 4), low=0.5)), sample((2, 3), 1.5)])
def fmod(xp, input, other, /):
    """input - other * trunc(input / other): the sign of the dividend."""
    out = xp.fmod(input, other)
    if out.dtype.kind in "iu" and xp.any(xp.equal(other, 0)):
        raise runtime_error(
            "fmod: expected a divisor without zeros, got ZeroDivisionError. Convert to a floating-point dtype first."
        )
    return out


fmod.vjp(input=lambda g: g, other=lambda g, input, other: -g * trunc_divide(input, other))


@op(
    broadcast,
    onnx="Pow",
    samples=[sample(arg((3, 4), low=0.3), (3, 4)), sample((2, 3), 2), sample((2, 3), 3.0), sample(2.5, (3,))],
)
def pow(xp, input, exponent, /):
    """input ** exponent."""
    if isinstance(exponent, (int, float)) and not isinstance(exponent, bool):
        if exponent == 2:
            return xp.multiply(input, input)
        if exponent < 0 and getattr(input, "dtype", np.dtype(float)).kind in "iu":
            raise runtime_error(
                "pow: Integers to negative integer powers are not allowed. Convert to a floating-point dtype first."
            )
    if getattr(exponent, "dtype", None) is not None and exponent.dtype.kind == "i":
        return _integer_power(xp, input, exponent)
    return xp.power(input, exponent)


def _integer_power(xp, base, exponent):
    """Integer powers, of which the negative ones are 0 unless the base is 1 or -1."""
    negative = xp.less(exponent, 0)
    out = xp.power(base, xp.where(negative, 0, exponent))
    if not negative.any():
        return out
    odd = xp.remainder(exponent, 2) == 1
    inverse = xp.where(xp.equal(base, 1), 1, xp.where(xp.equal(base, -1), xp.where(odd, -1, 1), 0))
    return xp.where(negative, inverse, out).astype(out.dtype)


def _pow_input(g, input, exponent):
    if isinstance(exponent, (int, float, complex)):
        if exponent == 0:
            return g * 0
        return g * _conj(exponent * input ** (exponent - 1))
    zero = exponent == 0
    return g * _conj((exponent * input ** (exponent - 1)).masked_fill(zero, 0))


def _pow_exponent(g, input, exponent, out):
    if isinstance(input, (int, float, complex)):
        log = (
            complex(np.log(complex(input)))
            if out.is_complex()
            else float(np.log(input))
            if input > 0
            else (float("-inf") if input == 0 else float("nan"))
        )
        grad = out * log
        if input == 0:
            return g * _conj(
                grad.masked_fill((exponent >= 0) if not exponent.is_complex() else exponent == exponent, 0)
            )
        return g * _conj(grad)
    still = (input == 0) & ((exponent >= 0) if not exponent.is_complex() else (exponent == exponent))
    return g * _conj((out * input.log()).masked_fill(still, 0))


def _pow_input_array(g, input, exponent, xp):
    if isinstance(exponent, (int, float)):
        return g * (input if exponent == 2 else input ** (exponent - 1)) * exponent if exponent else g * 0
    return g * xp.where(exponent == 0, 0, exponent * input ** (exponent - 1))


def _pow_exponent_array(g, input, exponent, out, xp):
    number = isinstance(input, (int, float))
    log = float(xp.log(xp.float64(input))) if number else xp.log(input)
    still = (input == 0) & (exponent >= 0)
    return g * xp.where(still, 0, out * log)


pow.vjp(input=_pow_input, exponent=_pow_exponent)
pow.array_vjp(input=_pow_input_array, exponent=_pow_exponent_array)


def _share(g, input, other, loses):
    """Ties share the gradient evenly."""
    return where(input == other, g / 2, g).masked_fill(loses, 0)


def _share_array(g, input, other, loses, xp):
    kept = xp.where(loses, g.dtype.type(0), g)
    tie = xp.equal(input, other)
    return xp.where(tie, kept / 2, kept) if tie.any() else kept


@op(broadcast, ufunc="maximum", onnx="Max", samples=[sample((3, 4), (3, 4)), sample((3, 1), (4,))])
def maximum(xp, input, other, /):
    """The larger of input and other, element by element; nan wins."""
    return xp.maximum(input, other)


maximum.vjp(
    input=lambda g, input, other: _share(g, input, other, input < other),
    other=lambda g, input, other: _share(g, input, other, input > other),
)


maximum.array_vjp(
    input=lambda g, input, other, xp: _share_array(g, input, other, xp.less(input, other), xp),
    other=lambda g, input, other, xp: _share_array(g, input, other, xp.greater(input, other), xp),
)


@op(broadcast, ufunc="minimum", onnx="Min", samples=[sample((3, 4), (3, 4)), sample((3, 1), (4,))])
def minimum(xp, input, other, /):
    """The smaller of input and other, element by element; nan wins."""
    return xp.minimum(input, other)


minimum.vjp(
    input=lambda g, input, other: _share(g, input, other, input > other),
    other=lambda g, input, other: _share(g, input, other, input < other),
)


minimum.array_vjp(
    input=lambda g, input, other, xp: _share_array(g, input, other, xp.greater(input, other), xp),
    other=lambda g, input, other, xp: _share_array(g, input, other, xp.less(input, other), xp),
)


@op(same, onnx="Neg", samples=[sample((3, 4)), sample((2,))])
def neg(xp, input, /):
    """-input."""
    if input.dtype == np.bool_:
        raise runtime_error(
            "neg: Negation, the `-` operator, on a bool tensor is not supported. Use `~` or logical_not() instead."
        )
    return xp.negative(input)


neg.vjp(input=lambda g: -g)
neg.array_vjp()


def rsub(input, other, *, alpha=1):
    """other - alpha * input.   Shape: (*), (*) that broadcast together -> their common shape.

    >>> import facula
    >>> facula.rsub(facula.tensor([1., 2.]), 5)
    tensor([4., 3.])
    """
    return sub(other, input, alpha=alpha)


@op(to_real, onnx="Abs", samples=[sample((3, 4)), sample((2,))])
def abs(xp, input, /):
    """|input|."""
    return xp.abs(input)


abs.vjp(input=lambda g, input: g * input.sgn())
abs.array_vjp(input=lambda g, input, xp: g * xp.sign(input))

subtract, multiply, divide, negative, absolute = sub, mul, div, neg, abs
