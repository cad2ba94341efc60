"""Text files: read with errors that say where, written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

__all__ = ["read_text", "write_text"]


def read_text(path: str | os.PathLike[str]) -> str:
    """The text of a UTF-8 file; ValueError names the file and the first byte that is not UTF-8."""
    content = Path(path).read_bytes()
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"read_text: expected UTF-8, got byte 0x{content[error.start]:02x} at offset {error.start} of {path}. "
            "Convert the file, e.g. with iconv."
        ) from error


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a UTF-8 file in one step: it holds the whole text, or what it held before."""
    target = Path(path)
    handle, partial = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        os.chmod(partial, 0o644)
        os.replace(partial, target)
    finally:
        Path(partial).unlink(missing_ok=True)
