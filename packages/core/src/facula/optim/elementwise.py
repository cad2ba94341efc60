"""Running an update over big arrays in pieces that stay in the processor's cache."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from facula.optim.compiled import run_compiled

CHUNK = 65536  # numbers; longer pieces fall out of the cache, shorter ones are mostly calls
Kernel = Callable[[Sequence[Any], Sequence[Any], Any], None]


class _Scratch(threading.local):
    """Buffers of CHUNK numbers that each thread keeps from step to step."""

    def __init__(self) -> None:
        self.buffers: dict[np.dtype[Any], list[Any]] = {}

    def take(self, dtype: np.dtype[Any], count: int) -> list[Any]:
        buffers = self.buffers.setdefault(dtype, [])
        while len(buffers) < count:
            buffers.append(np.empty(CHUNK, dtype))
        return buffers[:count]


_scratch = _Scratch()


def run(kernel: Kernel, arrays: Sequence[Any], scratch: int, constants: Any) -> None:
    """Call `kernel(arrays, scratch, constants)`, which writes in place and acts on each number alone.

    Contiguous NumPy arrays are handed over in flat pieces; other layouts and other devices whole. Arrays of less than
    single precision are computed in single precision.
    """
    first = arrays[0]
    dtype = first.dtype
    if dtype.kind == "c":
        real = first.real.dtype
        run(kernel, [np.ascontiguousarray(a).reshape(-1).view(real) for a in arrays], scratch, constants)
        return
    if dtype.char not in "fd":
        copies = [a.astype(np.float32) for a in arrays]
        run(kernel, copies, scratch, constants)
        for array, copied in zip(arrays, copies, strict=True):
            array[...] = copied
        return
    if type(first) is not np.ndarray or not all(a.flags.c_contiguous for a in arrays):
        kernel(arrays, [np.empty_like(first) for _ in range(scratch)], constants)
        return
    flat = [a.reshape(-1) for a in arrays]
    if run_compiled(kernel.__name__, flat, constants):
        return
    size = first.size
    buffers = _scratch.take(dtype, scratch)
    if size <= CHUNK:
        kernel(flat, [b[:size] for b in buffers], constants)
        return
    for start in range(0, size, CHUNK):
        stop = start + CHUNK
        pieces = [a[start:stop] for a in flat]
        if stop > size:
            buffers = [b[: size - start] for b in buffers]
        kernel(pieces, buffers, constants)


def gradient(p: Any, g: Any, spare: Any, maximize: bool, weight_decay: float) -> Any:
    """The gradient to follow: its sign turned for maximisation, and weight_decay * p added; in `spare` if changed."""
    if weight_decay:
        np.multiply(p, weight_decay, out=spare)
        return np.subtract(spare, g, out=spare) if maximize else np.add(spare, g, out=spare)
    return np.negative(g, out=spare) if maximize else g
