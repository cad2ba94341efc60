"""Files of the IDX format: a magic number, the sizes in big-endian order, the numbers.

Source: the section "The IDX file format" of the page where Y. LeCun, C. Cortes and C. Burges publish MNIST.
"""

from __future__ import annotations

import gzip
import lzma
import math
import os
import struct
import zlib
from pathlib import Path

import numpy as np

import facula
from facula import Tensor

__all__ = ["read_idx", "write_idx"]

_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(path: str | os.PathLike[str]) -> Tensor:
    """The tensor in an IDX file, compressed with gzip or xz, or not.

    Shape: as the file says. RuntimeError, naming the file, for one that is not IDX, is truncated or damaged.
    """
    path = Path(path)
    content = _content(path)
    kind, dims = (content[2], content[3]) if len(content) >= 4 else (0, 0)
    if content[:2] != b"\0\0" or kind not in _TYPES or not dims or len(content) < 4 + 4 * dims:
        raise RuntimeError(
            f"read_idx: expected an IDX file, got {path} that begins with {content[:4].hex() or 'nothing'}. "
            "Give a file such as train-images-idx3-ubyte.gz."
        )
    shape = struct.unpack_from(f">{dims}I", content, 4)
    dtype = np.dtype(_TYPES[kind])
    expected, got = math.prod(shape) * dtype.itemsize, len(content) - 4 - 4 * dims
    if expected != got:
        raise RuntimeError(
            f"read_idx: expected {expected} bytes of data for shape {shape}, got {got} in {path}. "
            "The file is damaged: delete it and fetch it again."
        )
    data = np.frombuffer(content, dtype, offset=4 + 4 * dims).reshape(shape)
    return facula.from_numpy(data.astype(dtype.newbyteorder("=")))


def write_idx(path: str | os.PathLike[str], tensor: Tensor) -> None:
    """Write a tensor as an IDX file; a name that ends in `.gz` compresses it.

    ValueError for a type of number that the format lacks.
    """
    array = tensor.detach().cpu().numpy()
    found = [code for code, kind in _TYPES.items() if np.dtype(kind).newbyteorder("=") == array.dtype]
    if not found:
        raise ValueError(
            f"write_idx: expected uint8, int8, int16, int32, float32 or float64, got {tensor.dtype}. Convert it first."
        )
    header = struct.pack(f">HBB{array.ndim}I", 0, found[0], array.ndim, *array.shape)
    content = header + array.astype(_TYPES[found[0]]).tobytes()
    Path(path).write_bytes(gzip.compress(content, mtime=0) if str(path).endswith(".gz") else content)


def _content(path: Path) -> bytes:
    raw = path.read_bytes()
    unpack = {b"\x1f\x8b": gzip.decompress, b"\xfd7": lzma.decompress}.get(raw[:2])
    try:
        return raw if unpack is None else unpack(raw)
    except (EOFError, OSError, zlib.error, lzma.LZMAError) as error:
        raise RuntimeError(
            f"read_idx: expected a whole compressed file, got {path} ({error}). "
            "The file is truncated or damaged: delete it and fetch it again."
        ) from error
