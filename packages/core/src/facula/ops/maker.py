"""Records that are one call of a NumPy or SciPy function, made from a line of table each, and the names of what is made so."""

from __future__ import annotations

import numpy as np

from facula.autograd.op import arg, op, sample
from facula.ops.checks import special
from facula.ops.rules import broadcast_float, same_float

ANY = [sample((3, 4)), sample((2, 1))]
POSITIVE = [sample(arg((3, 4), low=0.2)), sample(arg((2,), low=0.5))]
UNIT = [sample(arg((3, 4), low=-0.9, high=0.9)), sample(arg((2,), low=0.1, high=0.8))]
PAIR = [sample(arg((3, 4), low=0.3), arg((3, 4), low=0.3)), sample(arg((3, 1), low=0.3), arg((4,), low=0.3))]


def named(function, name, module):
    """Give a function made by a factory the name by which callers, tracebacks and errors know it."""
    inner = getattr(function, "__wrapped__", function)
    inner.__code__ = inner.__code__.replace(co_name=name, co_qualname=name)
    function.__name__ = function.__qualname__ = name
    function.__module__ = module


def _made(forward, name, doc, module, rule, **options):
    forward.__name__, forward.__doc__, forward.__module__ = name, doc, module
    return op(rule, **options)(forward)


def numpy_unary(module, name, ufunc, doc, *, onnx=None, samples=ANY, rule=same_float):
    """The record of `xp.ufunc(input)`."""

    def forward(xp, input, /):
        return getattr(xp, ufunc)(input)

    return _made(forward, name, doc, module, rule, onnx=onnx, samples=samples, ufunc=ufunc)


def scipy_unary(module, name, function, doc, *, onnx=None, samples=ANY, nondiff=False):
    """The record of `scipy.special.function(input)`."""

    def forward(xp, input, /):
        return getattr(special(xp), function)(input)

    return _made(forward, name, doc, module, same_float, onnx=onnx, samples=samples, nondiff=nondiff)


def scipy_binary(module, name, function, doc, *, samples=PAIR, nondiff=False):
    """The record of `scipy.special.function(input, other)`, broadcast."""

    def forward(xp, input, other, /):
        return _as(getattr(special(xp), function)(input, other), input, other)

    return _made(forward, name, doc, module, broadcast_float, onnx=None, samples=samples, nondiff=nondiff)


def _as(out, *operands):
    """`out` in the type of the arrays among the operands, where a Python number widened it."""
    kind = next((x.dtype for x in operands if hasattr(x, "dtype")), np.dtype(float))
    return out.astype(kind, copy=False)
