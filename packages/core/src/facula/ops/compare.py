"""Comparisons, logic and tests: results are bool and carry no gradient."""

from __future__ import annotations

import numpy as np

from facula.autograd.op import arg, op, sample
from facula.autograd.primitives import cast
from facula.errors import not_implemented_error, runtime_error
from facula.ops.checks import only_tensors
from facula.ops.rules import broadcast, compare, to_bool

_PAIRS = [sample((3, 4), (3, 4)), sample((3, 1), (4,)), sample((2, 3), 0.5)]


def _comparison(name, ufunc, doc, onnx):
    def forward(xp, input, other, /):
        return getattr(xp, ufunc)(input, other)

    forward.__name__, forward.__doc__, forward.__module__ = name, doc, __name__
    return op(compare, ufunc=ufunc, onnx=onnx, nondiff=True, samples=_PAIRS)(forward)


eq = _comparison("eq", "equal", "input == other, element by element.", "Equal")
ne = _comparison("ne", "not_equal", "input != other, element by element.", None)
lt = _comparison("lt", "less", "input < other, element by element.", "Less")
le = _comparison("le", "less_equal", "input <= other, element by element.", "LessOrEqual")
gt = _comparison("gt", "greater", "input > other, element by element.", "Greater")
ge = _comparison("ge", "greater_equal", "input >= other, element by element.", "GreaterOrEqual")
logical_and = _comparison("logical_and", "logical_and", "Both are nonzero.", "And")
logical_or = _comparison("logical_or", "logical_or", "At least one is nonzero.", "Or")
logical_xor = _comparison("logical_xor", "logical_xor", "Exactly one is nonzero.", "Xor")
not_equal, less, less_equal, greater, greater_equal = ne, lt, le, gt, ge


@op(to_bool, onnx="Not", nondiff=True, samples=[sample(arg((3, 4), "bool")), sample((2,))])
def logical_not(xp, input, /):
    """input == 0."""
    return xp.logical_not(input)


def _bitwise(name, ufunc, doc):
    def forward(xp, input, other, /):
        for x in (input, other):
            if getattr(x, "dtype", np.dtype(type(x))).kind not in "biu":
                raise not_implemented_error(
                    f'{name}: "{name}" not implemented for {getattr(x, "dtype", type(x).__name__)}, expected integral or bool tensors. Compare them first.'
                )
        return getattr(xp, ufunc)(input, other)

    forward.__name__, forward.__doc__, forward.__module__ = name, doc, __name__
    pairs = [
        sample(arg((3, 4), "bool"), arg((3, 4), "bool")),
        sample(arg((3,), "int64", low=0, high=9), arg((3,), "int64", low=0, high=9)),
    ]
    return op(broadcast, onnx=None, nondiff=True, samples=pairs)(forward)


bitwise_and = _bitwise("bitwise_and", "bitwise_and", "input & other, bit by bit.")
bitwise_or = _bitwise("bitwise_or", "bitwise_or", "input | other, bit by bit.")
bitwise_xor = _bitwise("bitwise_xor", "bitwise_xor", "input ^ other, bit by bit.")


def _test(name, doc, onnx=None):
    def forward(xp, input, /):
        return getattr(xp, name)(input)

    forward.__name__, forward.__doc__, forward.__module__ = name, doc, __name__
    return op(to_bool, onnx=onnx, nondiff=True, samples=[sample((3, 4)), sample((2,))])(forward)


isnan = _test("isnan", "Which elements are nan.", "IsNaN")
isinf = _test("isinf", "Which elements are infinite.", "IsInf")
isfinite = _test("isfinite", "Which elements are finite.")


def equal(input, other):
    """Whether two tensors have the same shape and elements.   Shape: (*), (*) -> bool.

    >>> import facula
    >>> facula.equal(facula.ones(2), facula.ones(2))
    True
    """
    return input.shape == other.shape and bool(eq(input, other).all().item())


@op(compare, onnx=None, nondiff=True, samples=[
    sample((3, 4), (3, 4), rtol=1e-5, atol=1e-8, equal_nan=False), sample((3,), (3,), rtol=0.5, atol=0.5, equal_nan=True),
])  # fmt: skip
def _isclose(xp, input, other, /, *, rtol, atol, equal_nan):
    """|input - other| <= atol + rtol * |other|."""
    return xp.isclose(input, other, rtol=rtol, atol=atol, equal_nan=equal_nan)


def isclose(input, other, rtol=1e-05, atol=1e-08, equal_nan=False):
    """|input - other| <= atol + rtol * |other|.   Shape: (*), (*) that broadcast together -> their common shape, bool.

    >>> import facula
    >>> facula.isclose(facula.tensor([1., 1.]), facula.tensor([1. + 1e-9, 2.]))
    tensor([ True, False])
    """
    only_tensors("isclose", input=input, other=other)
    for title, tolerance in (("rtol", rtol), ("atol", atol)):
        if tolerance < 0:
            raise runtime_error(
                f"isclose: {title} must be greater than or equal to zero, but got {tolerance}. Pass e.g. 1e-5."
            )
    if input.array.dtype != other.array.dtype:
        raise runtime_error(f"isclose: {input.dtype} did not match {other.dtype}. Convert one of them with .to().")
    return _isclose(input, other, rtol=rtol, atol=atol, equal_nan=equal_nan)


def allclose(input, other, rtol=1e-05, atol=1e-08, equal_nan=False):
    """Whether all elements of two tensors are close (see `isclose`).   Shape: (*), (*) that broadcast together -> bool.

    >>> import facula
    >>> facula.allclose(facula.ones(2), facula.ones(2) + 1e-9)
    True
    """
    return bool(isclose(input, other, rtol, atol, equal_nan).all().item())


@op(lambda condition, input, other: broadcast.shape(input, condition, other), onnx="Where", samples=[
    sample(arg((3, 4), "bool"), (3, 4), (3, 4)), sample(arg((4,), "bool"), (3, 1), (4,)),
])  # fmt: skip
def _where(xp, condition, input, other, /):
    """`input` where `condition` holds, else `other`."""
    return xp.where(condition, input, other)


_where.vjp(
    input=lambda g, condition: g.masked_fill(~condition, 0), other=lambda g, condition: g.masked_fill(condition, 0)
)
_where.array_vjp(
    input=lambda g, condition, xp: xp.where(condition, g, 0).astype(g.dtype),
    other=lambda g, condition, xp: xp.where(condition, 0, g).astype(g.dtype),
)


def where(condition, input=None, other=None, *, out=None):
    """`input` where `condition` holds, else `other`; with one argument, the indices where it holds.

    Shape: (*), (*), (*) that broadcast together -> their common shape; condition (*) alone -> one index vector per dimension.

    >>> import facula
    >>> facula.where(facula.tensor([True, False]), 1.0, 2.0)
    tensor([1., 2.])
    """
    from facula import dtypes
    from facula.ops.create import as_scalar_tensor
    from facula.tensors.tensor import Tensor

    if input is None and other is None:
        return condition.nonzero(as_tuple=True)
    common = dtypes.result_type(x.array if isinstance(x, Tensor) else x for x in (input, other))
    input, other = (
        cast(x, common) if isinstance(x, Tensor) else as_scalar_tensor(x, common, condition) for x in (input, other)
    )
    if condition.array.dtype != np.bool_:
        if condition.array.dtype != np.uint8:
            raise runtime_error(
                f"where: expected condition to be a boolean tensor, but got a tensor with dtype {condition.dtype}. Compare it first, e.g. != 0."
            )
        condition = condition.bool()
    return _where(condition, input, other, out=out)


def _floating_test(name, doc, test):
    def forward(xp, input, /):
        if input.dtype.kind == "c":
            raise runtime_error(
                f"{name}: {name} does not support complex inputs, got {input.dtype.name}. Test .real and .imag."
            )
        return test(xp, input)

    forward.__name__, forward.__doc__, forward.__module__ = name, doc, __name__
    return op(to_bool, onnx=None, nondiff=True, samples=[sample((3, 4)), sample((2,))])(forward)


def _signed(xp, input):
    return (
        xp.signbit(input)
        if input.dtype.kind == "f"
        else xp.less(input, 0)
        if input.dtype.kind == "i"
        else xp.zeros(input.shape, bool)
    )


def _infinite(sign):
    return lambda xp, input: xp.equal(input, sign * np.inf) if input.dtype.kind == "f" else xp.zeros(input.shape, bool)


signbit = _floating_test("signbit", "Which elements have a minus sign, -0.0 among them.", _signed)
isposinf = _floating_test("isposinf", "Which elements are positive infinity.", _infinite(1))
isneginf = _floating_test("isneginf", "Which elements are negative infinity.", _infinite(-1))
