"""How a tensor is written out: the text of `repr`, and `set_printoptions`."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from facula import dtypes
from facula.devices import base as devices
from facula.errors import value_error
from facula.tensors.tensor import Tensor


@dataclass
class _Options:
    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


_options = _Options()
_PROFILES: dict[str, dict[str, Any]] = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
    "full": {"precision": 4, "threshold": math.inf, "edgeitems": 3, "linewidth": 80},
}


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Choose how tensors are printed: digits, the count of elements from which the middle is left out, line width.

    `profile` ("default", "short", "full") sets all at once first; `sci_mode` None decides for each tensor.

    >>> import facula
    >>> facula.set_printoptions(precision=2)
    >>> facula.tensor([1.2345])
    tensor([1.23])
    >>> facula.set_printoptions(profile="default")
    """
    chosen: dict[str, Any] = {}
    if profile is not None:
        if profile not in _PROFILES:
            raise value_error(f"set_printoptions: expected profile {', '.join(_PROFILES)}, got {profile!r}. Use one.")
        chosen.update(_PROFILES[profile])
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    chosen.update({name: value for name, value in given.items() if value is not None})
    for name, value in chosen.items():
        setattr(_options, name, value)
    _options.sci_mode = sci_mode


class _Column:
    """The common form of all numbers of a tensor: whole, fixed or scientific, and one width."""

    def __init__(self, values: np.ndarray[Any, Any]) -> None:
        self.floating = dtypes.is_float(values.dtype)
        self.whole, self.scientific, self.width = True, False, 1
        flat = values.reshape(-1)
        if self.floating:
            self._study(flat.astype(np.float64))
        else:
            self.width = max((len(str(v)) for v in flat.tolist()), default=1)

    def _study(self, flat: np.ndarray[Any, Any]) -> None:
        seen = flat[np.isfinite(flat) & (flat != 0)]
        if not seen.size:
            return
        sizes = np.abs(seen)
        low, high = sizes.min(), sizes.max()
        self.whole = bool((seen == np.ceil(seen)).all())
        with np.errstate(over="ignore"):
            self.scientific = bool(high / low > 1000.0 or high > 1.0e8 or (not self.whole and low < 1.0e-4))
        if _options.sci_mode is not None:
            self.scientific = _options.sci_mode
        kind = f".{_options.precision}e" if self.scientific else ".0f" if self.whole else f".{_options.precision}f"
        dot = self.whole and not self.scientific
        self.width = max(1, *(len(format(v, kind)) + dot for v in seen.tolist()))

    def text(self, value: Any) -> str:
        if not self.floating:
            return str(value).rjust(self.width)
        if self.scientific:
            return format(value, f".{_options.precision}e").rjust(self.width)
        if self.whole:
            return (format(value, ".0f") + ("." if math.isfinite(value) else "")).rjust(self.width)
        return format(value, f".{_options.precision}f").rjust(self.width)


def _columns(array: np.ndarray[Any, Any]) -> tuple[int, Callable[[Any], str]]:
    """The width of an element and the function that writes one."""
    if array.dtype.kind != "c":
        column = _Column(array)
        return column.width, column.text
    real, imaginary = _Column(array.real), _Column(array.imag)

    def text(value: complex) -> str:
        tail = imaginary.text(value.imag).lstrip() + "j"
        return real.text(value.real) + ("" if tail[0] in "+-" else "+") + tail

    return real.width + imaginary.width + 1, text


def _edges(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Only the elements that a summary shows."""
    n = _options.edgeitems
    for axis, size in enumerate(array.shape):
        if size > 2 * n:
            array = array.take([*range(n), *range(size - n, size)], axis=axis)
    return array


def _shown(array: np.ndarray[Any, Any], summarize: bool, gap: str, write: Callable[[Any], str]) -> list[str]:
    """The parts of the first dimension as text, with a gap where a summary leaves some out."""
    n = _options.edgeitems
    if summarize and not n:
        return ["..."]
    if summarize and len(array) > 2 * n:
        return [*map(write, array[:n]), gap, *map(write, array[-n:])]
    return [write(part) for part in array]


def _body(array: np.ndarray[Any, Any], indent: int, summarize: bool, width: int, text: Callable[[Any], str]) -> str:
    if not array.ndim:
        return text(array.item())
    pad = " " * (indent + 1)
    if array.ndim == 1:
        per_line = max(1, (_options.linewidth - indent) // (width + 2))
        parts = _shown(array, summarize, " ...", lambda v: text(v.item()))
        lines = [", ".join(parts[i : i + per_line]) for i in range(0, len(parts), per_line)] or [""]
        return "[" + f",\n{pad}".join(lines) + "]"
    rows = _shown(array, summarize, "...", lambda row: _body(row, indent + 1, summarize, width, text))
    return "[" + ("," + "\n" * (array.ndim - 1) + pad).join(rows) + "]"


def _contents(array: np.ndarray[Any, Any], indent: int) -> str:
    if array.dtype.kind == "V" or array.dtype == np.float16:
        array = array.astype(np.float32)
    summarize = array.size > _options.threshold
    width, text = _columns(_edges(array) if summarize else array)
    return _body(array, indent, summarize, width, text)


def _suffixed(text: str, suffixes: list[str], indent: int) -> str:
    """Facts after the numbers, on new lines where a line would become too long."""
    length = len(text) - text.rfind("\n") + 1
    for suffix in suffixes:
        if length + len(suffix) + 2 > _options.linewidth:
            text += ",\n" + " " * indent + suffix
            length = indent + len(suffix)
        else:
            text += ", " + suffix
            length += len(suffix) + 2
    return text + ")"


def tensor_repr(t: Tensor) -> str:
    """`tensor(...)`: the numbers and whatever is not the default about them.

    >>> import facula
    >>> facula.tensor([1, 2], dtype=facula.int32)
    tensor([1, 2], dtype=facula.int32)
    """
    prefix = "tensor("
    indent = len(prefix)
    suffixes = [] if t.device == devices.default() else [f"device='{t.device}'"]
    default = dtypes.default()
    plain = t.dtype in (default, default.to_complex(), dtypes.int64, dtypes.bool_)
    if t.is_meta:
        suffixes.append(f"size={tuple(t.shape)}")
        body = "..."
    elif not t.numel():
        if t.ndim != 1:
            suffixes.append(f"size={tuple(t.shape)}")
        plain = t.dtype is default
        body = "[]"
    else:
        if not _options.edgeitems:
            suffixes.append(f"size={tuple(t.shape)}")
        body = _contents(devices.to_host(t.array), indent)
    if not plain:
        suffixes.append(f"dtype={t.dtype}")
    if t.grad_fn is not None:
        suffixes.append(f"grad_fn=<{t.grad_fn.name()}>")
    elif t.requires_grad:
        suffixes.append("requires_grad=True")
    return _suffixed(prefix + body, suffixes, indent)
