"""Memory that several processes map. It has no name, so nothing of it can be left behind when processes die."""

from __future__ import annotations

import math
import mmap
import os
import tempfile
import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np

ALIGN = 64
_BLOCK = 1 << 22  # bytes of a segment that small arrays have in common, since each segment costs a file descriptor


def open_memory() -> int:
    """The descriptor of an empty file in memory that has no name."""
    create: Any = getattr(os, "memfd_create", None)
    if create is not None:
        return int(create("facula"))
    handle, name = tempfile.mkstemp(prefix="facula-")
    os.unlink(name)
    return handle


class Segment(mmap.mmap):
    """A mapped piece of such memory, which knows its descriptor; the descriptor is closed with it."""

    handle: int
    address: int

    def __new__(cls, handle: int, size: int) -> Segment:
        segment = super().__new__(cls, handle, size)
        segment.handle = handle
        segment.address = np.frombuffer(segment, np.uint8).__array_interface__["data"][0]
        return segment

    def __del__(self, close: Any = os.close) -> None:  # at the end of a program `os` may be gone
        close(self.handle)

    def array(self, shape: Sequence[int], dtype: Any, strides: Sequence[int] | None, offset: int) -> Any:
        """The array that lies at `offset`."""
        return np.ndarray(tuple(shape), dtype, self, offset, strides and tuple(strides))


_known: weakref.WeakValueDictionary[tuple[int, int], Segment] = weakref.WeakValueDictionary()
_filling: list[Any] = []  # the segment that small arrays are put into, and the bytes of it in use


def _forget() -> None:
    _filling.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)  # parent and child would fill the same bytes


def _made(handle: int, size: int) -> Segment:
    segment = Segment(handle, size)
    found = os.fstat(handle)
    _known[found.st_dev, found.st_ino] = segment
    return segment


def new_segment(size: int) -> Segment:
    """A segment of zeros."""
    handle = open_memory()
    os.ftruncate(handle, max(size, 1))
    return _made(handle, max(size, 1))


def attach(handle: int) -> Segment:
    """The segment behind a descriptor that another process sent; mapped once, however often it comes."""
    found = os.fstat(handle)
    segment = _known.get((found.st_dev, found.st_ino))
    if segment is None:
        return _made(handle, found.st_size)
    if handle != segment.handle:
        os.close(handle)
    return segment


def alone(shape: Sequence[int], dtype: Any) -> Any:
    """An array in a segment of its own."""
    dtype = np.dtype(dtype)
    return new_segment(math.prod(shape) * dtype.itemsize).array(shape, dtype, None, 0)


def empty(shape: Sequence[int], dtype: Any) -> Any:
    """An array in shared memory."""
    dtype = np.dtype(dtype)
    size = -(-math.prod(shape) * dtype.itemsize // ALIGN) * ALIGN
    if size > _BLOCK // 4:
        return alone(shape, dtype)
    if not _filling or _filling[1] + size > _BLOCK:
        _filling[:] = [new_segment(_BLOCK), 0]
    start = _filling[1]
    _filling[1] += size
    return _filling[0].array(shape, dtype, None, start)


def place_of(array: Any) -> tuple[Segment, int] | None:
    """The segment that an array lies in and where; None if it is in memory of the process's own."""
    owner = array
    while isinstance(owner, np.ndarray):
        owner = owner.base
    owner = owner.obj if isinstance(owner, memoryview) else owner
    if not isinstance(owner, Segment):
        return None
    return owner, array.__array_interface__["data"][0] - owner.address
