"""`assert_close`: equality up to a tolerance, with PyTorch's signature, tolerances and words."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from facula import dtypes
from facula.devices import base as devices
from facula.tensors.tensor import Tensor

_TOLERANCES = {
    "float16": (1e-3, 1e-5),
    "bfloat16": (1.6e-2, 1e-5),
    "float32": (1.3e-6, 1e-5),
    "float64": (1e-7, 1e-7),
    "complex64": (1.3e-6, 1e-5),
    "complex128": (1e-7, 1e-7),
}
_NUMBERS = (int, float, complex, np.number)
_PYTHON = {int: "int64", float: "float64", complex: "complex128"}


@dataclass
class _Asked:
    """What the caller wants to be compared."""

    allow_subclasses: bool
    rtol: float | None
    atol: float | None
    equal_nan: bool
    device: bool
    dtype: bool
    layout: bool
    stride: bool
    place: list[Any] = field(default_factory=list)

    def tolerances(self, *names: str) -> tuple[float, float]:
        if self.rtol is not None and self.atol is not None:
            return self.rtol, self.atol
        found = [_TOLERANCES.get(name, (0.0, 0.0)) for name in names]
        return max(r for r, _ in found), max(a for _, a in found)


def assert_close(
    actual: Any,
    expected: Any,
    *,
    allow_subclasses: bool = True,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,
    check_dtype: bool = True,
    check_layout: bool = True,
    check_stride: bool = False,
    msg: str | Callable[[str], str] | None = None,
) -> None:
    """Raise AssertionError unless |actual - expected| <= atol + rtol * |expected| everywhere.

    Takes tensors, numbers, arrays, None, and sequences and mappings of them. Tolerances left out follow the type: 1.3e-6 and
    1e-5 for float32, 1e-7 for float64, 0 for integers. `msg` replaces the message, or makes it from the generated one.
    Errors: TypeError for things that cannot be compared; ValueError if only one tolerance is given.

    >>> import facula
    >>> facula.testing.assert_close(facula.tensor([1.0]), facula.tensor([1.0 + 1e-7]))
    """
    if (rtol is None) != (atol is None):
        missing = "rtol" if rtol is None else "atol"
        raise ValueError(
            f"Both 'rtol' and 'atol' must be either specified or omitted, but got no {missing}. Give both or none."
        )
    asked = _Asked(
        allow_subclasses, rtol, atol, equal_nan, check_device, check_dtype, check_layout, check_stride
    )  # fmt: skip
    wrong = _compare(actual, expected, asked)
    if wrong is None:
        return
    if asked.place:
        wrong += "\n\nThe failure occurred for item " + "".join(f"[{key!r}]" for key in asked.place)
    raise AssertionError(wrong if msg is None else msg if isinstance(msg, str) else msg(wrong))


def _compare(actual: Any, expected: Any, asked: _Asked) -> str | None:
    """What is wrong, or None. `asked.place` is left at the item where it went wrong."""
    if _is_sequence(actual) and _is_sequence(expected):
        if len(actual) != len(expected):
            return f"The length of the sequences mismatch: {len(actual)} != {len(expected)}"
        return _each(enumerate(zip(actual, expected, strict=True)), asked)
    if isinstance(actual, Mapping) and isinstance(expected, Mapping):
        missing, more = sorted(expected.keys() - actual.keys()), sorted(actual.keys() - expected.keys())
        if missing or more:
            return (
                "The keys of the mappings do not match:\n"
                f"Missing keys in the actual mapping: {missing}\nAdditional keys in the actual mapping: {more}"
            )
        return _each(((key, (actual[key], expected[key])) for key in actual), asked)
    if actual is None or expected is None:
        return None if actual is expected else f"None mismatch: {actual} is not {expected}"
    if isinstance(actual, (bool, np.bool_)) and isinstance(expected, (bool, np.bool_)):
        return None if bool(actual) is bool(expected) else f"Booleans mismatch: {actual} is not {expected}"
    if isinstance(actual, _NUMBERS) and isinstance(expected, _NUMBERS):
        return _numbers(actual, expected, asked)
    if _comparable(actual, expected, asked):
        return _arrays(actual, expected, asked)
    raise TypeError(
        f"No comparison pair was able to handle inputs of type {type(actual)} and {type(expected)}. "
        "Compare tensors with tensors and numbers with numbers."
    )


def _is_sequence(x: Any) -> bool:
    return isinstance(x, Sequence) and not isinstance(x, (str, bytes))


def _comparable(actual: Any, expected: Any, asked: _Asked) -> bool:
    if not (isinstance(actual, (Tensor, np.ndarray)) and isinstance(expected, (Tensor, np.ndarray))):
        return False
    a, b = type(actual), type(expected)
    return a is b or (asked.allow_subclasses and (issubclass(a, b) or issubclass(b, a)))


def _each(items: Any, asked: _Asked) -> str | None:
    for key, (a, b) in items:
        asked.place.append(key)
        wrong = _compare(a, b, asked)
        if wrong is not None:
            return wrong
        asked.place.pop()
    return None


def _bounds(difference: Any, allowed: float, exact: bool) -> str:
    return f"{difference}" if exact else f"{difference} (up to {allowed} allowed)"


def _numbers(actual: Any, expected: Any, asked: _Asked) -> str | None:
    a = actual.item() if isinstance(actual, np.number) else actual
    b = expected.item() if isinstance(expected, np.number) else expected
    if asked.dtype and type(a) is not type(b):
        return f"The (d)types do not match: {type(a)} != {type(b)}."
    rtol, atol = asked.tolerances(_PYTHON[type(a)], _PYTHON[type(b)])
    return _scalars(a, b, rtol, atol, asked.equal_nan)


def _scalars(a: Any, b: Any, rtol: float, atol: float, equal_nan: bool) -> str | None:
    if a == b or (equal_nan and a != a and b != b):
        return None
    absolute = abs(a - b)
    if math.isfinite(absolute) and absolute <= atol + rtol * abs(b):
        return None
    relative = math.inf if b == 0 else absolute / abs(b)
    exact = rtol == atol == 0
    return (
        f"Scalars are not {'equal' if exact else 'close'}!\n\nExpected {b} but got {a}.\n"
        f"Absolute difference: {_bounds(absolute, atol, exact)}\nRelative difference: {_bounds(relative, rtol, exact)}"
    )


def _attributes(actual: Any, expected: Any, asked: _Asked) -> str | None:
    def differ(name: str, a: Any, b: Any) -> str | None:
        return None if a == b else f"The values for attribute '{name}' do not match: {a} != {b}."

    wrong = differ("shape", actual.shape, expected.shape)
    tensors = isinstance(actual, Tensor) and isinstance(expected, Tensor)
    if not wrong and asked.device and tensors:
        wrong = differ("device", actual.device, expected.device)
    if not wrong and asked.dtype:
        wrong = differ("dtype", actual.dtype, expected.dtype)
    if not wrong and asked.stride and tensors:
        wrong = differ("stride()", actual.stride(), expected.stride())
    return wrong


def _arrays(actual: Any, expected: Any, asked: _Asked) -> str | None:
    wrong = _attributes(actual, expected, asked)
    if wrong:
        return wrong
    if any(isinstance(t, Tensor) and t.is_meta for t in (actual, expected)):
        return None
    a, b = (np.asarray(devices.to_host(t.array) if isinstance(t, Tensor) else t) for t in (actual, expected))
    rtol, atol = asked.tolerances(a.dtype.name, b.dtype.name)
    common = dtypes.promote(a.dtype, b.dtype)
    a, b = a.astype(common), b.astype(common)
    with np.errstate(all="ignore"):
        close = _is_close(a, b, rtol, atol, asked.equal_nan)
        if close.all():
            return None
        if not a.ndim:
            return _scalars(a.item(), b.item(), rtol, atol, asked.equal_nan)
        return _report(a, b, close, rtol, atol)


def _is_close(a: Any, b: Any, rtol: float, atol: float, equal_nan: bool) -> np.ndarray[Any, Any]:
    same = a == b
    if a.dtype.kind not in "biu" or rtol or atol:
        wide = np.complex128 if a.dtype.kind == "c" else np.float64
        x, y = a.astype(wide), b.astype(wide)
        if equal_nan:
            same = same | (np.isnan(x) & np.isnan(y))
        difference = np.abs(x - y)
        same = same | (np.isfinite(difference) & np.isfinite(y) & (difference <= atol + rtol * np.abs(y)))
    return np.asarray(same)


def _report(a: Any, b: Any, close: np.ndarray[Any, Any], rtol: float, atol: float) -> str:
    if a.dtype.kind in "biu":
        a, b = a.astype(np.int64), b.astype(np.int64)
    absolute = np.where(close, 0, np.abs(a - b))
    size = np.abs(b) if a.dtype.kind != "i" else np.abs(b).astype(np.float32)
    relative = np.where(close, 0, absolute.astype(size.dtype) / size)
    exact = rtol == atol == 0
    lines = [f"Tensor-likes are not {'equal' if exact else 'close'}!", ""]
    count, total = int((~close).sum()), close.size
    lines.append(f"Mismatched elements: {count} / {total} ({count / total:.1%})")
    for name, values, allowed in (("absolute", absolute, atol), ("relative", relative, rtol)):
        at = np.unravel_index(int(np.argmax(values)), values.shape)
        place = tuple(int(i) for i in at)
        greatest = values[at].item() if values.dtype.kind != "V" else float(values[at])
        text = f"{greatest} at index {place}"
        lines.append(f"Greatest {name} difference: {text if exact else f'{text} (up to {allowed} allowed)'}")
    return "\n".join(lines)
