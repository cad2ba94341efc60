"""Saving and loading without executing anything: safetensors with JSON for the values around tensors, and the files of torch."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import IO, Any

from facula.devices.base import device as Device
from facula.serialization import torch_read, torch_write
from facula.serialization.atomic import atomic_write
from facula.serialization.known import add_safe_globals, clear_safe_globals, get_safe_globals, safe_globals
from facula.serialization.safetensors import Reader, can_hold, check_exists, load_file, save_file, write_tensors
from facula.serialization.structure import KEY, Decoder, Encoder
from facula.tensors.tensor import Tensor
from facula.tree import tree_map

__all__ = [
    "add_safe_globals",
    "atomic_write",
    "clear_safe_globals",
    "get_safe_globals",
    "load",
    "load_file",
    "safe_globals",
    "save",
    "save_file",
]

_SUFFIX = ".safetensors"


def _is_flat(obj: Any) -> bool:
    """Whether `obj` maps names to tensors and nothing else, so that any safetensors reader understands the file."""
    return (
        isinstance(obj, Mapping)
        and bool(obj)
        and all(
            isinstance(name, str) and name != "__metadata__" and isinstance(value, Tensor) and can_hold(value)
            for name, value in obj.items()
        )
    )


def save(obj: Any, f: str | os.PathLike[str] | IO[bytes]) -> None:
    """Write a value to a file, in one piece: no half file is ever seen.

    A path that ends in `.safetensors` gives that format, any other path or a binary file object the zip format of
    `torch.save`, which torch reads. In safetensors a mapping of names to tensors, such as a `state_dict`, gives a plain
    file of theirs. Anything else (checkpoints with optimizer state, counters, text) has its tensors in the same place and
    the rest as JSON in the header, under the metadata key "facula"; types are restored exactly. Raises TypeError for what
    is neither.

    >>> import facula, tempfile, os
    >>> path = os.path.join(tempfile.mkdtemp(), "checkpoint.safetensors")
    >>> facula.save({"model": {"w": facula.ones(2)}, "epoch": 3, "betas": (0.9, 0.999)}, path)
    >>> facula.load(path)
    {'model': {'w': tensor([1., 1.])}, 'epoch': 3, 'betas': (0.9, 0.999)}
    """
    if not isinstance(f, (str, os.PathLike)):
        torch_write.write(f, obj)
        return
    if not os.fspath(f).endswith(_SUFFIX):
        with atomic_write(f) as file:
            torch_write.write(file, obj)
        return
    if _is_flat(obj):
        tensors, metadata = dict(obj), {"format": "pt"}
    else:
        encoder = Encoder()
        metadata = {KEY: encoder.text(obj)}
        tensors = encoder.tensors
    with atomic_write(f) as file:
        write_tensors(file, tensors, metadata)


def load(
    f: str | os.PathLike[str] | IO[bytes],
    map_location: Any = None,
    *,
    weights_only: bool = True,
    mmap: bool | None = None,
) -> Any:
    """Read what `save`, `torch.save` (also before PyTorch 1.6) or any safetensors writer wrote. Nothing in a file is executed.

    `map_location` is the device the tensors go to, a dict from saved devices to others, or a function of a storage and its
    saved device. With `mmap` the tensors of a path are mapped copy-on-write instead of read. Raises FileNotFoundError, or
    RuntimeError naming the file, what was expected and what was found; the classes and functions that a file of torch.save
    may name besides tensors and containers are allowed by `serialization.add_safe_globals`.

    >>> import facula, io
    >>> stream = io.BytesIO()
    >>> facula.save({"w": facula.ones(2)}, stream)
    >>> _ = stream.seek(0)
    >>> facula.load(stream)
    {'w': tensor([1., 1.])}
    """
    if not weights_only:
        raise ValueError(
            "load: expected weights_only=True, got False. Files that run code are not supported; allow the classes you trust "
            "with facula.serialization.add_safe_globals."
        )
    if isinstance(f, (str, os.PathLike)):
        name = os.fspath(f)
        check_exists(name)
        with open(name, "rb") as file:
            return _read_any(file, name, map_location, name if mmap else None)
    return _read_any(f, getattr(f, "name", None) or "<stream>", map_location, None)


def _read_any(file: IO[bytes], name: str, map_location: Any, path: str | None) -> Any:
    start = file.tell()
    head = file.read(9)
    file.seek(start)
    if head[:4] == b"PK\3\4" or (head[:1] == b"\x80" and head[8:] != b"{"):
        return torch_read.read(file, name, map_location, path)
    value = _read(Reader(file, name), path is not None)
    place = None if map_location is None or callable(map_location) else map_location
    place = Device(place.get("cpu", "cpu") if isinstance(place, Mapping) else place or "cpu")
    if place.type == "cpu":
        return value
    return tree_map(lambda leaf: leaf.to(place) if isinstance(leaf, Tensor) else leaf, value)


def _read(reader: Reader, mmap: bool) -> Any:
    text = reader.metadata.get(KEY)
    if text is None:
        return {key: reader.tensor(key, mmap) for key in reader.entries}
    return Decoder(lambda name: reader.tensor(name, mmap), reader.fail).value(text)
