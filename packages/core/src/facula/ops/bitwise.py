"""Bit shifts."""

from __future__ import annotations

from facula.autograd.op import arg, op, sample
from facula.errors import not_implemented_error
from facula.ops.rules import broadcast

_PAIRS = [
    sample(arg((3, 4), "int64", low=0, high=9), arg((4,), "int64", low=0, high=5)),
    sample(arg((3,), "int64", low=-9, high=9), 2),
]


def _shift(name, ufunc, doc, left):
    def forward(xp, input, other, /):
        kind = next(x.dtype for x in (input, other) if hasattr(x, "dtype"))
        if kind.kind not in "iu":
            raise not_implemented_error(
                f"{name}: \"{name}\" not implemented for '{kind.name}', expected integers. Convert with .long() first."
            )
        bits = kind.itemsize * 8
        far = xp.logical_or(xp.less(other, 0), xp.greater_equal(other, bits))
        shifted = getattr(xp, ufunc)(input, xp.where(far, 0 if left else bits - 1, other).astype(kind))
        return xp.where(far, 0, shifted).astype(kind) if left else shifted

    forward.__name__, forward.__doc__, forward.__module__ = name, doc, __name__
    return op(broadcast, onnx="BitShift", nondiff=True, samples=_PAIRS)(forward)


bitwise_left_shift = _shift(
    "bitwise_left_shift", "left_shift", "input * 2 ** other; 0 if the shift is not below the number of bits.", True
)
bitwise_right_shift = _shift(
    "bitwise_right_shift",
    "right_shift",
    "floor(input / 2 ** other); only the sign stays of a shift by all bits.",
    False,
)
