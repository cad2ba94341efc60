"""Elementwise functions of two and three tensors: addcmul, addcdiv, lerp, copysign, fmax, heaviside, gcd, ..."""

from __future__ import annotations

import numpy as np

from facula import dtypes
from facula.autograd.op import arg, op, sample
from facula.errors import not_implemented_error, runtime_error
from facula.ops import arithmetic
from facula.ops.checks import floating, only_tensors
from facula.ops.compare import where
from facula.ops.outputs import takes_out
from facula.ops.rules import broadcast, broadcast_float
from facula.tensors.tensor import Tensor

_TWO = [sample((3, 4), (3, 4)), sample((3, 1), (4,)), sample((2, 3), 2.5)]
_INTEGERS = [
    sample(arg((3, 4), "int64", low=1, high=9), arg((4,), "int64", low=1, high=9)),
    sample(arg((3,), "int64", low=0, high=9), 6),
]


@takes_out
def addcmul(input, tensor1, tensor2, *, value=1):
    """input + value * tensor1 * tensor2.   Shape: (*), (*), (*) that broadcast together -> their common shape.

    >>> import facula
    >>> facula.addcmul(facula.ones(2), facula.ones(2), facula.ones(2), value=3)
    tensor([4., 4.])
    """
    return arithmetic.add(input, arithmetic.mul(tensor1, tensor2), alpha=value)


@takes_out
def addcdiv(input, tensor1, tensor2, *, value=1):
    """input + value * tensor1 / tensor2.   Shape: (*), (*), (*) that broadcast together -> their common shape.

    >>> import facula
    >>> facula.addcdiv(facula.ones(2), facula.tensor([1., 2.]), facula.tensor([2., 4.]), value=2)
    tensor([2., 2.])
    """
    if not any(dtypes.is_differentiable(t.array.dtype) for t in (tensor1, tensor2)):
        raise runtime_error(
            f"addcdiv: Integer division with addcdiv is no longer supported, expected floating-point tensors, got {tensor1.dtype}. "
            f"Convert them with .float()."
        )
    return arithmetic.add(input, arithmetic.true_divide(tensor1, tensor2), alpha=value)


@takes_out
def lerp(input, end, weight):
    """input + weight * (end - input), exactly `end` at weight 1.

    Shape: (*), (*), (*) that broadcast together -> their common shape.

    >>> import facula
    >>> facula.lerp(facula.zeros(2), facula.ones(2), 0.25)
    tensor([0.2500, 0.2500])
    """
    for what, t in (("end", end), ("weight", weight)):
        if isinstance(t, Tensor) and t.array.dtype != input.array.dtype:
            raise runtime_error(
                f"lerp: expected dtype {input.dtype.name} for `{what}` but got dtype {t.dtype.name}. Convert it with .to()."
            )
    step = end - input
    if not isinstance(weight, Tensor):
        return input + weight * step if abs(weight) < 0.5 else end - step * (1 - weight)
    return where(weight.abs() < 0.5, input + weight * step, end - step * (1 - weight))


@op(broadcast_float, ufunc="copysign", onnx=None, samples=_TWO)
def copysign(xp, input, other, /):
    """|input| with the sign of other."""
    return xp.copysign(input, other)


copysign.vjp(input=lambda g, input, out: g * (input.sgn() * out.sgn()), other=lambda g: g * 0)


@op(broadcast, ufunc="fmax", onnx=None, samples=_TWO)
def fmax(xp, input, other, /):
    """The larger of input and other; a number wins over nan."""
    return xp.fmax(input, other)


@op(broadcast, ufunc="fmin", onnx=None, samples=_TWO)
def fmin(xp, input, other, /):
    """The smaller of input and other; a number wins over nan."""
    return xp.fmin(input, other)


fmax.vjp(
    input=lambda g, input, other: g.masked_fill(~((input >= other) | (other != other)), 0),
    other=lambda g, input, other: g.masked_fill((input >= other) | (other != other), 0),
)
fmin.vjp(
    input=lambda g, input, other: g.masked_fill(~((input <= other) | (other != other)), 0),
    other=lambda g, input, other: g.masked_fill((input <= other) | (other != other), 0),
)


@op(broadcast, onnx=None, nondiff=True, samples=_TWO)
def _heaviside(xp, input, other, /):
    """0 below zero, 1 above, other at zero."""
    return xp.where(input == 0, other, (input > 0).astype(input.dtype)).astype(input.dtype, copy=False)


@takes_out
def heaviside(input, values):
    """0 where input < 0, 1 where input > 0, `values` where input is 0.

    Shape: (*), (*) that broadcast together -> their common shape.

    >>> import facula
    >>> facula.heaviside(facula.tensor([-1., 0., 2.]), facula.tensor([0.5]))
    tensor([0.0000, 0.5000, 1.0000])
    """
    only_tensors("heaviside", input=input, values=values)
    if input.array.dtype != values.array.dtype:
        raise runtime_error(
            f"heaviside: heaviside is not yet implemented for tensors with different dtypes, got {input.dtype} and {values.dtype}. Convert one with .to()."
        )
    return _heaviside(input, values)


@op(broadcast, onnx=None, half=False, samples=_TWO)
def nextafter(xp, input, other, /):
    """The next number of the type after input, towards other."""
    floating("nextafter", input if hasattr(input, "dtype") else other)
    return xp.nextafter(input, other)


nextafter.vjp(input=lambda g: g, other=lambda g: g * 0)


def _integers(name, ufunc, doc):
    def forward(xp, input, other, /):
        for x in (input, other):
            if getattr(x, "dtype", np.dtype(type(x))).kind not in "iu":
                raise not_implemented_error(
                    f"{name}: \"{name}\" not implemented for '{getattr(x, 'dtype', type(x).__name__)}', expected integers. Convert with .long()."
                )
        return getattr(xp, ufunc)(input, other)

    forward.__name__, forward.__doc__, forward.__module__ = name, doc, __name__
    return op(broadcast, onnx=None, nondiff=True, samples=_INTEGERS)(forward)


gcd = _integers("gcd", "gcd", "The greatest common divisor.")
lcm = _integers("lcm", "lcm", "The least common multiple.")


def positive(input):
    """+input: the tensor itself.   Shape: (*) -> (*).

    >>> import facula
    >>> facula.positive(facula.tensor([-1.]))
    tensor([-1.])
    """
    if input.array.dtype == np.bool_:
        raise runtime_error(
            "positive: The `+` operator, on a bool tensor is not supported, expected numbers. Convert it first."
        )
    return input
