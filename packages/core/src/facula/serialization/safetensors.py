"""The safetensors format: a JSON header with name, type, shape and place of each tensor, then their bytes.

Layout: 8 bytes length N of the header (little-endian), N bytes of JSON, the data without gaps. The reader believes
nothing: lengths, types, shapes and places are checked before a tensor is made, and nothing in a file is ever executed.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping
from typing import IO, Any, NamedTuple

import numpy as np

from facula import dtypes
from facula.devices import base as devices
from facula.devices.base import device as Device
from facula.devices.meta import Meta
from facula.errors import located, value_error
from facula.serialization.atomic import atomic_write
from facula.serialization.options import mapping_mode
from facula.serialization.places import Places, Storage
from facula.serialization.program import Fault, shown
from facula.serialization.unpickle import LoadError
from facula.tensors.layouts import strided
from facula.tensors.tensor import Tensor, wrap

CODES = {
    "BOOL": dtypes.bool_, "U8": dtypes.uint8, "I8": dtypes.int8, "U16": dtypes.uint16, "I16": dtypes.int16,
    "U32": dtypes.uint32, "I32": dtypes.int32, "U64": dtypes.uint64, "I64": dtypes.int64, "F16": dtypes.float16,
    "BF16": dtypes.bfloat16, "F32": dtypes.float32, "F64": dtypes.float64, "C64": dtypes.complex64,
}  # fmt: skip
_CODE_OF = {dtype: code for code, dtype in CODES.items()}
MAX_HEADER = 100_000_000  # bytes, the format's own limit


class Entry(NamedTuple):
    """Where one tensor lies in the data."""

    dtype: dtypes.dtype
    shape: tuple[int, ...]
    begin: int
    end: int


def can_hold(tensor: Tensor) -> bool:
    """Whether the format has a code for the tensor's type."""
    return tensor.dtype in _CODE_OF and tensor.layout is strided


def write_tensors(file: IO[bytes], tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> None:
    """Write a safetensors stream; the header keeps the order of `tensors`, the data is sorted for alignment."""
    for name, tensor in tensors.items():
        if not isinstance(name, str) or name == "__metadata__":
            raise value_error(
                f"save: expected a text other than '__metadata__' as a tensor's name, got {name!r}. Rename it."
            )
        if not can_hold(tensor):
            raise value_error(
                f"save: expected a dense tensor of a type among {', '.join(CODES)}, got {tensor.dtype} and {tensor.layout} "
                f"for {name!r}. Convert it."
            )
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    header.update(dict.fromkeys(tensors))
    in_order = sorted(tensors, key=lambda name: -tensors[name].itemsize)
    place = 0
    for name in in_order:
        tensor = tensors[name]
        end = place + tensor.nbytes
        header[name] = {"dtype": _CODE_OF[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [place, end]}
        place = end
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    if len(text) > MAX_HEADER:
        raise value_error(f"save: expected a header of at most {MAX_HEADER} bytes, got {len(text)}. Split the file.")
    file.write(len(text).to_bytes(8, "little"))
    file.write(text)
    for name in in_order:
        file.write(_bytes_of(tensors[name]))


def _bytes_of(tensor: Tensor) -> Any:
    array: Any = np.ascontiguousarray(devices.to_host(tensor.array))
    if array.dtype.byteorder == ">":
        array = array.astype(array.dtype.newbyteorder("<"))
    return memoryview(array.reshape(-1).view(np.uint8)) if array.size else b""


def save_file(tensors: Mapping[str, Tensor], filename: Any, metadata: Mapping[str, str] | None = None) -> None:
    """Write a safetensors file of named tensors, in one piece.

    >>> import facula, tempfile, os
    >>> from facula.serialization import load_file, save_file
    >>> path = os.path.join(tempfile.mkdtemp(), "weights.safetensors")
    >>> save_file({"w": facula.ones(2)}, path)
    >>> load_file(path)
    {'w': tensor([1., 1.])}
    """
    with atomic_write(filename) as file:
        write_tensors(file, tensors, metadata)


class Reader:
    """An open safetensors stream: `entries` and `metadata` are known and checked, tensors are read on demand."""

    def __init__(self, file: IO[bytes], name: str) -> None:
        self.file, self.name = file, name
        self.start = file.tell()
        file.seek(0, os.SEEK_END)
        self.size = file.tell() - self.start
        file.seek(self.start)
        header = self._read_header()
        self.data_size = self.size - (self.data_start - self.start)
        self.metadata = self._check_metadata(header.pop("__metadata__", None))
        self.entries = {key: self._check_entry(key, value) for key, value in header.items()}
        self._check_cover()

    def fail(self, expected: str, found: str) -> LoadError:
        """The one form of all complaints about a file."""
        return LoadError(
            f"load: {self.name}: expected {expected}, got {found}. The file is damaged or not safetensors; save it again."
        )

    def _read_header(self) -> dict[str, Any]:
        if self.size < 8:
            raise self.fail("at least 8 bytes of header length", f"{self.size} bytes")
        length = int.from_bytes(self.file.read(8), "little")
        if length > MAX_HEADER:
            raise self.fail(f"a header of at most {MAX_HEADER} bytes", f"a length of {length}")
        if length > self.size - 8:
            raise self.fail(f"a header of {length} bytes", f"a file with {self.size - 8} bytes left")
        text = self.file.read(length)
        self.data_start = self.start + 8 + length
        header = parse_json(text, "a JSON header", self.fail)
        if not isinstance(header, dict):
            raise self.fail("a JSON object as header", type(header).__name__)
        return header

    def _check_metadata(self, metadata: Any) -> dict[str, str]:
        if metadata is None:
            return {}
        if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
            raise self.fail("__metadata__ to map text to text", shown(metadata))
        return metadata

    def _check_entry(self, key: str, value: Any) -> Entry:
        if not isinstance(value, dict) or set(value) != {"dtype", "shape", "data_offsets"}:
            raise self.fail(f"dtype, shape and data_offsets for {shown(key)}", shown(value))
        code, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
        if not isinstance(code, str) or code not in CODES:
            raise self.fail(f"a type among {', '.join(CODES)} for {shown(key)}", shown(code))
        if not isinstance(shape, list) or not all(_is_size(n) for n in shape) or len(shape) > 64:
            raise self.fail(f"a list of at most 64 sizes as shape of {shown(key)}", shown(shape))
        if not isinstance(offsets, list) or len(offsets) != 2 or not all(_is_size(n) for n in offsets):
            raise self.fail(f"two places as data_offsets of {shown(key)}", shown(offsets))
        begin, end = offsets
        if not begin <= end <= self.data_size:
            raise self.fail(f"{shown(key)} within the {self.data_size} bytes of data", f"places {begin} to {end}")
        entry = Entry(CODES[code], tuple(shape), begin, end)
        wanted = math.prod(shape) * entry.dtype.itemsize
        if end - begin != wanted:
            raise self.fail(f"{wanted} bytes for {shown(key)} of shape {shown(tuple(shape))}", f"{end - begin}")
        return entry

    def _check_cover(self) -> None:
        place = 0
        for key, entry in sorted(self.entries.items(), key=lambda item: item[1][2:]):
            if entry.begin != place:
                raise self.fail(f"{shown(key)} to begin at byte {place} of the data", f"{entry.begin}")
            place = entry.end
        if place != self.data_size:
            raise self.fail(f"{place} bytes of data", f"{self.data_size}")

    def tensor(self, key: str, mmap: bool = False, map_location: Any = None) -> Tensor:
        """Read one tensor, or map it, and bring it to its device."""
        entry, places = self.entries[key], Places(map_location)
        if places.skips():
            return wrap(Meta(entry.shape, entry.dtype.numpy))
        array = self._array(key, entry, mmap)
        if map_location is None:
            return wrap(array)
        try:
            placed = places.put(Storage(array.reshape(-1), array.dtype, Device("cpu")), "cpu")
        except Fault as fault:
            raise LoadError(f"load: {self.name}: expected {fault.expected}, got {fault.found}. {fault.hint}") from None
        return wrap(placed.array.reshape(entry.shape)) if placed.device.type != "meta" else wrap(array).to("meta")

    def _array(self, key: str, entry: Entry, mmap: bool) -> Any:
        dtype = entry.dtype.numpy
        if mmap and entry.end > entry.begin:
            mapped: Any = np.memmap(
                self.name,
                dtype=np.uint8,
                mode=mapping_mode(),
                offset=self.data_start + entry.begin,
                shape=(entry.end - entry.begin,),
            )
            if (self.data_start + entry.begin) % dtype.itemsize == 0:
                return np.asarray(mapped).view(dtype).reshape(entry.shape)
        array: Any = np.empty(entry.shape, dtype)
        if array.size:
            self.file.seek(self.data_start + entry.begin)
            target = memoryview(array.reshape(-1).view(np.uint8))
            read = self.file.readinto(target)  # type: ignore[attr-defined]
            if read != target.nbytes:
                raise self.fail(f"{target.nbytes} bytes for {shown(key)}", f"{read}")
            if dtype == np.bool_ and (array.view(np.uint8) > 1).any():
                raise self.fail(f"bytes 0 and 1 for the truth values of {shown(key)}", "others")
        return array


def parse_json(text: bytes, expected: str, fail: Callable[[str, str], LoadError]) -> Any:
    """The value of a text from a stranger; no name may come twice in one object."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            seen: set[str] = set()
            twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
            raise fail("each name once", f"{shown(twice)} twice")
        return found

    try:
        return json.loads(text.decode(), object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise fail(expected, f"{type(error).__name__}: {str(error)[:80]}") from None


def _is_size(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**62


def check_exists(name: str) -> None:
    """Say what is wrong with a path that is no file."""
    if not os.path.exists(name):
        raise located(FileNotFoundError(f"load: expected the file {name!r}, got none. Check the path."))
    if os.path.isdir(name):
        raise IsADirectoryError(f"load: expected a file, got the folder {name!r}. Add the file's name.")


def open_reader(path: Any) -> Reader:
    """Open a file and check its header; the reader's `file` must be closed."""
    name = os.fspath(path)
    check_exists(name)
    file = open(name, "rb")  # noqa: SIM115  the reader keeps it
    try:
        return Reader(file, name)
    except BaseException:
        file.close()
        raise


def load_file(filename: Any, device: Any = "cpu", mmap: bool = False) -> dict[str, Tensor]:
    """Read all tensors of a safetensors file by name.

    >>> import facula, tempfile, os
    >>> from facula.serialization import load_file, save_file
    >>> path = os.path.join(tempfile.mkdtemp(), "weights.safetensors")
    >>> save_file({"w": facula.ones(2)}, path)
    >>> load_file(path, device="meta")["w"].shape
    facula.Size([2])
    """
    reader = open_reader(filename)
    with reader.file:
        return {key: reader.tensor(key, mmap, device) for key in reader.entries}
