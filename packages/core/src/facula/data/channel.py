"""Messages between the loader and its workers: small ones through a pipe, big arrays through shared memory.

A message is pickled by `multiprocessing`'s own rules between processes of one program. Arrays leave the pickle as
separate buffers; when there is much of them, they lie in one file of the memory file system, which the receiver maps
and unlinks at once, so that nothing is copied and nothing stays behind.
"""

from __future__ import annotations

import mmap
import os
import pickle
import struct
import tempfile
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any

MEMORY = "/dev/shm" if os.path.isdir("/dev/shm") and os.access("/dev/shm", os.W_OK) else None
SMALL = 32768  # bytes that a pipe takes without waiting for its reader
_ALIGN = 64


class Channel:
    """One end of a pipe between the loader and a worker; `prefix` begins the names of its shared files."""

    def __init__(self, connection: Connection, prefix: str) -> None:
        self.connection, self.prefix = connection, prefix

    def send(self, message: Any) -> None:
        """Send any object that can be pickled."""
        buffers: list[pickle.PickleBuffer] = []
        body = pickle.dumps(message, protocol=5, buffer_callback=buffers.append)
        parts = [memoryview(body), *[buffer.raw() for buffer in buffers]]
        if MEMORY is None or sum(part.nbytes for part in parts) <= SMALL:
            sizes = [part.nbytes for part in parts]
            header = struct.pack(f"<B{len(sizes) + 1}Q", 0, len(sizes), *sizes)
            self.connection.send_bytes(b"".join([header, *parts]))
            return
        name, sizes = self._write(parts)
        self.connection.send_bytes(
            struct.pack(f"<B{len(sizes) + 1}Q", 1, len(sizes), *sizes) + os.path.basename(name).encode()
        )

    def _write(self, parts: Sequence[memoryview]) -> tuple[str, list[int]]:
        handle, name = tempfile.mkstemp(prefix=self.prefix, dir=MEMORY)
        try:
            sizes = [part.nbytes for part in parts]
            total = sum(_padded(size) for size in sizes)
            os.posix_fallocate(handle, 0, max(total, 1))  # a full memory file system fails here, not as a bus error
            with mmap.mmap(handle, max(total, 1)) as memory:
                start = 0
                for part, size in zip(parts, sizes, strict=True):
                    memory[start : start + size] = part
                    start += _padded(size)
        except BaseException:
            os.unlink(name)
            raise
        finally:
            os.close(handle)
        return name, sizes

    def receive(self) -> Any:
        """The next message; arrays of big ones lie in the shared memory itself."""
        message = self.connection.recv_bytes()
        shared, count = struct.unpack_from("<BQ", message)
        sizes = struct.unpack_from(f"<{count}Q", message, 9)
        start = 9 + 8 * count
        if not shared:
            data = bytearray(memoryview(message)[start:])  # arrays made on it must be writable
            return _load(memoryview(data), sizes, aligned=False)
        path = os.path.join(MEMORY or "", message[start:].decode())
        handle = os.open(path, os.O_RDWR)
        try:
            memory = mmap.mmap(handle, 0)
        finally:
            os.close(handle)
            os.unlink(path)
        return _load(memoryview(memory), sizes, aligned=True)


def _padded(size: int) -> int:
    return -(-size // _ALIGN) * _ALIGN


def _load(data: memoryview, sizes: Sequence[int], aligned: bool) -> Any:
    parts, start = [], 0
    for size in sizes:
        parts.append(data[start : start + size])
        start += _padded(size) if aligned else size
    return pickle.loads(parts[0], buffers=parts[1:])


def remove_left_files(prefix: str) -> None:
    """Unlink what a killed process left unread."""
    if MEMORY is None:
        return
    for name in os.listdir(MEMORY):
        if name.startswith(prefix):
            try:
                os.unlink(os.path.join(MEMORY, name))
            except FileNotFoundError:
                continue
