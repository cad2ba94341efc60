"""Powers and logarithms beside exp and log: expm1, log1p, exp2, log2, log10, logit, logaddexp, xlogy, ldexp, frexp."""

from __future__ import annotations

import math

import numpy as np

from facula import dtypes
from facula.autograd.op import arg, op, sample
from facula.autograd.primitives import cast
from facula.devices.meta import Meta
from facula.errors import runtime_error
from facula.ops import arithmetic
from facula.ops.maker import ANY, PAIR, POSITIVE, numpy_unary, scipy_binary
from facula.ops.results import result
from facula.ops.rules import broadcast_float, same_float
from facula.tensors.inplace import write_out
from facula.tensors.tensor import Tensor

_frexp = result("frexp", "mantissa exponent")
_LN2, _LN10 = math.log(2), math.log(10)

expm1 = numpy_unary(__name__, "expm1", "expm1", "exp(input) - 1, exact near 0.", onnx=None)
log1p = numpy_unary(__name__, "log1p", "log1p", "log(1 + input), exact near 0.", onnx=None, samples=POSITIVE)
exp2 = numpy_unary(__name__, "exp2", "exp2", "2 ** input.", onnx=None)
log2 = numpy_unary(__name__, "log2", "log2", "The logarithm to base 2.", onnx=None, samples=POSITIVE)
log10 = numpy_unary(__name__, "log10", "log10", "The logarithm to base 10.", onnx=None, samples=POSITIVE)

expm1.vjp(input=lambda g, out: g * (out + 1).conj())
log1p.vjp(input=lambda g, input: g / (input + 1).conj())
exp2.vjp(input=lambda g, out: g * out.conj() * _LN2)
log2.vjp(input=lambda g, input: g / (input.conj() * _LN2))
log10.vjp(input=lambda g, input: g / (input.conj() * _LN10))
for _record in (expm1, exp2, log2, log10, log1p):
    _record.array_vjp()


@op(
    same_float,
    onnx=None,
    samples=[sample(arg((3, 4), low=0.1, high=0.9), eps=None), sample(arg((5,), low=-0.2, high=1.2), eps=0.25)],
)
def logit(xp, input, /, eps=None):
    """log(input / (1 - input)); with `eps`, input is clamped to [eps, 1 - eps] first."""
    if eps is not None:
        input = xp.clip(input, input.dtype.type(eps), input.dtype.type(1 - eps))
    return xp.log(input / (1 - input))


def _logit_back(g, input, eps):
    low, high = (0.0, 1.0) if eps is None else (eps, 1 - eps)
    outside = (input < low) | (input > high)
    return (g / (input * (1 - input)).masked_fill(outside, 1)).masked_fill(outside, math.nan if eps is None else 0)


logit.vjp(input=_logit_back)


def _shifted(xp, input, other):
    """log-add-exp of complex numbers: by the one of larger real part."""
    swap = xp.less(xp.real(input), xp.real(other))
    high, low = xp.where(swap, other, input), xp.where(swap, input, other)
    return high + xp.log(1 + xp.exp(low - high))


@op(broadcast_float, onnx=None, samples=PAIR)
def logaddexp(xp, input, other, /):
    """log(exp(input) + exp(other)) without overflow."""
    if getattr(input, "dtype", np.dtype(float)).kind == "c":
        return _shifted(xp, input, other)
    return xp.logaddexp(input, other)


@op(broadcast_float, onnx=None, samples=PAIR)
def logaddexp2(xp, input, other, /):
    """log2(2 ** input + 2 ** other) without overflow."""
    return xp.logaddexp2(input, other)


logaddexp.vjp(
    input=lambda g, input, other: g / (1 + (other - input).exp()).conj(),
    other=lambda g, input, other: g / (1 + (input - other).exp()).conj(),
)
logaddexp2.vjp(
    input=lambda g, input, other: g / (1 + exp2(other - input)),
    other=lambda g, input, other: g / (1 + exp2(input - other)),
)

xlogy = scipy_binary(__name__, "xlogy", "xlogy", "input * log(other), 0 where input is 0.")
xlogy.vjp(
    input=lambda g, input, other: xlogy(g, other).masked_fill((input == 0) & (other <= 0), 0),
    other=lambda g, input, other: g * input / other,
)
special_xlog1py = scipy_binary(__name__, "special_xlog1py", "xlog1py", "input * log(1 + other), 0 where input is 0.")
special_xlog1py.vjp(
    input=lambda g, input, other: special_xlog1py(g, other).masked_fill((input == 0) & (other <= -1), 0),
    other=lambda g, input, other: g * input / (other + 1),
)


def _doubled(x):
    if not isinstance(x, Tensor):
        return x
    d = x.array.dtype
    return cast(x, np.dtype(np.complex128 if d.kind == "c" else np.float64))


def float_power(input, exponent, *, out=None):
    """input ** exponent in double precision.   Shape: (*), (*) that broadcast together -> their common shape.

    >>> import facula
    >>> facula.float_power(facula.tensor([4]), 0.5)
    tensor([2.], dtype=facula.float64)
    """
    if isinstance(input, Tensor) and not isinstance(exponent, Tensor):
        exponent = exponent if isinstance(exponent, complex) else float(exponent)
    elif not isinstance(input, Tensor):
        input = input if isinstance(input, complex) else float(input)
    return arithmetic.pow(_doubled(input), _doubled(exponent), out=out)


def float_power_(self, exponent):
    """Raise this tensor to a power; it must be of double precision already.

    Shape: (*), (*) that broadcasts to it -> (*).
    """
    value = float_power(self, exponent)
    if value.array.dtype != self.array.dtype:
        raise runtime_error(
            f"float_power_: the base given has dtype {self.dtype.name} but the operation's result requires dtype {value.dtype.name}. Use float_power()."
        )
    return self.copy_(value)


def ldexp(input, other, *, out=None):
    """input * 2 ** other.   Shape: (*), (*) that broadcast together -> their common shape.

    >>> import facula
    >>> facula.ldexp(facula.tensor([1.5]), facula.tensor([2]))
    tensor([6.])
    """
    return arithmetic.mul(input, arithmetic.pow(2.0, other), out=out)


def _frexp_rule(input):
    if not dtypes.is_float(input.dtype):
        raise runtime_error(
            f"frexp: frexp() only supports floating-point dtypes, got {input.dtype.name}. Convert it with .float() first."
        )
    return input, Meta(input.shape, np.int32)


@op(_frexp_rule, returns=_frexp, keeps=(1,), onnx=None, samples=ANY)
def frexp_op(xp, input, /):
    """(mantissa, exponent) with input = mantissa * 2 ** exponent and 0.5 <= |mantissa| < 1."""
    _frexp_rule(input)
    return xp.frexp(input)


frexp_op.vjp(input=lambda g, out: None if g[0] is None else ldexp(g[0], -out[1].detach()))


def frexp(input, *, out=None):
    """(mantissa, exponent) with input = mantissa * 2 ** exponent and 0.5 <= |mantissa| < 1.   Shape: (*) -> (*), (*).

    >>> import facula
    >>> facula.frexp(facula.tensor([6.]))
    facula.return_types.frexp(
    mantissa=tensor([0.7500]),
    exponent=tensor([3], dtype=facula.int32))
    """
    found = frexp_op(input)
    return found if out is None else write_out(out, found)
