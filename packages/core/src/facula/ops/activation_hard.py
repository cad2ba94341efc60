"""Activations that are straight lines in pieces: hardtanh, relu6, hardsigmoid, hardswish, threshold, hardshrink, softshrink."""

from __future__ import annotations

from facula.autograd.op import op, sample
from facula.errors import runtime_error, value_error
from facula.ops.checks import floating, refused
from facula.ops.rules import same
from facula.tensors.inplace import in_place

_ANY = [sample((3, 4)), sample((2, 1))]


def _bounds(array, *numbers):
    """Python numbers of an array's kind: ints for integers."""
    return [int(n) if array.dtype.kind in "iu" else n for n in numbers]


@op(same, onnx="Clip", samples=[sample((3, 4), min_val=-1.0, max_val=1.0), sample((3,), min_val=0.0, max_val=6.0)])
def hardtanh_op(xp, input, /, min_val, max_val):
    """input held between min_val and max_val."""
    if input.dtype.kind not in "fiu":
        raise refused("hardtanh", input)
    if input.dtype.kind in "iu":
        min_val, max_val = _bounds(input, min_val, max_val)
    return xp.minimum(xp.maximum(input, min_val), max_val)


hardtanh_op.vjp(input=lambda g, input, min_val, max_val: g * ((input > min_val) & (input < max_val)))
hardtanh_op.array_vjp()
_hardtanh_ = in_place(hardtanh_op, "hardtanh_")


def hardtanh(input, min_val=-1.0, max_val=1.0, inplace=False):
    """input held between min_val and max_val.   Shape: (*) -> (*).

    >>> import facula
    >>> facula.nn.functional.hardtanh(facula.tensor([-3., 0.5]))
    tensor([-1.0000,  0.5000])
    """
    if min_val > max_val:
        raise value_error(
            f"hardtanh: min_val cannot be greater than max_val, got {min_val} and {max_val}. Exchange them."
        )
    return _hardtanh_(input, min_val, max_val) if inplace else hardtanh_op(input, min_val, max_val)


def hardtanh_(input, min_val=-1.0, max_val=1.0):
    """In-place version of `hardtanh`."""
    return hardtanh(input, min_val, max_val, True)


def relu6(input, inplace=False):
    """min(max(input, 0), 6).   Shape: (*) -> (*).

    >>> import facula
    >>> facula.nn.functional.relu6(facula.tensor([-1., 9.]))
    tensor([0., 6.])
    """
    return hardtanh(input, 0.0, 6.0, inplace)


@op(same, onnx="HardSigmoid", samples=_ANY)
def hardsigmoid_op(xp, input, /):
    """min(max(input + 3, 0), 6) / 6."""
    floating("hardsigmoid", input)
    return xp.minimum(xp.maximum(input + 3, 0), 6) / 6


hardsigmoid_op.vjp(input=lambda g, input: g * ((input > -3) & (input < 3)) / 6)
hardsigmoid_op.array_vjp()
_hardsigmoid_ = in_place(hardsigmoid_op, "hardsigmoid_")


def hardsigmoid(input, inplace=False):
    """min(max(input + 3, 0), 6) / 6.   Shape: (*) -> (*).

    >>> import facula
    >>> facula.nn.functional.hardsigmoid(facula.tensor([-4., 0.]))
    tensor([0.0000, 0.5000])
    """
    return _hardsigmoid_(input) if inplace else hardsigmoid_op(input)


@op(same, onnx="HardSwish", samples=_ANY)
def hardswish_op(xp, input, /):
    """input * hardsigmoid(input)."""
    floating("hardswish", input)
    return input * (xp.minimum(xp.maximum(input + 3, 0), 6) / 6)


hardswish_op.vjp(input=lambda g, input: g * (input / 3 + 0.5).masked_fill(input <= -3, 0).masked_fill(input >= 3, 1))
_hardswish_ = in_place(hardswish_op, "hardswish_")


def hardswish(input, inplace=False):
    """input * hardsigmoid(input) (Howard et al., 2019).   Shape: (*) -> (*).

    >>> import facula
    >>> facula.nn.functional.hardswish(facula.tensor([-4., 1.]))
    tensor([-0.0000, 0.6667])
    """
    return _hardswish_(input) if inplace else hardswish_op(input)


@op(
    same,
    onnx="ThresholdedRelu",
    samples=[sample((3, 4), threshold=0.1, value=0.5), sample((3,), threshold=-1.0, value=0.0)],
)
def threshold_op(xp, input, /, threshold, value):
    """input where it is above threshold, value elsewhere."""
    if input.dtype.kind not in "fiu":
        raise refused("threshold", input)
    return xp.where(input <= threshold, input.dtype.type(value), input)


threshold_op.vjp(input=lambda g, input, threshold: g * ~(input <= threshold))
threshold_op.array_vjp()
_threshold_ = in_place(threshold_op, "threshold_")


def threshold(input, threshold, value, inplace=False):
    """input where it is above threshold, value elsewhere.   Shape: (*) -> (*).

    >>> import facula
    >>> facula.nn.functional.threshold(facula.tensor([1., 3.]), 2, 0)
    tensor([0., 3.])
    """
    return _threshold_(input, threshold, value) if inplace else threshold_op(input, threshold, value)


def threshold_(input, threshold, value):
    """In-place version of `threshold`."""
    return _threshold_(input, threshold, value)


@op(same, onnx="Shrink", samples=[*_ANY, sample((3,), lambd=1.0)])
def hardshrink(xp, input, /, lambd=0.5):
    """input where |input| > lambd, 0 elsewhere."""
    floating("hardshrink", input)
    return input * ~((input >= -lambd) & (input <= lambd))


hardshrink.vjp(input=lambda g, input, lambd: g * ~((input >= -lambd) & (input <= lambd)))
hardshrink.array_vjp()


@op(same, onnx="Shrink", samples=[*_ANY, sample((3,), lambd=1.0)])
def softshrink(xp, input, /, lambd=0.5):
    """input moved by lambd towards 0, and 0 where it would cross it."""
    floating("softshrink", input)
    if lambd < 0:
        raise runtime_error(
            f"softshrink: lambda must be greater or equal to 0, but found to be {lambd}. Pass a non-negative number."
        )
    return input - xp.minimum(xp.maximum(input, -lambd), lambd)


softshrink.vjp(input=lambda g, input, lambd: g * ~((input >= -lambd) & (input <= lambd)))
softshrink.array_vjp()
