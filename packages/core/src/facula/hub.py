"""Files fetched from the network: whole or not at all, checked, resumed where a connection broke, with progress shown.

`torch.hub`'s names but for those that run code of a repository (`load`, `list`, `help`), which nothing here does.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import IO, Any

from facula.config import home
from facula.errors import runtime_error, value_error

__all__ = ["download_url_to_file", "get_dir", "load_state_dict_from_url", "set_dir"]

_CHUNK = 1 << 18
_TRIES = 4
_NAMED_HASH = re.compile(r"-([a-f0-9]{8,64})\.")
_dir: list[Path] = []


def get_dir() -> str:
    """The folder of downloaded files: `hub` in `facula.config.home()`, unless `set_dir` chose another.

    >>> import facula, os
    >>> os.path.isabs(facula.hub.get_dir())
    True
    """
    return str(_dir[-1] if _dir else home() / "hub")


def set_dir(d: str | os.PathLike[str]) -> None:
    """Choose the folder of downloaded files."""
    _dir[:] = [Path(d).expanduser()]


def download_url_to_file(
    url: str, dst: str | os.PathLike[str], hash_prefix: str | None = None, progress: bool = True
) -> None:
    """Fetch `url` into the file `dst`, which appears in one step and only if its SHA-256 begins with `hash_prefix`.

    A broken connection is taken up again where it broke, a few times; with a `hash_prefix` also by the next call. `progress`
    shows how far it is on a terminal. Raises RuntimeError, naming the address, for what cannot be fetched and for a wrong
    checksum.
    """
    target = Path(dst).expanduser()
    if not target.parent.is_dir():
        raise FileNotFoundError(
            f"download_url_to_file: expected the folder {str(target.parent)!r} to exist, got none. Create it first."
        )
    digest = hashlib.sha256(url.encode()).hexdigest()[:12]
    partial = target.with_name(f".{target.name}.{digest}.partial")
    if hash_prefix is None:
        partial.unlink(missing_ok=True)
    resumed = partial.exists()
    _fetch(url, partial, progress)
    found = _sha256(partial)
    if hash_prefix is not None and not found.startswith(hash_prefix):
        partial.unlink()
        if resumed:  # what an earlier call left may have been of another file
            return download_url_to_file(url, dst, hash_prefix, progress)
        raise runtime_error(
            f"download_url_to_file: expected SHA-256 {hash_prefix}..., got {found} from {url}. "
            "The file is damaged or was replaced; fetch it from a source that you trust."
        )
    os.replace(partial, target)
    return None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fetch(url: str, partial: Path, progress: bool) -> None:
    """Append to `partial` until it holds the whole file."""
    validator = None
    for left in reversed(range(_TRIES)):
        try:
            with partial.open("ab") as file:
                validator = _continue(url, file, validator, progress)
            return
        except urllib.error.HTTPError as error:
            error.close()
            if error.code != 416 or not partial.stat().st_size:
                partial.unlink(missing_ok=True)
                raise _unreachable(url, error) from error
            partial.unlink()  # it is longer than the file
        except (OSError, HTTPException) as error:
            if not left:
                if not partial.stat().st_size:
                    partial.unlink()
                raise _unreachable(url, error) from error
        time.sleep(0.2 * (_TRIES - left))


def _unreachable(url: str, error: Exception) -> RuntimeError:
    return runtime_error(
        f"download_url_to_file: expected to read {url}, got {type(error).__name__}: {error}. "
        "Check the address and the network, or put the file there yourself."
    )


def _continue(url: str, file: IO[bytes], validator: str | None, progress: bool) -> str | None:
    """Read on from where `file` ends; returns what tells this version of the file from others."""
    start = file.seek(0, os.SEEK_END)
    headers = {"User-Agent": "facula"}
    if start:
        headers["Range"] = f"bytes={start}-"
        if validator:
            headers["If-Range"] = validator
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=60) as response:
        if start and response.status != 206:  # the whole file comes, or another one
            file.truncate(0)
            start = 0
        length = response.headers.get("Content-Length")
        total = start + int(length) if length else None
        shown = _Progress(os.path.basename(urllib.parse.urlparse(url).path), start, total, progress)
        while chunk := response.read(_CHUNK):
            file.write(chunk)
            shown.add(len(chunk))
        shown.end()
        if total is not None and file.tell() != total:
            raise OSError(f"the connection broke after {file.tell()} of {total} bytes")
        found = response.headers.get("ETag")
        return None if found is None or found.startswith("W/") else str(found)


class _Progress:
    """One line on a terminal: name, part, speed."""

    def __init__(self, name: str, done: int, total: int | None, wanted: bool) -> None:
        self.name, self.done, self.total = name, done, total
        self.wanted = wanted and sys.stderr is not None and sys.stderr.isatty()
        self.start, self.begun, self.shown = time.monotonic(), done, 0.0

    def add(self, count: int) -> None:
        """So many bytes more."""
        self.done += count
        now = time.monotonic()
        if self.wanted and now - self.shown > 0.1:
            self.shown = now
            self._show(now)

    def end(self) -> None:
        """The last state, and a new line."""
        if self.wanted:
            self._show(time.monotonic())
            sys.stderr.write("\n")

    def _show(self, now: float) -> None:
        speed = (self.done - self.begun) / max(now - self.start, 1e-9) / 1e6
        part = (
            f" of {self.total / 1e6:.1f} MB ({self.done / max(self.total, 1):.0%})" if self.total is not None else " MB"
        )
        sys.stderr.write(f"\r{self.name}: {self.done / 1e6:.1f}{part}, {speed:.1f} MB/s\x1b[K")
        sys.stderr.flush()


def load_state_dict_from_url(
    url: str,
    model_dir: str | os.PathLike[str] | None = None,
    map_location: Any = None,
    progress: bool = True,
    check_hash: bool = False,
    file_name: str | None = None,
    weights_only: bool = True,
) -> Any:
    """What `facula.load` reads from a file that is fetched once and kept in `model_dir` (default: `checkpoints` in `get_dir()`).

    With `check_hash` the name must hold the beginning of the SHA-256, as in `resnet18-f37072fd.pth`.
    """
    from facula.serialization import load

    folder = Path(model_dir) if model_dir is not None else Path(get_dir()) / "checkpoints"
    name = file_name or os.path.basename(urllib.parse.urlparse(url).path)
    if not name or os.path.basename(name) != name:
        raise value_error(f"load_state_dict_from_url: expected a plain file name, got {name!r}. Pass file_name.")
    prefix = None
    if check_hash:
        match = _NAMED_HASH.search(name)
        if match is None:
            raise value_error(
                f"load_state_dict_from_url: expected a SHA-256 in the name, as name-0123abcd.pth, got {name!r}. "
                "Pass check_hash=False."
            )
        prefix = match[1]
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / name).exists():
        download_url_to_file(url, folder / name, prefix, progress)
    return load(folder / name, map_location, weights_only=weights_only)
