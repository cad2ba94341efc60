"""Saving and loading without pickle: safetensors for tensors, JSON for the values around them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import IO, Any

from facula.devices.base import device as Device
from facula.serialization.atomic import atomic_write
from facula.serialization.safetensors import Reader, can_hold, load_file, open_reader, save_file, write_tensors
from facula.serialization.structure import KEY, Decoder, Encoder
from facula.tensors.tensor import Tensor
from facula.tree import tree_map

__all__ = ["atomic_write", "load", "load_file", "save", "save_file"]

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


def _check_path(name: str, path: Any) -> str:
    text = os.fspath(path)
    if not text.endswith(_SUFFIX):
        raise ValueError(
            f"{name}: expected a path that ends in {_SUFFIX}, got {text!r}. Rename it; that format holds tensors, and "
            "numbers, text, dicts and lists beside them, and runs no code when it is read."
        )
    return text


def save(obj: Any, f: str | os.PathLike[str] | IO[bytes]) -> None:
    """Write a value to a `.safetensors` file (or a binary file object), in one piece: no half file is ever seen.

    A mapping of names to tensors, such as a `state_dict`, gives a plain safetensors file. Anything else (checkpoints with
    optimizer state, counters, text) has its tensors in the same place and the rest as JSON in the header, under the
    metadata key "facula"; types are restored exactly. Raises TypeError for what is neither.

    >>> import facula, tempfile, os
    >>> path = os.path.join(tempfile.mkdtemp(), "checkpoint.safetensors")
    >>> facula.save({"model": {"w": facula.ones(2)}, "epoch": 3, "betas": (0.9, 0.999)}, path)
    >>> facula.load(path)
    {'model': {'w': tensor([1., 1.])}, 'epoch': 3, 'betas': (0.9, 0.999)}
    """
    if _is_flat(obj):
        tensors, metadata = dict(obj), {"format": "pt"}
    else:
        encoder = Encoder()
        metadata = {KEY: encoder.text(obj)}
        tensors = encoder.tensors
    if isinstance(f, (str, os.PathLike)):
        with atomic_write(_check_path("save", f)) as file:
            write_tensors(file, tensors, metadata)
    else:
        write_tensors(f, tensors, metadata)


def load(
    f: str | os.PathLike[str] | IO[bytes],
    map_location: Any = None,
    *,
    weights_only: bool = True,
    mmap: bool | None = None,
) -> Any:
    """Read what `save` (or any safetensors writer) wrote; `map_location` is the device the tensors go to.

    With `mmap` the tensors of a path are mapped copy-on-write instead of read. Raises FileNotFoundError, or RuntimeError
    naming the file, what was expected and what was found.
    """
    if not weights_only:
        raise ValueError(
            "load: expected weights_only=True, got False. Files that run code are not supported; save it again."
        )
    place = None if map_location is None else Device(map_location)
    if isinstance(f, (str, os.PathLike)):
        reader = open_reader(_check_path("load", f))
        with reader.file:
            value = _read(reader, bool(mmap))
    else:
        value = _read(Reader(f, getattr(f, "name", None) or "<stream>"), False)
    if place is None or place.type == "cpu":
        return value
    return tree_map(lambda leaf: leaf.to(place) if isinstance(leaf, Tensor) else leaf, value)


def _read(reader: Reader, mmap: bool) -> Any:
    text = reader.metadata.get(KEY)
    if text is None:
        return {key: reader.tensor(key, mmap) for key in reader.entries}
    return Decoder(lambda name: reader.tensor(name, mmap), reader.fail).value(text)
