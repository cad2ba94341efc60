"""The folder of compiled kernels: `FACULA_HOME/kernels`, one file for each, whole or not there."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import platform
import sys
import tempfile
from pathlib import Path
from typing import Any

from facula.config import home

_DIGEST = 32


@functools.cache
def processor() -> str:
    """What decides which machine code is right: the architecture, and the features that the processor lists."""
    features = platform.machine() + platform.processor()
    with contextlib.suppress(OSError), open("/proc/cpuinfo") as file:
        lines = {line for line in file if line.startswith(("flags", "model name", "cpu family", "model\t"))}
        features += "".join(sorted(lines))
    return features


def name_of(kernel: str, floating: str, *parts: Any) -> str:
    """The file of a kernel: its name, its floating type and a digest of all that decides its code."""
    text = repr((parts, processor(), sys.version_info[:2])).encode()
    return f"{kernel}-{floating}-{hashlib.sha256(text).hexdigest()[:24]}.o"


def folder() -> Path | None:
    """The folder, made if need be; None if others could write into it, since what is in it is run."""
    place = home() / "kernels"
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = place.stat()
    except OSError:
        return None
    return place if status.st_uid == os.getuid() and not status.st_mode & 0o022 else None


def read(name: str) -> bytes | None:
    """A kernel that was kept, or None; a damaged file counts as none."""
    place = folder()
    if place is None:
        return None
    try:
        content = (place / name).read_bytes()
    except OSError:
        return None
    digest, rest = content[:_DIGEST], content[_DIGEST:]
    return rest if hashlib.sha256(rest).digest() == digest else None


def write(name: str, content: bytes) -> None:
    """Keep a kernel; where nothing can be kept it is compiled again by the next process."""
    place = folder()
    if place is None:
        return
    with contextlib.suppress(OSError):
        handle, path = tempfile.mkstemp(dir=place)
        with os.fdopen(handle, "wb") as file:
            file.write(hashlib.sha256(content).digest() + content)
        os.replace(path, place / name)
