"""Bessel functions and the Airy function."""

from __future__ import annotations

from facula.autograd.op import arg, op, sample
from facula.ops.checks import special
from facula.ops.maker import ANY, POSITIVE, scipy_unary
from facula.ops.rules import same_float

i0 = scipy_unary(__name__, "i0", "i0", "The modified Bessel function of the first kind of order 0.")
special_i0e = scipy_unary(__name__, "special_i0e", "i0e", "exp(-|input|) * i0(input).")
special_i1 = scipy_unary(__name__, "special_i1", "i1", "The modified Bessel function of the first kind of order 1.")
special_i1e = scipy_unary(__name__, "special_i1e", "i1e", "exp(-|input|) * i1(input).")


def _over(out, input):
    """out / input, which is 1/2 at 0 for the functions of order 1."""
    zero = input == 0
    return (out / input.masked_fill(zero, 1)).masked_fill(zero, 0.5)


i0.vjp(input=lambda g, input: g * special_i1(input))
special_i1.vjp(input=lambda g, input, out: g * (i0(input) - _over(out, input)))
special_i0e.vjp(input=lambda g, input, out: g * (special_i1e(input) - input.sgn() * out))
special_i1e.vjp(input=lambda g, input, out: g * (special_i0e(input) - out * input.sgn() - _over(out, input)))


def _table(name, function, doc, samples=ANY):
    return scipy_unary(__name__, f"special_{name}", function, doc, samples=samples, nondiff=True)


special_bessel_j0 = _table("bessel_j0", "j0", "The Bessel function of the first kind of order 0.")
special_bessel_j1 = _table("bessel_j1", "j1", "The Bessel function of the first kind of order 1.")
special_bessel_y0 = _table("bessel_y0", "y0", "The Bessel function of the second kind of order 0.", POSITIVE)
special_bessel_y1 = _table("bessel_y1", "y1", "The Bessel function of the second kind of order 1.", POSITIVE)
special_modified_bessel_i0 = _table(
    "modified_bessel_i0", "i0", "The modified Bessel function of the first kind of order 0."
)
special_modified_bessel_i1 = _table(
    "modified_bessel_i1", "i1", "The modified Bessel function of the first kind of order 1."
)
special_modified_bessel_k0 = _table(
    "modified_bessel_k0", "k0", "The modified Bessel function of the second kind of order 0.", POSITIVE
)
special_modified_bessel_k1 = _table(
    "modified_bessel_k1", "k1", "The modified Bessel function of the second kind of order 1.", POSITIVE
)
special_scaled_modified_bessel_k0 = _table(
    "scaled_modified_bessel_k0", "k0e", "exp(input) * modified_bessel_k0(input).", POSITIVE
)
special_scaled_modified_bessel_k1 = _table(
    "scaled_modified_bessel_k1", "k1e", "exp(input) * modified_bessel_k1(input).", POSITIVE
)


@op(same_float, onnx=None, nondiff=True, samples=ANY)
def special_airy_ai(xp, input, /):
    """The Airy function Ai."""
    return special(xp).airy(input)[0].astype(input.dtype, copy=False)


@op(
    same_float,
    onnx=None,
    nondiff=True,
    samples=[sample(arg((3, 4), low=-9, high=9)), sample(arg((2,), low=0.0, high=0.2))],
)
def special_spherical_bessel_j0(xp, input, /):
    """The spherical Bessel function of the first kind of order 0: sin(input) / input, 1 at 0."""
    zero, far = input == 0, xp.isinf(input)
    out = xp.sin(xp.where(far, 0, input)) / xp.where(zero, 1, input)
    return xp.where(zero, 1, out).astype(input.dtype, copy=False)
