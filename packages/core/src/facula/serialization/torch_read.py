"""Reading the files of `torch.save`, the zip format and the one before it, without executing anything.

Zip: `<name>/data.pkl` is a stack program (`program.py`) that names its storages by number, `<name>/data/<number>` holds
their bytes, `<name>/byteorder` says which end comes first. Before 2020: four programs one after another (a magic number, a
version, facts of the system, the value), then the keys of the storages, then count and bytes of each.
Sizes are checked against the file before memory is taken, so that no file makes more than it holds.
"""

from __future__ import annotations

import io
import os
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Mapping
from typing import IO, Any

import numpy as np

from facula.devices import base as devices
from facula.devices.base import device as Device
from facula.devices.meta import Meta
from facula.serialization import known
from facula.serialization.program import Fault, Program, shown
from facula.tensors.parameter import Buffer, Parameter
from facula.tensors.tensor import Tensor, wrap

MAGIC = 0x1950A86A20F9469CFC6C
_DAMAGED = "The file is damaged or was not written by torch.save; save it again."


class Storage:
    """A run of elements in memory; what `map_location` functions are given and give back."""

    def __init__(self, array: Any, dtype: Any, place: Device) -> None:
        self.array, self.dtype, self.device = array, dtype, place

    def cpu(self) -> Storage:
        """The storage on the CPU."""
        return Storage(self.array, self.dtype, Device("cpu"))

    def cuda(self, device: Any = None) -> Storage:
        """The storage on a CUDA device."""
        place = Device("cuda") if device is None else Device(device)
        return Storage(self.array, self.dtype, place)

    def typed(self, dtype: np.dtype[Any]) -> Any:
        """All elements of a type; bytes of no type take the first type asked for."""
        if self.dtype is None:
            return self.array[: self.array.size // dtype.itemsize * dtype.itemsize].view(dtype)
        return self.array


class Places:
    """Where storages go: `map_location` as None, a device, a dict of devices, or a function of storage and location."""

    def __init__(self, map_location: Any) -> None:
        self.rule = map_location
        if map_location is not None and not isinstance(map_location, Mapping) and not callable(map_location):
            self.rule = Device(map_location)

    def skips(self) -> bool:
        """Whether no data is wanted at all."""
        return isinstance(self.rule, Device) and self.rule.type == "meta"

    def put(self, storage: Storage, location: str) -> Storage:
        """A storage on the device it belongs to."""
        if isinstance(self.rule, Mapping):
            place = Device(self.rule.get(location, location))
        elif callable(self.rule):
            moved = self.rule(storage, location)
            place = _place(location) if moved is None else moved.device
        else:
            place = _place(location) if self.rule is None else self.rule
        if place.type == "cpu":
            return storage
        if place.type != "meta":
            storage.array = devices.move(storage.array, place)
        return Storage(storage.array, storage.dtype, place)


def _place(location: str) -> Device:
    try:
        place = Device(location)
        there = devices.kind(place.type).is_available()
    except Exception:
        there = False
    if not there:
        hint = "Pass map_location='cpu' to load it to the CPU."
        raise Fault("a device that is available here", f"a storage on {location!r}", hint)
    return place


class Reader:
    """What a program asks its questions of: names, calls, storages."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self.storages: dict[str, Storage] = {}

    def fetch(self, key: str, dtype: Any, count: int) -> Any:
        """The array of a storage that is met for the first time."""
        raise NotImplementedError

    def find(self, name: str) -> Any:
        return known.find(name)

    def storage(self, key: Any) -> Storage:
        """The storage of `("storage", type, key, location, count, [part])`."""
        fine = isinstance(key, tuple) and len(key) in (5, 6) and key[0] == "storage"
        fine = fine and isinstance(key[1], known.StorageType) and isinstance(key[2], str) and isinstance(key[3], str)
        if not fine or type(key[4]) is not int or not 0 <= key[4] < 2**60:
            raise Fault("the description of a storage", shown(key))
        _, kind, name, location, count = key[:5]
        dtype = None if kind.dtype is None else kind.dtype.numpy
        if name not in self.storages:
            plain = np.dtype(np.uint8) if dtype is None else dtype
            array = np.empty(0, plain) if self.places.skips() else self.fetch(name, plain, count)
            self.storages[name] = self.places.put(Storage(array, dtype, Device("cpu")), location)
        found = self.storages[name]
        if found.dtype != dtype:
            raise Fault(f"storage {name!r} to be of one type", f"{found.dtype} and {dtype}")
        part = key[5] if len(key) == 6 else None
        return found if part is None else self._part(found, part)

    def _part(self, whole: Storage, part: Any) -> Storage:
        fine = isinstance(part, tuple) and len(part) == 3 and all(type(n) is int and n >= 0 for n in part[1:])
        if not fine or part[1] + part[2] > whole.array.size:
            raise Fault("a part within its storage", shown(part))
        return Storage(whole.array[part[1] : part[1] + part[2]], whole.dtype, whole.device)

    def call(self, function: Any, args: tuple[Any, ...]) -> Any:
        if known.allowed(function):
            return function(*args)
        if id(function) in known.CALLS:
            return known.CALLS[id(function)](args)
        if function is Parameter and 1 <= len(args) <= 2 and isinstance(args[0], Tensor):
            return Parameter(*args)
        if isinstance(function, known.Maker):
            return getattr(self, f"_{function.name}")(*args)
        raise Fault("a function that may be called", f"{type(function).__name__}")

    def make(self, cls: Any, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        if not isinstance(cls, type) or not known.allowed(cls):
            raise Fault("a class that may be made", shown(cls))
        return cls.__new__(cls, *args, **named)

    def build(self, instance: Any, state: Any) -> None:
        if known.allowed(type(instance)):
            self._restore(instance, state)
        elif isinstance(instance, np.dtype):
            if not isinstance(state, tuple) or len(state) < 2 or state[1] not in ("<", "|", "="):
                raise Fault("a NumPy type with its low bytes first", shown(state))
        elif type(instance) is np.ndarray:
            known.set_numpy(instance, state)
        elif type(instance) is OrderedDict:
            if not isinstance(state, dict) or any(not isinstance(k, str) or hasattr(OrderedDict, k) for k in state):
                raise Fault("attributes of an OrderedDict", shown(state))
            instance.__dict__.update(state)
        else:
            raise Fault("an object that may be given a state", type(instance).__name__)

    def _restore(self, instance: Any, state: Any) -> None:
        if hasattr(instance, "__setstate__"):
            instance.__setstate__(state)
            return
        values, slots = state if isinstance(state, tuple) and len(state) == 2 else (state, None)
        instance.__dict__.update(values or {})
        for name, value in (slots or {}).items():
            setattr(instance, name, value)

    def _tensor(self, storage: Any, offset: Any, size: Any, stride: Any) -> Tensor:
        if not isinstance(storage, Storage):
            raise Fault("the storage of a tensor", type(storage).__name__)
        if storage.dtype is None:
            raise Fault("a storage with a type", "one without")
        return wrap(self._strided(storage, storage.dtype, offset, size, stride))

    def _tensor_v2(
        self, storage: Any, offset: Any, size: Any, stride: Any, grad: Any, hooks: Any, metadata: Any = None
    ) -> Tensor:
        return self._finish(self._tensor(storage, offset, size, stride), grad, metadata)

    def _tensor_v3(
        self, storage: Any, offset: Any, size: Any, stride: Any, grad: Any, hooks: Any, dtype: Any, metadata: Any = None
    ) -> Tensor:
        if not isinstance(storage, Storage) or not hasattr(dtype, "is_floating_point"):
            raise Fault("the storage and type of a tensor", shown(dtype))
        return self._finish(wrap(self._strided(storage, dtype.numpy, offset, size, stride)), grad, metadata)

    def _strided(self, storage: Storage, dtype: Any, offset: Any, size: Any, stride: Any) -> Any:
        numbers = (offset, *size, *stride)
        if not all(type(n) is int and 0 <= n < 2**60 for n in numbers) or len(size) != len(stride) or len(size) > 64:
            raise Fault("the offset, shape and strides of a tensor", shown((offset, size, stride)))
        steps = tuple(n * dtype.itemsize for n in stride)
        if storage.device.type == "meta":
            return Meta(size, dtype, steps)
        flat = storage.typed(dtype)
        if 0 in size:
            return devices.kind_of(flat).xp.empty(size, dtype)
        last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
        if last >= flat.size:
            raise Fault(f"a tensor within the {flat.size} elements of its storage", f"one that ends at {last}")
        if type(flat) is np.ndarray:
            return np.ndarray(tuple(size), dtype, flat, offset * dtype.itemsize, steps)
        return devices.kind_of(flat).xp.lib.stride_tricks.as_strided(flat[offset:], tuple(size), steps)

    def _finish(self, tensor: Tensor, grad: Any, metadata: Any) -> Tensor:
        if metadata:
            wrong = set(metadata) - {"conj", "neg"} if isinstance(metadata, dict) else {"no dict"}
            array = tensor.array
            copied = array.base if isinstance(array.base, np.ndarray) else array
            if wrong or array.size > copied.size:
                raise Fault("a tensor that is conjugated or negated at most", shown(metadata))
            array = array.conj() if metadata.get("conj") else array
            tensor = wrap(-array if metadata.get("neg") else array)
        return tensor.requires_grad_() if grad is True else tensor

    def _meta_tensor_no_storage(self, dtype: Any, size: Any, stride: Any, grad: Any) -> Tensor:
        nothing = Storage(None, dtype.numpy, Device("meta"))
        return self._finish(wrap(self._strided(nothing, dtype.numpy, 0, size, stride)), grad, None)

    def _parameter(self, data: Any, grad: Any, hooks: Any) -> Parameter:
        if not isinstance(data, Tensor):
            raise Fault("a tensor in a parameter", type(data).__name__)
        return Parameter(data.detach(), grad is True)

    def _parameter_with_state(self, data: Any, grad: Any, hooks: Any, state: Any) -> Any:
        return self._with_state(self._parameter(data, grad, hooks), state)

    def _from_type_v2(self, function: Any, cls: Any, args: Any, state: Any) -> Any:
        if not isinstance(function, known.Maker) or not function.name.startswith(("tensor", "parameter", "meta")):
            raise Fault("a function that makes tensors", shown(function))
        made = self.call(function, args)
        values = state[0] if isinstance(state, tuple) and state else state
        if cls is Buffer or (cls is Tensor and isinstance(values, dict) and values.get("_is_buffer") is True):
            persistent = values.get("persistent", True) if isinstance(values, dict) else True
            return Buffer(made, persistent=bool(persistent))
        if cls not in (Tensor, Parameter):
            raise Fault("a kind of tensor", shown(cls))
        return self._with_state(made, values)

    def _with_state(self, made: Any, state: Any) -> Any:
        state = state or {}
        if not isinstance(state, dict) or any(not isinstance(name, str) or hasattr(Tensor, name) for name in state):
            raise Fault("attributes of a tensor", shown(state))
        made.__dict__.update(state)
        return made

    def run(self, stream: IO[bytes], size: int) -> Any:
        """The value of one program."""
        return Program(stream, size, self).run()


def _fill(file: IO[bytes], array: Any, name: str) -> None:
    target = memoryview(array.view(np.uint8))
    if target.nbytes and file.readinto(target) != target.nbytes:  # type: ignore[attr-defined]
        raise Fault(f"{target.nbytes} bytes for storage {name!r}", "the end of the file")


def _checked(array: Any, swapped: bool) -> Any:
    """Values as this machine has them: low bytes first, truth values 0 and 1."""
    if swapped and array.dtype.itemsize > 1:
        plain = array.view(np.uint16) if array.dtype.kind == "V" else array
        plain.byteswap(inplace=True)
    if array.dtype == np.bool_:
        numbers = array.view(np.uint8)
        if (numbers > 1).any():
            np.minimum(numbers, 1, out=numbers)
    return array


class ZipReader(Reader):
    """The format since PyTorch 1.6."""

    def __init__(self, file: IO[bytes], places: Places, path: str | None) -> None:
        super().__init__(places)
        self.file, self.path = file, path
        self.archive = zipfile.ZipFile(file)
        size = file.seek(0, os.SEEK_END)
        entries = self.archive.infolist()
        if any(e.compress_type != zipfile.ZIP_STORED or e.compress_size != e.file_size for e in entries):
            raise Fault("entries that are stored as they are", "compressed ones")
        if sum(entry.file_size for entry in entries) > size:
            raise Fault(f"entries of together at most {size} bytes", "more")
        program = [
            entry for entry in entries if entry.filename.count("/") == 1 and entry.filename.endswith("/data.pkl")
        ]
        if len(program) != 1:
            raise Fault("one data.pkl in the archive", f"{len(program)}")
        self.root = program[0].filename.removesuffix("data.pkl")
        self.entries = {entry.filename: entry for entry in entries}
        if f"{self.root}constants.pkl" in self.entries:
            hint = "Save the state_dict() of the model instead."
            raise Fault("a file of torch.save", "a TorchScript archive, which holds code", hint)
        order = self._bytes("byteorder") if f"{self.root}byteorder" in self.entries else b"little"
        if order not in (b"little", b"big"):
            raise Fault("little or big as byteorder", shown(order))
        self.swapped = order == b"big"

    def _begin(self, entry: zipfile.ZipInfo) -> int:
        """Where the bytes of an entry begin."""
        self.file.seek(entry.header_offset)
        header = self.file.read(30)
        if len(header) != 30 or header[:4] != b"PK\3\4":
            raise Fault(f"the entry {entry.filename!r} at byte {entry.header_offset}", "something else")
        return (
            entry.header_offset + 30 + int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
        )

    def _entry(self, name: str) -> zipfile.ZipInfo:
        entry = self.entries.get(self.root + name)
        if entry is None:
            raise Fault(f"an entry {name!r}", "none")
        return entry

    def _read(self, entry: zipfile.ZipInfo, array: Any) -> Any:
        self.file.seek(self._begin(entry))
        _fill(self.file, array, entry.filename)
        if zlib.crc32(memoryview(array.view(np.uint8))) != entry.CRC:
            raise Fault(f"the checksum of {entry.filename!r}", "another")
        return array

    def _bytes(self, name: str) -> bytes:
        entry = self._entry(name)
        data: bytes = self._read(entry, np.empty(entry.file_size, np.uint8)).tobytes()
        return data

    def fetch(self, key: str, dtype: Any, count: int) -> Any:
        entry = self._entry(f"data/{key}")
        if entry.file_size != count * dtype.itemsize:
            raise Fault(f"{count * dtype.itemsize} bytes for storage {key!r}", f"{entry.file_size}")
        if self.path is not None and count:
            begin = self._begin(entry)
            if begin % dtype.itemsize == 0 and begin + entry.file_size <= os.path.getsize(self.path):
                mapped: Any = np.memmap(self.path, np.uint8, "c", begin, (entry.file_size,))
                return _checked(np.asarray(mapped).view(dtype), self.swapped)
        return _checked(self._read(entry, np.empty(count, dtype)), self.swapped)

    def value(self) -> Any:
        """What the file holds."""
        data = self._bytes("data.pkl")
        return self.run(io.BytesIO(data), len(data))


class Scout(Reader):
    """Runs a program only to learn of its storages; nothing but plain containers is made."""

    def __init__(self, size: int) -> None:
        super().__init__(Places("cpu"))
        self.size = self.left = size

    def fetch(self, key: str, dtype: Any, count: int) -> Any:
        self.left -= count * dtype.itemsize
        if self.left < 0:
            raise Fault(f"storages of together at most {self.size} bytes", "more")
        return np.empty(count, dtype)

    def call(self, function: Any, args: tuple[Any, ...]) -> Any:
        return super().call(function, args) if id(function) in known.CALLS else None

    def make(self, cls: Any, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        return None

    def build(self, instance: Any, state: Any) -> None:
        pass


class LegacyReader(Reader):
    """The format before PyTorch 1.6: storages come after the program that names them, so it is run twice."""

    def __init__(self, file: IO[bytes], places: Places) -> None:
        super().__init__(places)
        self.file = file
        begin = file.tell()
        self.size = file.seek(0, os.SEEK_END) - begin
        file.seek(begin)
        self.read: dict[str, Any] = {}

    def fetch(self, key: str, dtype: Any, count: int) -> Any:
        return self.read[key]

    def value(self) -> Any:
        """What the file holds."""
        magic, version = self.run(self.file, self.size), self.run(self.file, self.size)
        if magic != MAGIC or version != 1001:
            raise Fault("the magic number and version 1001", f"{shown(magic)} and {shown(version)}")
        facts = self.run(self.file, self.size)
        swapped = isinstance(facts, dict) and facts.get("little_endian") is False
        place, scout = self.file.tell(), Scout(self.size)
        scout.run(self.file, self.size)
        keys = self.run(self.file, self.size)
        found = {key: storage.array for key, storage in scout.storages.items()}
        if not isinstance(keys, list) or len(keys) != len(found) or {k for k in keys if type(k) is str} != set(found):
            raise Fault("the keys of all storages", shown(keys))
        for key in keys:
            if int.from_bytes(self.file.read(8), "little") != found[key].size:
                raise Fault(f"{found[key].size} elements for storage {key!r}", "another number")
            _fill(self.file, found[key], key)
            _checked(found[key], swapped)
        self.read = found
        self.file.seek(place)
        return self.run(self.file, self.size)


def read(file: IO[bytes], name: str, map_location: Any, path: str | None) -> Any:
    """The value in a stream that `torch.save` wrote; with a `path`, storages are mapped from there copy-on-write."""
    places = Places(map_location)
    start = file.tell()
    is_zip = file.read(4) == b"PK\3\4"
    file.seek(start)
    try:
        reader = ZipReader(file, places, path) if is_zip else LegacyReader(file, places)
        return reader.value()
    except Fault as fault:
        message = f"load: {name}: expected {fault.expected}, got {fault.found}. {fault.hint or _DAMAGED}"
        raise RuntimeError(message) from None
    except Exception as error:
        raise RuntimeError(
            f"load: {name}: expected a file of torch.save, got {type(error).__name__}: {str(error)[:120]}. {_DAMAGED}"
        ) from error
