"""Functions of one element each: the standard's names for Facula's operators."""

from __future__ import annotations

from typing import Any

from facula import ops
from facula.tensors.tensor import Tensor

_RENAMED = {
    "bitwise_invert": "bitwise_not", "divide": "true_divide", "equal": "eq", "greater": "gt", "greater_equal": "ge", "less": "lt",
    "less_equal": "le", "multiply": "mul", "negative": "neg", "not_equal": "ne", "subtract": "sub",
}  # fmt: skip
_SAME = """
    abs acos acosh add asin asinh atan atan2 atanh bitwise_and bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor ceil conj
    copysign cos cosh exp expm1 floor floor_divide hypot imag isfinite isinf isnan log log10 log1p log2 logaddexp logical_and logical_not
    logical_or logical_xor maximum minimum nextafter positive pow real reciprocal remainder round signbit sin sinh sqrt square tan tanh
    trunc where
""".split()
NAMES = (*_SAME, *_RENAMED, "clip", "sign")


def __getattr__(name: str) -> Any:
    if name not in NAMES:
        raise AttributeError(f"module 'facula.array_api' has no attribute {name!r}")
    found = globals()[name] = ops.function(_RENAMED.get(name, name))
    return found


def sign(x: Tensor, /) -> Tensor:
    """-1, 0 or 1; x / |x| of a complex number.   Shape: (*) -> (*)."""
    return ops.function("sgn")(x)


def clip(x: Tensor, /, min: Any = None, max: Any = None) -> Tensor:
    """Elements held between `min` and `max`, in the type of `x`.   Shape: (*) -> (*)."""
    if min is None and max is None:
        return x.clone()
    bounds = [b.to(x.dtype) if isinstance(b, Tensor) else b for b in (min, max)]
    if any(isinstance(b, Tensor) for b in bounds):
        bounds = [b if b is None or isinstance(b, Tensor) else x.new_tensor(b) for b in bounds]
    return ops.function("clamp")(x, *bounds).to(x.dtype)
