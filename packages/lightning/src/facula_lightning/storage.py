"""Where checkpoints lie: files of this machine, or of any store that fsspec knows, named as `s3://bucket/run`."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import facula
from facula_lightning.exceptions import optional


def is_remote(path: str | Path) -> bool:
    """Whether the path names a store."""
    return "://" in os.fspath(path)


def _store(path: str | Path) -> tuple[Any, str]:
    store, inside = optional("fsspec", "remote").core.url_to_fs(os.fspath(path))
    return store, str(inside)


def resolved(path: str | Path) -> str:
    """The whole path, with no link or `~` in it."""
    return os.fspath(path) if is_remote(path) else os.path.realpath(os.path.expanduser(path))


def exists(path: str | Path) -> bool:
    """Whether there is such a file."""
    if not is_remote(path):
        return os.path.isfile(path)
    store, inside = _store(path)
    return bool(store.isfile(inside))


def remove(path: str | Path) -> None:
    """Remove a file, if it is there."""
    if not is_remote(path):
        Path(path).unlink(missing_ok=True)
    elif exists(path):
        store, inside = _store(path)
        store.rm(inside)


def newest(folder: str | Path, ending: str) -> tuple[float, str] | None:
    """When the newest file of that ending below a folder was written, and its path."""
    if not is_remote(folder):
        files = [(file.stat().st_mtime, os.fspath(file)) for file in Path(folder).rglob(f"*{ending}")]
        return max(files, default=None)
    store, inside = _store(folder)
    found = [(store.modified(name).timestamp(), store.unstrip_protocol(name)) for name in store.find(inside)]
    return max((pair for pair in found if pair[1].endswith(ending)), default=None)


def write(state: dict[str, Any], path: str | Path) -> None:
    """Write a checkpoint; the file appears whole or not at all."""
    if not is_remote(path):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        facula.save(state, path)
        return
    store, inside = _store(path)
    store.makedirs(os.path.dirname(inside), exist_ok=True)
    buffer = io.BytesIO()
    facula.save(state, buffer)
    store.pipe_file(inside, buffer.getvalue())


def read(path: str | Path, map_location: Any) -> Any:
    """Read a checkpoint."""
    if not is_remote(path):
        return facula.load(path, map_location=map_location)
    store, inside = _store(path)
    return facula.load(io.BytesIO(store.cat_file(inside)), map_location=map_location)
