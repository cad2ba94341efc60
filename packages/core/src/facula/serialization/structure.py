"""Nested Python values as named tensors and one JSON text, and back.

The JSON form of a value: null, true, false, text, whole and finite numbers stand for themselves. Everything else is an
object with one key: `{"tensor": name}`, `{"list": [...]}`, `{"tuple": [...]}`, `{"dict": [[key, value], ...]}`,
`{"ordered": [[key, value], ...]}`, `{"set": [...]}`, `{"frozenset": [...]}`, `{"size": [...]}`, `{"float": "nan" | "inf" | "-inf"}`,
`{"complex": [re, im]}`, `{"bytes": base64}`, `{"dtype": "float32"}`, `{"device": "cpu"}`, `{"array": name}` (a NumPy
array), `{"scalar": name}` (a NumPy number), `{"pairs": name}` (complex numbers kept as a last dimension of 2),
`{"sparse": [layout, places, values, size, coalesced]}`.
"""

from __future__ import annotations

import base64
import json
import math
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from facula import dtypes
from facula.devices.base import device as Device
from facula.errors import type_error, value_error
from facula.serialization.safetensors import can_hold
from facula.tensors.layouts import sparse_coo, sparse_csc, sparse_csr, strided
from facula.tensors.tensor import Size, Tensor, wrap

VERSION = 1
KEY = "facula"


class Encoder:
    """Collects the tensors of a value while it is turned into JSON."""

    def __init__(self) -> None:
        self.tensors: dict[str, Tensor] = {}
        self._names: dict[int, str] = {}
        self._kept: list[Any] = []  # arrays whose id is in use
        self._open: list[int] = []  # containers on the way down, to see a cycle

    def text(self, value: Any) -> str:
        """The JSON text of a value."""
        return json.dumps({"version": VERSION, "value": self.encode(value, "")}, separators=(",", ":"))

    def encode(self, value: Any, path: str) -> Any:
        """The JSON form of a value; `path` names it in errors and names its tensors."""
        kind = type(value)
        if value is None or kind in (bool, str, int):
            return value
        if kind is float:
            return value if math.isfinite(value) else {"float": repr(value)}
        if isinstance(value, Tensor):
            return self._tensor(value, path)
        if isinstance(value, (np.ndarray, np.generic)):
            return self._numpy(value, path)
        if kind is complex:
            return {"complex": [self.encode(part, path) for part in (value.real, value.imag)]}
        if kind in (bytes, bytearray):
            return {"bytes": base64.b64encode(value).decode()}
        if kind is dtypes.dtype:
            return {"dtype": value.name}
        if kind is Device:
            return {"device": str(value)}
        return self._container(value, path)

    def _container(self, value: Any, path: str) -> Any:
        if id(value) in self._open:
            raise value_error(
                f"save: expected a tree of values, got one that contains itself at {_shown(path)}. Cut the cycle."
            )
        self._open.append(id(value))
        try:
            if isinstance(value, Mapping):
                ordered = isinstance(value, OrderedDict)
                pairs = [
                    [self.encode(key, path), self.encode(item, f"{path}.{key}" if path else str(key))]
                    for key, item in value.items()
                ]
                return {"ordered" if ordered else "dict": pairs}
            for kind, name in (
                (Size, "size"),
                (tuple, "tuple"),
                (list, "list"),
                (set, "set"),
                (frozenset, "frozenset"),
            ):
                if isinstance(value, kind) and not hasattr(value, "_fields"):
                    items = sorted(value, key=repr) if "set" in name else value
                    return {
                        name: [self.encode(item, f"{path}.{i}" if path else str(i)) for i, item in enumerate(items)]
                    }
        finally:
            self._open.pop()
        raise type_error(
            f"save: expected tensors, arrays, numbers, text, and dicts, lists, tuples and sets of them, got "
            f"{type(value).__name__} at {_shown(path)}. Save its state_dict(), convert it, or save to a path that ends in .pt."
        )

    def _tensor(self, tensor: Tensor, path: str) -> Any:
        if tensor.layout is not strided:
            s: Any = tensor
            parts = [s._indices(), s._values(), list(s.shape), s.is_coalesced()]
            return {"sparse": [s.layout.name, *[self.encode(x, f"{path}.{i}") for i, x in enumerate(parts)]]}
        if can_hold(tensor):
            return {"tensor": self._add(tensor.array, tensor, path)}
        array = tensor.array
        pairs = np.stack([array.real, array.imag], axis=-1)
        return {"pairs": self._add(array, wrap(pairs), path)}

    def _numpy(self, value: Any, path: str) -> Any:
        array = np.asarray(value)
        if array.dtype.kind not in "biufc":
            raise type_error(
                f"save: expected a NumPy array of numbers, got {array.dtype} at {_shown(path)}. Convert it to a list."
            )
        inner = self._tensor(wrap(array), path)
        return {"scalar" if isinstance(value, np.generic) else "array": inner}

    def _add(self, array: Any, tensor: Tensor, path: str) -> str:
        """The name of a tensor; the same array is written once."""
        name = self._names.get(id(array))
        if name is None:
            name, number = path or "value", 0
            while name in self.tensors or name == "__metadata__":
                number += 1
                name = f"{path or 'value'}#{number}"
            self._names[id(array)] = name
            self._kept.append(array)
            self.tensors[name] = tensor
        return name


def _shown(path: str) -> str:
    return repr(path) if path else "the top"


class Decoder:
    """Builds the value that a JSON text describes."""

    def __init__(self, tensor: Callable[[str], Tensor], fail: Callable[[str, str], RuntimeError]) -> None:
        self.tensor, self.fail = tensor, fail
        self._made: dict[str, Tensor] = {}

    def value(self, text: str) -> Any:
        """The value behind the text."""
        try:
            outer = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise self.fail(f"JSON in the metadata {KEY!r}", f"{type(error).__name__}: {str(error)[:80]}") from None
        if not isinstance(outer, dict) or outer.get("version") != VERSION or "value" not in outer:
            raise self.fail(f"a value of version {VERSION} in the metadata {KEY!r}", repr(outer)[:80])
        try:
            return self.decode(outer["value"])
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise self.fail(
                "a well-formed description of values", f"{type(error).__name__}: {str(error)[:80]}"
            ) from None

    def decode(self, form: Any) -> Any:
        """The value of one JSON form."""
        if form is None or isinstance(form, (bool, str, int, float)):
            return form
        ((kind, inner),) = form.items()
        return _DECODERS[kind](self, inner)

    def _named(self, name: str) -> Tensor:
        if name not in self._made:
            self._made[name] = self.tensor(name)
        return self._made[name]

    def _all(self, forms: list[Any]) -> list[Any]:
        return [self.decode(form) for form in forms]

    def _pairs(self, pairs: list[Any]) -> list[tuple[Any, Any]]:
        return [(self.decode(key), self.decode(value)) for key, value in pairs]

    def _sparse(self, kind: str, *forms: Any) -> Any:
        from facula.ops.sparse import sparse_coo_tensor

        places, values, size, coalesced = self._all(list(forms))
        made = sparse_coo_tensor(places, values, size, is_coalesced=coalesced)
        return made.to_layout({x.name: x for x in (sparse_coo, sparse_csr, sparse_csc)}[kind])

    def _complex_tensor(self, name: str) -> Tensor:
        pairs = self._named(name).array
        return wrap(pairs[..., 0] + 1j * pairs[..., 1])


_DECODERS: dict[str, Callable[[Decoder, Any], Any]] = {
    "tensor": lambda self, name: self._named(name),
    "pairs": lambda self, name: self._complex_tensor(name),
    "sparse": lambda self, parts: self._sparse(*parts),
    "array": lambda self, form: self.decode(form).array,
    "scalar": lambda self, form: self.decode(form).array[()],
    "list": lambda self, forms: self._all(forms),
    "tuple": lambda self, forms: tuple(self._all(forms)),
    "size": lambda self, forms: Size(self._all(forms)),
    "set": lambda self, forms: set(self._all(forms)),
    "frozenset": lambda self, forms: frozenset(self._all(forms)),
    "dict": lambda self, pairs: dict(self._pairs(pairs)),
    "ordered": lambda self, pairs: OrderedDict(self._pairs(pairs)),
    "float": lambda self, text: float(text),
    "complex": lambda self, parts: complex(*self._all(parts)),
    "bytes": lambda self, text: base64.b64decode(text, validate=True),
    "dtype": lambda self, name: dtypes.by_name(name),
    "device": lambda self, name: Device(name),
}
