"""Freed memory stays with the process for its next arrays.

The C library gives large blocks back to the system when they are freed, and asks for them again a moment later. The system then
has to clear every page of them, which takes longer than the arithmetic on them: a training step makes the same large arrays
as the one before it.
"""

from __future__ import annotations

import ctypes
import os
import sys

__all__ = ["KEPT", "reuse_freed_memory"]

KEPT = 1 << 30  # bytes: more than this at the end of the heap goes back to the system
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # numbers of glibc's mallopt(3)
_THEIRS = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES", "LD_PRELOAD")


def reuse_freed_memory() -> bool:
    """Let the C library keep up to `KEPT` bytes; False where it is not glibc, or where the environment says what it should do."""
    if not sys.platform.startswith("linux") or any(os.environ.get(name) for name in _THEIRS):
        return False
    library = ctypes.CDLL(None)
    if not hasattr(library, "gnu_get_libc_version"):
        return False
    return bool(library.mallopt(_MMAP_THRESHOLD, KEPT)) and bool(library.mallopt(_TRIM_THRESHOLD, KEPT))
