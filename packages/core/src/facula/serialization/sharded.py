"""Checkpoints of several files: an index in JSON says which file holds which tensor, and each tensor is read when it is asked for.

`{"metadata": {"total_size": bytes}, "weight_map": {name: file}}` beside its files, as `model.safetensors.index.json` or
`pytorch_model.bin.index.json`. All is checked before the first tensor is read.
"""

from __future__ import annotations

import json
import os
import re
from collections import OrderedDict
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import suppress
from typing import Any

import numpy as np

from facula.errors import type_error, value_error
from facula.serialization import torch_read, torch_write
from facula.serialization.atomic import atomic_write
from facula.serialization.program import shown
from facula.serialization.safetensors import MAX_HEADER, Reader, check_exists, parse_json, write_tensors
from facula.serialization.unpickle import LoadError
from facula.tensors.tensor import Tensor, wrap

INDEX_SUFFIX = ".index.json"
_KINDS = {True: ("model", ".safetensors"), False: ("pytorch_model", ".bin")}
_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


class SafetensorsShard:
    """One safetensors file whose header has been read."""

    def __init__(self, path: str, map_location: Any, mmap: bool) -> None:
        self.map_location, self.mmap = map_location, mmap
        with open(path, "rb") as file:
            self.reader = Reader(file, path)
        self.names = list(self.reader.entries)
        self.size: int | None = self.reader.data_size

    def tensor(self, name: str) -> Tensor:
        """Read one tensor."""
        with open(self.reader.name, "rb") as self.reader.file:
            return self.reader.tensor(name, self.mmap, self.map_location)


class TorchShard:
    """One file of `torch.save`; its tensors are mapped, and copied when they are asked for."""

    size = None  # tensors may share storages, so that the file does not tell

    def __init__(self, path: str, map_location: Any, mmap: bool) -> None:
        self.path, self.map_location, self.mmap = path, map_location, mmap
        self.names = list(self._read("meta", False))
        self._mapped: dict[str, Tensor] | None = None

    def _read(self, map_location: Any, mmap: bool) -> dict[str, Tensor]:
        with open(self.path, "rb") as file:
            value = torch_read.read(file, self.path, map_location, self.path if mmap else None)
        if not isinstance(value, dict) or not all(isinstance(v, Tensor) and type(k) is str for k, v in value.items()):
            raise _wrong(self.path, "names and tensors in a shard", shown(value), "Load it alone to look at it.")
        return value

    def tensor(self, name: str) -> Tensor:
        """Read one tensor."""
        if self._mapped is None:
            with open(self.path, "rb") as file:
                is_zip = file.read(2) == b"PK"
            self._mapped = self._read(self.map_location, is_zip)
        found = self._mapped[name]
        if self.mmap or not isinstance(found.array, np.ndarray):
            return found
        copy = wrap(found.array.copy())
        _release(found.array)
        return copy


def _release(array: Any) -> None:
    """Give the pages of a mapped file back; they are read again where they are needed."""
    while isinstance(array, np.ndarray) and not isinstance(array, np.memmap):
        array = array.base
    mapped: Any = getattr(array, "_mmap", None)
    if hasattr(mapped, "madvise"):
        import mmap

        with suppress(OSError, ValueError):
            mapped.madvise(mmap.MADV_DONTNEED)


Shard = SafetensorsShard | TorchShard


class Checkpoint(MutableMapping[str, Any]):
    """The tensors of a checkpoint by name; each is read when it is asked for, and not kept.

    `model.load_state_dict(checkpoint)` reads one tensor after another, so that memory holds the model and one tensor. Entries
    can be replaced and deleted, which changes nothing in the files.

    >>> import facula, os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "w.safetensors")
    >>> facula.save({"w": facula.ones(2), "v": facula.zeros(1)}, path)
    >>> checkpoint = facula.serialization.open_checkpoint(path)
    >>> checkpoint
    <Checkpoint of 2 tensors>
    >>> checkpoint["w"]
    tensor([1., 1.])
    """

    def __init__(self, entries: dict[str, Any]) -> None:
        self._entries = entries

    def part(self, prefix: str) -> Checkpoint:
        """The entries whose names begin with `prefix`, under the same names."""
        return Checkpoint({name: entry for name, entry in self._entries.items() if name.startswith(prefix)})

    def __getitem__(self, name: str) -> Any:
        entry = self._entries[name]
        return entry.tensor(name) if isinstance(entry, (SafetensorsShard, TorchShard)) else entry

    def __setitem__(self, name: str, value: Any) -> None:
        self._entries[name] = value

    def __delitem__(self, name: str) -> None:
        del self._entries[name]

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        return f"<Checkpoint of {len(self)} tensors>"


def open_checkpoint(path: str | os.PathLike[str], map_location: Any = None, *, mmap: bool = False) -> Checkpoint:
    """The tensors of an index of shards, of a single file, or of a folder that holds one of these; nothing is read yet.

    In a folder, safetensors come before files of torch. Raises FileNotFoundError, or RuntimeError where index and shards
    do not fit together.

    >>> import facula, tempfile
    >>> from facula.serialization import open_checkpoint, save_sharded
    >>> folder = tempfile.mkdtemp()
    >>> save_sharded(facula.nn.Linear(2, 3).state_dict(), folder)
    >>> checkpoint = open_checkpoint(folder)
    >>> list(checkpoint)
    ['weight', 'bias']
    >>> facula.nn.Linear(2, 3).load_state_dict(checkpoint)
    <All keys matched successfully>
    """
    name = os.fspath(path)
    if os.path.isdir(name):
        found = [
            os.path.join(name, stem + end + index) for stem, end in _KINDS.values() for index in (INDEX_SUFFIX, "")
        ]
        there = [candidate for candidate in found if os.path.exists(candidate)]
        if not there:
            names = ", ".join(os.path.basename(candidate) for candidate in found)
            raise FileNotFoundError(f"load: expected one of {names} in {name!r}, got none. Pass the path of the file.")
        name = there[0]
    check_exists(name)
    if not name.endswith(INDEX_SUFFIX):
        shard = _open(name, map_location, mmap)
        return Checkpoint(dict.fromkeys(shard.names, shard))
    weights, total = _read_index(name)
    folder = os.path.dirname(name)
    files = sorted(set(weights.values()))
    absent = [file for file in files if not os.path.isfile(os.path.join(folder, file))]
    if absent:
        listed = ", ".join(map(shown, absent[:5]))
        raise FileNotFoundError(
            f"load: {name}: expected {len(files)} shards beside the index, got none of {listed}"
            f"{' and others' if len(absent) > 5 else ''}. Copy them to the same folder."
        )
    shards = {file: _open(os.path.join(folder, file), map_location, mmap) for file in files}
    _check(name, weights, shards, total)
    return Checkpoint({key: shards[file] for key, file in weights.items()})


def _open(path: str, map_location: Any, mmap: bool) -> Shard:
    return (SafetensorsShard if path.endswith(".safetensors") else TorchShard)(path, map_location, mmap)


def _wrong(name: str, expected: str, found: str, hint: str) -> LoadError:
    return LoadError(f"load: {name}: expected {expected}, got {found}. {hint}")


def _read_index(name: str) -> tuple[dict[str, str], float | None]:
    """The file of each tensor, and the bytes of all."""
    hint = "The index is damaged; copy it again."
    size = os.path.getsize(name)
    if size > MAX_HEADER:
        raise _wrong(name, f"an index of at most {MAX_HEADER} bytes", f"{size}", hint)
    with open(name, "rb") as file:
        index = parse_json(file.read(), "a JSON index", lambda expected, found: _wrong(name, expected, found, hint))
    weights = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(weights, dict) or not all(isinstance(file, str) for file in weights.values()):
        raise _wrong(name, "a weight_map of names to files", shown(weights), hint)
    for file in weights.values():
        if not re.fullmatch(r"[^/\\:\0]+", file) or file in (".", ".."):
            message = "Use the index only with files in its own folder."
            raise _wrong(name, "the names of files beside the index", shown(file), message)
    facts = index.get("metadata")
    total = facts.get("total_size") if isinstance(facts, dict) else None
    if total is not None and (isinstance(total, bool) or not isinstance(total, (int, float)) or not 0 <= total < 2**62):
        raise _wrong(name, "a number of bytes as total_size", shown(total), hint)
    return weights, total


def _check(name: str, weights: dict[str, str], shards: Mapping[str, Shard], total: float | None) -> None:
    hint = "Index and shards are not of one checkpoint; copy all of them again."
    for file, shard in shards.items():
        held = set(shard.names)
        for key in shard.names:
            if weights.get(key) != file:
                place = f"also in {shown(weights[key])}" if key in weights else "not in the index"
                raise _wrong(name, "each tensor once", f"{shown(key)} in {shown(file)} and {place}", hint)
        for key, place in weights.items():
            if place == file and key not in held:
                raise _wrong(name, f"{shown(key)} in {shown(file)}", "a shard without it", hint)
    sizes = [shard.size for shard in shards.values()]
    if total is not None and None not in sizes and total != sum(size or 0 for size in sizes):
        raise _wrong(name, f"a total_size of {sum(size or 0 for size in sizes)} bytes", shown(total), hint)


def _bytes(size: int | str) -> int:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?B?)", str(size).strip().upper())
    if found is None or found[2] not in _UNITS or float(found[1]) * _UNITS[found[2]] < 1:
        raise value_error(
            f"save_sharded: expected a size such as '5GB' or 10**9, got {size!r}. Give a number and a unit."
        )
    return int(float(found[1]) * _UNITS[found[2]])


def save_sharded(
    state_dict: Mapping[str, Tensor],
    folder: str | os.PathLike[str],
    max_shard_size: int | str = "5GB",
    *,
    safe_serialization: bool = True,
) -> None:
    """Write named tensors to a folder in files of at most `max_shard_size` bytes and an index, as other libraries read them.

    What fits in one file is written as `model.safetensors` alone; a tensor that is larger than the limit has a file to itself.
    With `safe_serialization=False` the files are `pytorch_model*.bin`, in the format of torch. The index is replaced last and
    new shards never take the names of old ones, so that a crash leaves the old checkpoint whole.

    >>> import facula, tempfile, os
    >>> folder = tempfile.mkdtemp()
    >>> facula.serialization.save_sharded({"a": facula.ones(100), "b": facula.ones(100)}, folder, "500B")
    >>> sorted(os.listdir(folder))
    ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors', 'model.safetensors.index.json']
    """
    for name, tensor in state_dict.items():
        if not isinstance(tensor, Tensor):
            raise type_error(
                f"save_sharded: expected tensors, got {type(tensor).__name__} for {name!r}. Save it apart."
            )
    limit, place = _bytes(max_shard_size), os.fspath(folder)
    os.makedirs(place, exist_ok=True)
    stem, end = _KINDS[safe_serialization]
    index = os.path.join(place, stem + end + INDEX_SUFFIX)
    groups = _split(state_dict, limit)
    if len(groups) == 1:
        written = {stem + end}
        _write(os.path.join(place, stem + end), groups[0], safe_serialization)
        with suppress(FileNotFoundError):
            os.unlink(index)
    else:
        head = _free(place, stem)
        files = [f"{head}-{i:05d}-of-{len(groups):05d}{end}" for i in range(1, len(groups) + 1)]
        for file, group in zip(files, groups, strict=True):
            _write(os.path.join(place, file), group, safe_serialization)
        total = sum(tensor.nbytes for tensor in state_dict.values())
        weights = {name: file for file, group in zip(files, groups, strict=True) for name in group}
        with atomic_write(index) as out:
            out.write(json.dumps({"metadata": {"total_size": total}, "weight_map": weights}, indent=2).encode())
        written = {*files}
    shards = re.compile(rf"{stem}(\.\d+)?-\d{{5}}-of-\d{{5}}{re.escape(end)}|{re.escape(stem + end)}")
    for file in os.listdir(place):
        if shards.fullmatch(file) and file not in written:
            os.unlink(os.path.join(place, file))


def _split(state_dict: Mapping[str, Tensor], limit: int) -> list[dict[str, Tensor]]:
    groups: list[dict[str, Tensor]] = [{}]
    room = limit
    for name, tensor in state_dict.items():
        if groups[-1] and tensor.nbytes > room:
            groups.append({})
            room = limit
        groups[-1][name] = tensor
        room -= tensor.nbytes
    return groups


def _free(folder: str, stem: str) -> str:
    """The stem, or the stem with the first number that no file of the folder has."""
    names, number, head = os.listdir(folder), 0, stem
    while any(name.startswith(f"{head}-") for name in names):
        number += 1
        head = f"{stem}.{number}"
    return head


def _write(path: str, tensors: dict[str, Tensor], safe: bool) -> None:
    with atomic_write(path) as file:
        if safe:
            write_tensors(file, tensors, {"format": "pt"})
        else:
            torch_write.write(file, OrderedDict(tensors))
