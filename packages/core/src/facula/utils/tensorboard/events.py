"""Event files: records with checksums around protocol buffers, of which only what is written here is known.

A record is its length (8 bytes), the masked CRC-32C of those, the data, and the masked CRC-32C of the data. A field of a
protocol buffer is its number and kind in one varint, then a varint, 8 bytes, 4 bytes, or a length and so many bytes.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import numpy as np

_LONG = 4096  # bytes that are worth laying out in rows, whose checksums are taken side by side
_POLYNOMIAL = 0x82F63B78
_TABLE: Any = np.arange(256, dtype=np.uint32)
for _ in range(8):
    _TABLE = _TABLE >> 1 ^ np.where(_TABLE & 1, np.uint32(_POLYNOMIAL), np.uint32(0))
_ENTRIES = _TABLE.tolist()


def _advance(state: Any, columns: Any) -> Any:
    """The states of several checksums after one more byte each, for every column of bytes."""
    for column in columns:
        state = _TABLE[(state ^ column) & 255] ^ state >> 8
    return state


def crc32c(data: bytes) -> int:
    """The CRC-32C (RFC 3720). Rows of long data are taken together, and joined as the checksum is linear in its state.

    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    crc = 0xFFFFFFFF
    if len(data) > _LONG:
        count = math.isqrt(len(data))
        whole = len(data) - len(data) % count
        rows = np.frombuffer(data[:whole], np.uint8).reshape(count, -1)
        found = _advance(np.zeros(count, np.uint32), rows.T).tolist()
        single = np.arange(256, dtype=np.uint32) << np.arange(0, 32, 8, dtype=np.uint32)[:, None]
        after = _advance(single, np.zeros(rows.shape[1], np.uint8)).tolist()  # a state's bytes, a row of zeros later
        for row in found:
            crc = row ^ after[0][crc & 255] ^ after[1][crc >> 8 & 255] ^ after[2][crc >> 16 & 255] ^ after[3][crc >> 24]
        data = data[whole:]
    for byte in data:
        crc = _ENTRIES[(crc ^ byte) & 255] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def _masked(data: bytes) -> bytes:
    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


@lru_cache(4096)  # the same few lengths and numbers come again with every event
def _head(size: int) -> bytes:
    length = struct.pack("<Q", size)
    return length + _masked(length)


def record(data: bytes) -> bytes:
    """The data with its length and checksums."""
    return _head(len(data)) + data + _masked(data)


@lru_cache(4096)
def varint(value: int) -> bytes:
    """An integer, seven bits a byte; a negative one as 64 bits.

    >>> varint(300).hex()
    'ac02'
    """
    value &= 0xFFFFFFFFFFFFFFFF
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def message(number: int, *parts: bytes | str) -> bytes:
    """A field of bytes, text or other fields."""
    data = b"".join([part.encode() if isinstance(part, str) else part for part in parts])
    return varint(number << 3 | 2) + varint(len(data)) + data


def integer(number: int, value: int) -> bytes:
    """A field of an integer, an enumeration or a truth value."""
    return varint(number << 3) + varint(value)


def double(number: int, value: float) -> bytes:
    """A field of a float64."""
    return varint(number << 3 | 1) + struct.pack("<d", value)


def single(number: int, value: float) -> bytes:
    """A field of a float32; what is too large for one is infinite."""
    try:
        data = struct.pack("<f", value)
    except OverflowError:
        data = struct.pack("<f", math.copysign(math.inf, value))
    return varint(number << 3 | 5) + data


def doubles(number: int, values: Iterable[float]) -> bytes:
    """A field of several float64."""
    return message(number, np.asarray(values, "<f8").tobytes())
