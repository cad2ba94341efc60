"""Memory that kernels work in, kept from one call to the next: fresh pages cost more time than the arithmetic on them."""

from __future__ import annotations

import math
import threading
from typing import Any

import numpy as np


class _Kept(threading.local):
    def __init__(self) -> None:
        self.buffers: dict[str, Any] = {}


_kept = _Kept()
LARGEST = 1 << 23  # bytes; what is larger is not kept


def workspace(name: str, *shape: int, dtype: Any = np.float32) -> Any:
    """An array of this shape with anything in it; whoever asks for `name` next in this thread gets the same memory."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size > LARGEST:
        return np.empty(shape, dtype)
    buffer = _kept.buffers.get(name)
    if buffer is None or buffer.size < size:
        buffer = _kept.buffers[name] = np.zeros(size, np.uint8)
    return buffer[:size].view(dtype).reshape(shape)
