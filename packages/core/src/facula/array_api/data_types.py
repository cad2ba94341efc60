"""Types: conversion, promotion, limits, and what the namespace says of itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from facula import dtypes, ops
from facula.devices import base as devices
from facula.devices.cuda import device_count
from facula.errors import value_error
from facula.tensors.tensor import Tensor

_KINDS: dict[str, Callable[[dtypes.dtype], bool]] = {
    "bool": lambda d: d.category == dtypes.BOOL,
    "signed integer": lambda d: d.category == dtypes.INTEGER and d.is_signed,
    "unsigned integer": lambda d: d.category == dtypes.INTEGER and not d.is_signed,
    "integral": lambda d: d.category == dtypes.INTEGER,
    "real floating": lambda d: d.is_floating_point,
    "complex floating": lambda d: d.is_complex,
    "numeric": lambda d: d.category != dtypes.BOOL,
}


def isdtype(dtype: Any, kind: Any) -> bool:
    """Whether a type is of a kind: "bool", "integral", "real floating", ..., another type, or one of several of these."""
    if isinstance(kind, tuple):
        return any(isdtype(dtype, k) for k in kind)
    if isinstance(kind, str):
        if kind not in _KINDS:
            raise value_error(f"isdtype: expected a kind of {', '.join(_KINDS)}, got {kind!r}. Use one.")
        return _KINDS[kind](dtype)
    return dtype is kind


def astype(x: Tensor, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Tensor:
    """`x` converted to a type; with `copy=False` itself if it has it."""
    found = x.to(dtype=dtype, device=device or x.device)
    return found.clone() if copy and found is x else found


def _type(x: Any) -> Any:
    return x.dtype if isinstance(x, Tensor) else x


def result_type(*arrays_and_dtypes: Any) -> Any:
    """The type that arithmetic on all of these (tensors, types, Python numbers) gives."""
    types = [_type(x) for x in arrays_and_dtypes if not isinstance(x, (bool, int, float, complex))]
    numbers = [x for x in arrays_and_dtypes if isinstance(x, (bool, int, float, complex))]
    if not types:
        raise value_error("result_type: expected at least one tensor or type, got none. Pass one.")
    found = types[0].numpy
    for d in types[1:]:
        found = dtypes.promote(found, d.numpy)
    return dtypes.of(dtypes.result_type([ops.function("empty")((1,), dtype=dtypes.of(found)).array, *numbers]))


def can_cast(from_: Any, to: Any, /) -> bool:
    """Whether promotion can turn the one type into the other."""
    return dtypes.of(dtypes.promote(_type(from_).numpy, to.numpy)) is to


def finfo(type: Any, /) -> dtypes.finfo:
    """Limits of a floating-point type (of a complex one's parts)."""
    return dtypes.finfo(_type(type).to_real())


def iinfo(type: Any, /) -> dtypes.iinfo:
    """Limits of an integer type."""
    return dtypes.iinfo(_type(type))


class Info:
    """What `__array_namespace_info__()` returns: capabilities, devices and types."""

    def capabilities(self) -> dict[str, Any]:
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 64}

    def default_device(self) -> Any:
        return devices.default()

    def devices(self) -> list[Any]:
        return [devices.device("cpu"), *(devices.device("cuda", i) for i in range(device_count()))]

    def default_dtypes(self, *, device: Any = None) -> dict[str, Any]:
        real = dtypes.default()
        return {
            "real floating": real,
            "complex floating": real.to_complex(),
            "integral": dtypes.int64,
            "indexing": dtypes.int64,
        }

    def dtypes(self, *, device: Any = None, kind: Any = None) -> dict[str, Any]:
        known = [d for d in dtypes.ALL if not dtypes.is_half(d.numpy)]
        return {d.name: d for d in known if kind is None or isdtype(d, kind)}


def __array_namespace_info__() -> Info:
    """What this namespace can do."""
    return Info()
