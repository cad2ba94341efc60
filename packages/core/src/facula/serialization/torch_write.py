"""Writing the zip format of `torch.save`, so that torch reads what is saved here.

Tensors over one memory share a storage in the file; storages begin at multiples of 64 bytes, so that they can be mapped.
Everything is written in protocol 2 under torch's names. Objects of other classes are written as Python takes them apart
(`__reduce_ex__`); whoever reads them must allow their classes.
"""

from __future__ import annotations

import copyreg
import struct
import sys
import zipfile
from collections import Counter, OrderedDict
from typing import IO, Any

import numpy as np

from facula import dtypes
from facula.autograd.tape import Leaf
from facula.devices import base as devices
from facula.devices.base import device as Device
from facula.errors import type_error, value_error
from facula.serialization.known import STORAGE_OF, UNTYPED
from facula.serialization.options import location_tag, settings
from facula.serialization.places import Storage
from facula.tensors.layouts import layout, sparse_coo, sparse_csr, strided
from facula.tensors.parameter import Buffer, Parameter
from facula.tensors.tensor import Size, Tensor

ALIGNMENT = 64


class Name:
    """A name to be written as a global."""

    def __init__(self, name: str) -> None:
        self.module, _, self.name = name.rpartition(".")


def _dense(array: Any) -> bool:
    """Whether an array owns memory without gaps."""
    steps = sum((n - 1) * step for n, step in zip(array.shape, array.strides, strict=True))
    return array.size > 0 and min(array.strides, default=0) >= 0 and steps + array.itemsize == array.nbytes


def _root(array: Any) -> Any:
    """The array that owns the memory of a view; `as_strided` puts an object of its own in between."""
    while isinstance(array, np.ndarray):
        under = array.base if isinstance(array.base, np.ndarray) else getattr(array.base, "base", None)
        if not isinstance(under, np.ndarray):
            break
        array = under
    return array


class Writer:
    """Collects the program and the storages of one value."""

    def __init__(self) -> None:
        self.program = bytearray(b"\x80\x02")
        self.storages: list[Any] = []
        self._numbers: dict[Any, int] = {}
        self._memo: dict[Any, int] = {}
        self._kept: list[Any] = []  # objects whose id is in use

    def write(self, value: Any) -> None:
        """Append the instructions that make a value."""
        kind = type(value)
        plain = _PLAIN.get(kind)
        if plain is not None:
            plain(self, value)
        elif id(value) in self._memo:
            self._recall(self._memo[id(value)])
        elif kind in _KINDS:
            _KINDS[kind](self, value)
        elif isinstance(value, Tensor):
            self._tensor(value) if value.layout is strided else self._sparse(value)
        elif isinstance(value, OrderedDict) and kind.__module__.startswith("facula."):  # a state_dict
            self._ordered(value)
        elif isinstance(value, type) or (callable(value) and hasattr(value, "__qualname__")):
            self._object_name(value)
        else:
            self._other(value)

    def _remember(self, value: Any) -> None:
        """Give the top of the reader's stack a number."""
        self._kept.append(value)
        self._memo[id(value)] = len(self._memo)
        self._numbered(b"q", b"r", len(self._memo) - 1)

    def _recall(self, number: int) -> None:
        self._numbered(b"h", b"j", number)

    def _numbered(self, short: bytes, long: bytes, number: int) -> None:
        self.program += short + bytes([number]) if number < 256 else long + struct.pack("<I", number)

    def _int(self, value: int) -> None:
        if 0 <= value < 256:
            self.program += b"K" + bytes([value])
        elif -(2**31) <= value < 2**31:
            self.program += struct.pack("<ci", b"J", value)
        else:
            data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
            if len(data) > 255:
                raise value_error(
                    f"save: expected whole numbers of at most 255 bytes, got one of {len(data)}. Save its hex() text."
                )
            self.program += b"\x8a" + bytes([len(data)]) + data

    def _text(self, value: str) -> None:
        if value in self._memo:
            self._recall(self._memo[value])
            return
        data = value.encode("utf-8", "surrogatepass")
        self.program += b"X" + struct.pack("<I", len(data)) + data
        self._memo[value] = len(self._memo)
        self._numbered(b"q", b"r", len(self._memo) - 1)

    def _global(self, name: Name) -> None:
        place = (name.module, name.name)
        if place in self._memo:
            self._recall(self._memo[place])
            return
        module = "__builtin__" if name.module == "builtins" else name.module
        self.program += f"c{module}\n{name.name}\n".encode()
        self._memo[place] = len(self._memo)
        self._numbered(b"q", b"r", len(self._memo) - 1)

    def _object_name(self, value: Any) -> None:
        """A class or function by its name, which must lead back to it."""
        module, name = getattr(value, "__module__", None), value.__qualname__
        if module is None or getattr(sys.modules.get(module), name, None) is not value:
            raise type_error(
                f"save: expected values that have a name in a module, got {value!r}. Save its state_dict(), or define it at the "
                "top of a module."
            )
        self._global(Name(f"{module}.{name}"))

    def _tuple(self, value: tuple[Any, ...]) -> None:
        if len(value) > 3:
            self.program += b"("
        for item in value:
            self.write(item)
        self.program += (b")", b"\x85", b"\x86", b"\x87")[len(value)] if len(value) < 4 else b"t"
        if value:
            self._remember(value)

    def _call(self, name: str, *args: Any) -> None:
        self._global(Name(name))
        self._tuple(args)
        self.program += b"R"

    def _list(self, value: list[Any]) -> None:
        self.program += b"]"
        self._remember(value)
        self._items(value)

    def _items(self, value: Any) -> None:
        self.program += b"("
        for item in value:
            self.write(item)
        self.program += b"e"

    def _dict(self, value: dict[Any, Any]) -> None:
        self.program += b"}"
        self._remember(value)
        self._pairs(value.items())

    def _pairs(self, pairs: Any) -> None:
        self.program += b"("
        for key, item in pairs:
            self.write(key)
            self.write(item)
        self.program += b"u"

    def _ordered(self, value: OrderedDict[Any, Any]) -> None:
        self._call("collections.OrderedDict")
        self._remember(value)
        self._pairs(value.items())
        if value.__dict__:
            self._dict(dict(value.__dict__))
            self.program += b"b"

    def _called(self, value: Any, name: str, *args: Any) -> None:
        self._call(name, *args)
        self._remember(value)

    def _tensor(self, value: Tensor) -> None:
        if isinstance(value, Parameter):
            hooks: OrderedDict[str, Any] = OrderedDict()
            parts = (value.detach(), value.requires_grad, hooks)
            if value.__dict__:
                self._called(value, "torch._utils._rebuild_parameter_with_state", *parts, dict(value.__dict__))
            else:
                self._called(value, "torch._utils._rebuild_parameter", *parts)
        elif isinstance(value, Buffer):
            state = {"persistent": value.persistent, "_is_buffer": True}
            rebuild = Name("torch._utils._rebuild_tensor_v2")
            self._global(Name("torch._tensor._rebuild_from_type_v2"))
            self._tuple((rebuild, Name("torch.Tensor"), _Parts(value), state))
            self.program += b"R"
            self._remember(value)
        elif value.is_meta:
            name = "torch._utils._rebuild_meta_tensor_no_storage"
            self._called(value, name, value.dtype, tuple(value.shape), value.stride(), value.requires_grad)
        else:
            version = "v2" if value.dtype.name in STORAGE_OF else "v3"
            self._global(Name(f"torch._utils._rebuild_tensor_{version}"))
            self._parts(_Parts(value))
            self.program += b"R"
            self._remember(value)

    def _sparse(self, value: Any) -> None:
        """A sparse tensor by the tensors that it is made of."""
        if value.layout is sparse_coo:
            parts = (value._indices(), value._values(), tuple(value.shape), value.is_coalesced())
        elif value.layout is sparse_csr:
            parts = (value.crow_indices(), value.col_indices(), value.values(), tuple(value.shape))
        else:
            parts = (value.ccol_indices(), value.row_indices(), value.values(), tuple(value.shape))
        self._called(value, "torch._utils._rebuild_sparse_tensor", value.layout, parts)

    def _parts(self, parts: _Parts) -> None:
        """The arguments that a tensor is made again from: its storage, where it lies there, whether it is a leaf."""
        tensor = parts.tensor
        dtype, tag = tensor.dtype, location_tag(Storage(tensor.array, tensor.dtype, tensor.device))
        number, offset, strides, count = self._place(tensor.array)
        typed = dtype.name in STORAGE_OF
        self.program += b"(("
        for item in ("storage", Name(STORAGE_OF[dtype.name] if typed else UNTYPED), str(number), tag):
            self.write(item)
        self._int(count if typed else count * dtype.itemsize)
        self.program += b"tQ"
        hooks: OrderedDict[str, Any] = OrderedDict()
        grad = tensor.requires_grad and type(tensor.node) is Leaf
        for part in (offset, tuple(tensor.shape), strides, grad, hooks):
            self.write(part)
        if not typed:
            self.write(dtype)
        self.program += b"t"

    def _place(self, array: Any) -> tuple[int, int, tuple[int, ...], int]:
        """The storage, offset, strides and number of elements for an array; views of one memory get one storage."""
        size = array.itemsize
        base = _root(array)
        fits = base.dtype == array.dtype and _dense(base) and array.size > 0 and min(array.strides, default=0) >= 0
        if isinstance(array, np.ndarray) and fits:
            start, place = (a.__array_interface__["data"][0] for a in (base, array))
            steps = tuple(step // size for step in array.strides)
            if not (place - start) % size and not any(step % size for step in array.strides):
                key = (start, base.nbytes, base.dtype)
                flat = np.lib.stride_tricks.as_strided(base, (base.size,), (size,))
                return self._number(key, base, flat), (place - start) // size, steps, base.size
        steps, step = (), 1
        for n in reversed(array.shape):
            steps = (step, *steps)
            step *= max(n, 1)
        return self._number(id(array), array, array), 0, steps, array.size

    def _number(self, key: Any, owner: Any, data: Any) -> int:
        if key not in self._numbers:
            self._kept.append(owner)
            self._numbers[key] = len(self.storages)
            self.storages.append(data)
        return self._numbers[key]

    def _other(self, value: Any) -> None:
        """An object as Python takes it apart."""
        taken = value.__reduce_ex__(2)
        if isinstance(taken, str):
            self._global(Name(f"{value.__module__}.{taken}"))
            return
        function, args, state, items, pairs = (*taken, None, None, None)[:5]
        if function is copyreg.__newobj__:  # type: ignore[attr-defined]
            self.write(args[0])
            self._tuple(tuple(args[1:]))
            self.program += b"\x81"
        else:
            self.write(function)
            self._tuple(tuple(args))
            self.program += b"R"
        self._remember(value)
        if items is not None:
            self._items(items)
        if pairs is not None:
            self._pairs(pairs)
        if state is not None:
            self.write(state)
            self.program += b"b"


class _Parts:
    """The arguments of the function that makes a tensor."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor


def _add(code: bytes) -> Any:
    def write(self: Writer, value: Any) -> None:
        self.program += code

    return write


def _float(self: Writer, value: float) -> None:
    self.program += struct.pack(">cd", b"G", value)


_PLAIN: dict[type, Any] = {
    type(None): _add(b"N"),
    bool: lambda self, value: _add(b"\x88" if value else b"\x89")(self, value),
    int: Writer._int,
    float: _float,
    str: Writer._text,
    Name: Writer._global,
    _Parts: Writer._parts,
    dtypes.dtype: lambda self, value: self._global(Name(f"torch.{value.name}")),
    layout: lambda self, value: self._call("torch.serialization._get_layout", f"torch.{value.name}"),
}
_KINDS: dict[type, Any] = {
    tuple: Writer._tuple,
    list: Writer._list,
    dict: Writer._dict,
    OrderedDict: Writer._ordered,
    Size: lambda self, value: self._called(value, "torch.Size", tuple(value)),
    Device: lambda self, value: self._called(
        value, "torch.device", *((value.type,) if value.index is None else (value.type, value.index))
    ),
    set: lambda self, value: self._called(value, "builtins.set", list(value)),
    frozenset: lambda self, value: self._called(value, "builtins.frozenset", list(value)),
    bytes: lambda self, value: self._called(value, "_codecs.encode", value.decode("latin1"), "latin1"),
    bytearray: lambda self, value: self._called(value, "builtins.bytearray", value.decode("latin1"), "latin-1"),
    complex: lambda self, value: self._called(value, "builtins.complex", value.real, value.imag),
    Counter: lambda self, value: self._called(value, "collections.Counter", dict(value)),
}


def write(file: IO[bytes], value: Any) -> None:
    """Write a value in the zip format of `torch.save`."""
    writer = Writer()
    try:
        writer.write(value)
    except RecursionError:
        raise value_error(
            "save: expected values nested less deeply, got a RecursionError. Flatten the value."
        ) from None
    writer.program += b"."
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        _entry(archive, "data.pkl", writer.program)
        _entry(archive, "byteorder", sys.byteorder.encode())
        for number, array in enumerate(writer.storages):
            host: Any = np.ascontiguousarray(devices.to_host(array)).reshape(-1).view(np.uint8)
            _entry(archive, f"data/{number}", memoryview(np.zeros_like(host) if settings.skipping else host))
        _entry(archive, "version", b"3\n")


def _entry(archive: zipfile.ZipFile, name: str, data: Any) -> None:
    """One entry; its bytes begin at a multiple of 64, behind a filler that readers skip."""
    entry = zipfile.ZipInfo(f"archive/{name}")
    large = len(data) >= zipfile.ZIP64_LIMIT
    begin = archive.fp.tell() + 30 + len(entry.filename) + (20 if large else 0) + 4  # type: ignore[union-attr]
    filler = -begin % ALIGNMENT
    entry.extra = struct.pack("<2sH", b"FB", filler) + b"Z" * filler
    with archive.open(entry, "w", force_zip64=large) as target:
        target.write(data)
