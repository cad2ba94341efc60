"""Messages between the loader and its workers: small ones through a pipe, big arrays through shared memory.

A message is pickled by `multiprocessing`'s own rules between processes of one program. Arrays leave the pickle as
separate buffers; when there is much of them, they are written to memory without a name, whose descriptor follows the
message. The receiver maps it, so that nothing is copied again, and nothing stays behind whoever is killed.
"""

from __future__ import annotations

import mmap
import os
import pickle
import struct
from collections.abc import Sequence
from multiprocessing import reduction
from multiprocessing.connection import Connection
from typing import Any

from facula.devices.shared import ALIGN, open_memory

SHARES = hasattr(os, "memfd_create") and reduction.HAVE_SEND_HANDLE
SMALL = 32768  # bytes that a pipe takes without waiting for its reader
PicklingError = pickle.PicklingError


def pack(item: Any) -> bytes:
    """The bytes of one item that a worker will want."""
    return pickle.dumps(item, protocol=5)


def unpack(data: Any) -> Any:
    """The item again; only for what `pack` made in the same program."""
    return pickle.loads(data)


class Channel:
    """One end of a pipe between the loader and a worker."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def send(self, message: Any) -> None:
        """Send any object that can be pickled."""
        buffers: list[pickle.PickleBuffer] = []
        body = pickle.dumps(message, protocol=5, buffer_callback=buffers.append)
        parts = [memoryview(body), *[buffer.raw() for buffer in buffers]]
        sizes = [part.nbytes for part in parts]
        shared = SHARES and sum(sizes) > SMALL
        header = struct.pack(f"<B{len(sizes) + 1}Q", shared, len(sizes), *sizes)
        if not shared:
            self.connection.send_bytes(b"".join([header, *parts]))
            return
        handle = open_memory()
        try:
            _write(handle, parts)
            self.connection.send_bytes(header)
            reduction.send_handle(self.connection, handle, None)
        finally:
            os.close(handle)

    def receive(self) -> Any:
        """The next message; arrays of big ones lie in the shared memory itself."""
        message = self.connection.recv_bytes()
        shared, count = struct.unpack_from("<BQ", message)
        sizes = struct.unpack_from(f"<{count}Q", message, 9)
        if not shared:
            data = bytearray(memoryview(message)[9 + 8 * count :])  # arrays made on it must be writable
            return _load(memoryview(data), sizes, aligned=False)
        handle = reduction.recv_handle(self.connection)
        try:
            memory = mmap.mmap(handle, sum(map(_padded, sizes)))
        finally:
            os.close(handle)
        return _load(memoryview(memory), sizes, aligned=True)


def _write(handle: int, parts: Sequence[memoryview]) -> None:
    start = 0
    os.ftruncate(handle, sum(_padded(part.nbytes) for part in parts))
    for part in parts:
        done = 0
        while done < part.nbytes:
            done += os.pwrite(handle, part[done:], start + done)
        start += _padded(part.nbytes)


def _padded(size: int) -> int:
    return -(-size // ALIGN) * ALIGN


def _load(data: memoryview, sizes: Sequence[int], aligned: bool) -> Any:
    parts, start = [], 0
    for size in sizes:
        parts.append(data[start : start + size])
        start += _padded(size) if aligned else size
    return pickle.loads(parts[0], buffers=parts[1:])
