"""Saving and loading without executing anything: safetensors with JSON for the values around tensors, and the files of torch."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from typing import IO, Any

from facula.errors import runtime_error, value_error
from facula.serialization import torch_read, torch_write, unpickle
from facula.serialization.atomic import atomic_write
from facula.serialization.known import add_safe_globals, clear_safe_globals, get_safe_globals, safe_globals
from facula.serialization.options import (
    LoadEndianness,
    default_restore_location,
    get_crc32_options,
    get_default_load_endianness,
    get_default_mmap_options,
    location_tag,
    register_package,
    set_crc32_options,
    set_default_load_endianness,
    set_default_mmap_options,
    skip_data,
)
from facula.serialization.safetensors import Reader, can_hold, check_exists, load_file, save_file, write_tensors
from facula.serialization.sharded import INDEX_SUFFIX, Checkpoint, open_checkpoint, save_sharded
from facula.serialization.structure import KEY, Decoder, Encoder
from facula.serialization.unpickle import LoadError
from facula.tensors.tensor import Tensor

__all__ = [
    "Checkpoint",
    "LoadEndianness",
    "LoadError",
    "add_safe_globals",
    "atomic_write",
    "clear_safe_globals",
    "default_restore_location",
    "get_crc32_options",
    "get_default_load_endianness",
    "get_default_mmap_options",
    "get_safe_globals",
    "get_unsafe_globals_in_checkpoint",
    "load",
    "load_file",
    "location_tag",
    "open_checkpoint",
    "register_package",
    "safe_globals",
    "save",
    "save_file",
    "save_sharded",
    "set_crc32_options",
    "set_default_load_endianness",
    "set_default_mmap_options",
    "skip_data",
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


def save(
    obj: Any,
    f: str | os.PathLike[str] | IO[bytes],
    pickle_module: Any = None,
    pickle_protocol: int = 2,
    _use_new_zipfile_serialization: bool = True,
    _disable_byteorder_record: bool = False,
) -> None:
    """Write a value to a file, in one piece: no half file is ever seen.

    A path that ends in `.safetensors` gives that format, any other path or a binary file object the zip format of
    `torch.save`, which torch reads. In safetensors a mapping of names to tensors, such as a `state_dict`, gives a plain
    file of theirs. Anything else (checkpoints with optimizer state, counters, text) has its tensors in the same place and
    the rest as JSON in the header, under the metadata key "facula"; types are restored exactly. Raises TypeError for what
    is neither, and ValueError for a `pickle_module` or the format before PyTorch 1.6, which are not written. Files are in
    protocol 2 whatever `pickle_protocol` says, and always record their byte order.

    >>> import facula, tempfile, os
    >>> path = os.path.join(tempfile.mkdtemp(), "checkpoint.safetensors")
    >>> facula.save({"model": {"w": facula.ones(2)}, "epoch": 3, "betas": (0.9, 0.999)}, path)
    >>> facula.load(path)
    {'model': {'w': tensor([1., 1.])}, 'epoch': 3, 'betas': (0.9, 0.999)}
    """
    if pickle_module is not None or not _use_new_zipfile_serialization:
        raise value_error(
            "save: expected no pickle_module and the zip format, got others. Leave these arguments out: nothing is pickled here, and "
            "torch has read the zip format since 1.6."
        )
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
    pickle_module: Any = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
    **pickle_load_args: Any,
) -> Any:
    """Read what `save`, `torch.save` (also before PyTorch 1.6) or any safetensors writer wrote. Nothing in a file is executed.

    `map_location` is the device the tensors go to, a dict from saved devices to others, or a function of a storage and its
    saved device. With `mmap` the tensors of a path are mapped, and read when they are touched. An index of shards
    (`*.index.json`) gives the tensors of all. Raises FileNotFoundError, or RuntimeError naming the file, what was expected
    and what was found; the classes and functions that a file of torch.save may name besides tensors and containers are
    allowed by `serialization.add_safe_globals`.

    Only `weights_only=False` runs what the file says, by `pickle_module` (Python's own where none is given), which
    `pickle_load_args` go to. It warns once in a process: never do it with the file of a stranger.

    >>> import facula, io
    >>> stream = io.BytesIO()
    >>> facula.save({"w": facula.ones(2)}, stream)
    >>> _ = stream.seek(0)
    >>> facula.load(stream)
    {'w': tensor([1., 1.])}
    """
    safe = pickle_module is None if weights_only is None else bool(weights_only)
    if safe and pickle_module is not None:
        raise runtime_error(
            "load: expected no pickle_module where nothing is unpickled, got one. Leave it out, or pass weights_only=False."
        )
    if safe and pickle_load_args:
        given = ", ".join(pickle_load_args)
        warnings.warn(
            f"load: expected {given} only with weights_only=False; it is not used.", UserWarning, stacklevel=2
        )
    unpickler = None if safe else (pickle_module, pickle_load_args)
    if isinstance(f, (str, os.PathLike)):
        name = os.fspath(f)
        check_exists(name)
        if name.endswith(INDEX_SUFFIX):
            return dict(open_checkpoint(name, map_location, mmap=bool(mmap)))
        with open(name, "rb") as file:
            return _read_any(file, name, map_location, name if mmap else None, unpickler)
    if mmap:
        raise value_error("load: expected a path with mmap=True, got a file object. Pass its path.")
    if not all(hasattr(f, method) for method in ("read", "readline", "seek", "tell")):
        raise AttributeError(
            f"load: expected a path or an object with read, readline, seek and tell, got {type(f).__name__}. "
            "Read it into io.BytesIO first."
        )
    return _read_any(f, getattr(f, "name", None) or "<stream>", map_location, None, unpickler)


def _read_any(file: IO[bytes], name: str, map_location: Any, path: str | None, unpickler: Any) -> Any:
    start = file.tell()
    head = file.read(9)
    file.seek(start)
    if head[:4] == b"PK\3\4" or (head[:1] == b"\x80" and head[8:] != b"{"):
        if unpickler is None:
            return torch_read.read(file, name, map_location, path)
        unpickle.warn()
        return torch_read.read_unsafe(file, name, map_location, path, *unpickler)
    reader = Reader(file, name)
    text = reader.metadata.get(KEY)
    if text is None:
        return {key: reader.tensor(key, path is not None, map_location) for key in reader.entries}
    return Decoder(lambda key: reader.tensor(key, path is not None, map_location), reader.fail).value(text)


def get_unsafe_globals_in_checkpoint(f: str | os.PathLike[str] | IO[bytes]) -> list[str]:
    """The names in a file of torch.save that `load` would refuse: what `add_safe_globals` has to allow. Runs nothing.

    >>> import facula, io
    >>> from fractions import Fraction
    >>> stream = io.BytesIO()
    >>> facula.save([Fraction(1, 3)], stream)
    >>> _ = stream.seek(0)
    >>> facula.serialization.get_unsafe_globals_in_checkpoint(stream)
    ['fractions.Fraction']
    """
    if isinstance(f, (str, os.PathLike)):
        name = os.fspath(f)
        check_exists(name)
        with open(name, "rb") as file:
            return torch_read.unsafe_names(file, name)
    return torch_read.unsafe_names(f, getattr(f, "name", None) or "<stream>")
