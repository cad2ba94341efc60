"""Writing a file in one piece: either all of it appears under its name, or nothing changes."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """A binary file beside `path` that takes its name when the block ends well, and is removed when it does not.

    Readers see the old file or the new one; a crash leaves the old one. Permissions follow the umask, or the file that
    is replaced.

    >>> import os, tempfile
    >>> from facula.serialization import atomic_write
    >>> path = os.path.join(tempfile.mkdtemp(), "notes.bin")
    >>> with atomic_write(path) as file:
    ...     _ = file.write(b"all of it")
    >>> os.listdir(os.path.dirname(path))
    ['notes.bin']
    """
    target = os.path.realpath(os.fspath(path))
    folder, name = os.path.split(target)
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"save: expected the folder {folder!r} to exist, got none. Create it first.")
    if os.path.isdir(target):
        raise IsADirectoryError(f"save: expected a file name, got the folder {target!r}. Add a file name.")
    temporary = os.path.join(folder, f".{name}.{secrets.token_hex(6)}.tmp")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        with suppress(OSError):
            os.chmod(temporary, os.stat(target).st_mode & 0o7777)
        os.replace(temporary, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
    _sync_folder(folder)


def _sync_folder(folder: str) -> None:
    """Make the new name itself survive a power cut, where the system can."""
    flags: Any = getattr(os, "O_DIRECTORY", None)
    if flags is None:
        return
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY | flags)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
