"""Reading the files of `torch.save`, the zip format and the one before it, without executing anything.

Zip: `<name>/data.pkl` is a stack program (`program.py`) that names its storages by number, `<name>/data/<number>` holds
their bytes, `<name>/byteorder` says which end comes first. Before 2020: four programs one after another (a magic number, a
version, facts of the system, the value), then the keys of the storages, then count and bytes of each.
Sizes are checked against the file before memory is taken, so that no file makes more than it holds.
"""

from __future__ import annotations

import io
import os
import sys
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import numpy as np

from facula.serialization import known, options
from facula.serialization.options import settings
from facula.serialization.places import Places
from facula.serialization.program import Fault, Unknown, shown
from facula.serialization.rebuild import Reader
from facula.serialization.unpickle import LoadError, unpickle

MAGIC = 0x1950A86A20F9469CFC6C
_PIECE = 2**24  # bytes
_DAMAGED = "The file is damaged or was not written by torch.save; save it again."


def _fill(file: IO[bytes], array: Any, name: str) -> None:
    target = memoryview(array.view(np.uint8))
    while target:
        if hasattr(file, "readinto"):
            count = file.readinto(target) or 0
        else:
            data = file.read(min(len(target), _PIECE))
            count = len(data)
            target[:count] = data
        if not count:
            raise Fault(f"{array.nbytes} bytes for {shown(name)}", "the end of the file")
        target = target[count:]


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
        if any(e.filename.endswith("/constants.pkl") for e in entries):
            hint = "Save the state_dict() of the model instead."
            raise Fault("a file of torch.save", "a TorchScript archive, which holds code", hint)
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
        order = self._bytes("byteorder") if f"{self.root}byteorder" in self.entries else options.default_order()
        if order not in (b"little", b"big"):
            raise Fault("little or big as byteorder", shown(order))
        self.swapped = order != sys.byteorder.encode()

    def _begin(self, entry: zipfile.ZipInfo) -> int:
        """Where the bytes of an entry begin."""
        self.file.seek(entry.header_offset)
        header = self.file.read(30)
        if len(header) != 30 or header[:4] != b"PK\3\4":
            raise Fault(f"the entry {shown(entry.filename)} at byte {entry.header_offset}", "something else")
        return (
            entry.header_offset + 30 + int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
        )

    def _entry(self, name: str) -> zipfile.ZipInfo:
        entry = self.entries.get(self.root + name)
        if entry is None:
            raise Fault(f"an entry {shown(name)}", "none")
        return entry

    def _read(self, entry: zipfile.ZipInfo, array: Any) -> Any:
        self.file.seek(self._begin(entry))
        _fill(self.file, array, entry.filename)
        if settings.checksums and zlib.crc32(memoryview(array.view(np.uint8))) != entry.CRC:
            hint = f"{_DAMAGED} serialization.set_crc32_options(False) reads it as it is."
            raise Fault(f"the checksum of {shown(entry.filename)}", "another", hint)
        return array

    def _bytes(self, name: str) -> bytes:
        entry = self._entry(name)
        data: bytes = self._read(entry, np.empty(entry.file_size, np.uint8)).tobytes()
        return data

    def fetch(self, key: str, dtype: Any, count: int) -> Any:
        entry = self._entry(f"data/{key}")
        if entry.file_size != count * dtype.itemsize:
            raise Fault(f"{count * dtype.itemsize} bytes for storage {shown(key)}", f"{entry.file_size}")
        if settings.skipping:
            return np.zeros(count, dtype)
        correct = not self.swapped and dtype != np.bool_  # what may have to be changed is not mapped
        if self.path is not None and count and correct:
            begin = self._begin(entry)
            if begin % dtype.itemsize == 0 and begin + entry.file_size <= os.path.getsize(self.path):
                mapped: Any = np.memmap(self.path, np.uint8, options.mapping_mode(), begin, (entry.file_size,))
                return np.asarray(mapped).view(dtype)
        return _checked(self._read(entry, np.empty(count, dtype)), self.swapped)

    def program(self) -> tuple[IO[bytes], int]:
        """The program and its length."""
        data = self._bytes("data.pkl")
        return io.BytesIO(data), len(data)


class Scout(Reader):
    """Looks a program over to learn of its storages and of names that are not allowed; makes nothing but plain containers."""

    def __init__(self, size: int, places: Places) -> None:
        super().__init__(places)
        self.size = self.left = size
        self.names: list[str] = []
        self.counts: dict[str, tuple[Any, int]] = {}

    def find(self, name: str) -> Any:
        try:
            return super().find(name)
        except Fault:
            self.names.append(name)
            return Unknown()

    def fetch(self, key: str, dtype: Any, count: int) -> Any:
        self.left -= count * dtype.itemsize
        if self.left < 0:
            raise Fault(f"storages of together at most {self.size} bytes", "more")
        self.counts[key] = dtype, count
        return np.empty(0, dtype)

    def grows(self, value: Any) -> bool:
        return isinstance(value, Unknown)

    def call(self, function: Any, args: tuple[Any, ...]) -> Any:
        known_function = id(function) in known.CALLS and not any(isinstance(arg, Unknown) for arg in args)
        return super().call(function, args) if known_function else Unknown()

    def make(self, cls: Any, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        return Unknown()

    def build(self, instance: Any, state: Any) -> None:
        pass

    def _part(self, whole: Any, part: Any) -> Any:
        return whole


class LegacyReader(Reader):
    """The format before PyTorch 1.6: storages come after the program that names them, so it is looked over first."""

    def __init__(self, file: IO[bytes], places: Places) -> None:
        super().__init__(places)
        self.file = file
        begin = file.tell()
        self.size = file.seek(0, os.SEEK_END) - begin
        file.seek(begin)
        self.read: dict[str, Any] = {}

    def fetch(self, key: str, dtype: Any, count: int) -> Any:
        return np.zeros(count, dtype) if settings.skipping else self.read[key]

    def open(self) -> Any:
        """Check the facts before the program; what they are."""
        magic, version = self.run(self.file, self.size), self.run(self.file, self.size)
        if type(magic) is not int or magic != MAGIC or type(version) is not int or version != 1001:
            raise Fault("the magic number and version 1001", f"{shown(magic)} and {shown(version)}")
        return self.run(self.file, self.size)

    def program(self) -> tuple[IO[bytes], int]:
        facts = self.open()
        swapped = isinstance(facts, dict) and facts.get("little_endian") is (sys.byteorder == "big")
        place, scout = self.file.tell(), Scout(self.size, Places("cpu"))
        scout.run(self.file, self.size)
        keys = self.run(self.file, self.size)
        found = scout.counts
        if not isinstance(keys, list) or len(keys) != len(found) or {k for k in keys if type(k) is str} != set(found):
            raise Fault("the keys of all storages", shown(keys))
        for key in keys:
            dtype, count = found[key]
            if int.from_bytes(self.file.read(8), "little") != count:
                raise Fault(f"{count} elements for storage {shown(key)}", "another number")
            if self.places.skips() or settings.skipping:
                self.file.seek(count * dtype.itemsize, os.SEEK_CUR)
            else:
                self.read[key] = np.empty(count, dtype)
                _fill(self.file, self.read[key], key)
                _checked(self.read[key], swapped)
        self.file.seek(place)
        return self.file, self.size


def reader_of(file: IO[bytes], places: Places, path: str | None) -> ZipReader | LegacyReader:
    """The reader of a stream that `torch.save` wrote; with a `path`, storages are mapped from there."""
    start = file.tell()
    is_zip = file.read(4) == b"PK\3\4"
    file.seek(start)
    if not is_zip and path is not None:
        hint = "Load it without mmap, and save it again."
        raise Fault("a file of the zip format for mmap=True", "one of the format before it", hint)
    return ZipReader(file, places, path) if is_zip else LegacyReader(file, places)


@contextmanager
def complaints(name: str) -> Iterator[None]:
    """Whatever is wrong with a file, as one kind of error that names it."""
    try:
        yield
    except Fault as fault:
        message = f"load: {name}: expected {fault.expected}, got {fault.found}. {fault.hint or _DAMAGED}"
        raise LoadError(message) from None
    except (LoadError, MemoryError):
        raise
    except Exception as error:
        raise LoadError(
            f"load: {name}: expected a file of torch.save, got {type(error).__name__}: {str(error)[:120]}. {_DAMAGED}"
        ) from error


def read(file: IO[bytes], name: str, map_location: Any, path: str | None) -> Any:
    """The value in a stream that `torch.save` wrote, without running anything."""
    places = Places(map_location)
    with complaints(name):
        reader = reader_of(file, places, path)
        return reader.run(*reader.program())


def read_unsafe(
    file: IO[bytes], name: str, map_location: Any, path: str | None, module: Any, options: dict[str, Any]
) -> Any:
    """The value in a stream that `torch.save` wrote, by running its program; its own errors come as they are."""
    places = Places(map_location)
    with complaints(name):
        reader = reader_of(file, places, path)
        program = reader.program()[0]
    try:
        return unpickle(program, reader, module, options)
    except Fault as fault:
        with complaints(name):
            raise fault


def unsafe_names(file: IO[bytes], name: str) -> list[str]:
    """The names that a file uses and that are neither known nor allowed, each once."""
    places = Places("meta")
    with complaints(name):
        reader = reader_of(file, places, None)
        if isinstance(reader, LegacyReader):
            reader.open()
            stream, size = reader.file, reader.size
        else:
            stream, size = reader.program()
        scout = Scout(size, places)
        scout.run(stream, size)
    return list(dict.fromkeys(scout.names))
