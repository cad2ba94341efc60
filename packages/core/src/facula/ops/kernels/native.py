"""Call compiled kernels by ctypes, which lets go of the interpreter's lock: no numba in the process.

A compiled function takes (where to put the result, where to put an exception, arguments...); numba passes an array as
its owner, parent, size, item size, address, shape and strides, each a machine word.
"""

from __future__ import annotations

import ctypes
import functools
import platform
import sys
from collections.abc import Callable
from typing import Any

from facula.ops.kernels import elf
from facula.ops.kernels.elf import UnsupportedObjectError

__all__ = ["SUPPORTED", "Code", "UnsupportedObjectError", "pack"]

SUPPORTED = sys.platform == "linux" and platform.machine() == "x86_64" and sys.implementation.name == "cpython"
_SCALARS = {"int64": ctypes.c_int64, "float32": ctypes.c_float, "float64": ctypes.c_double}
_HEAD = object.__basicsize__  # of every object; NumPy's arrays keep their address right behind it
_unused = (ctypes.c_void_p * 2)()
_RESULT, _EXCEPTION = ctypes.addressof(_unused), ctypes.addressof(_unused) + 8


def pack(content: bytes, name: str) -> bytes:
    """An object and the name of its function, as one file."""
    return name.encode() + b"\0" + content


def address(array: Any) -> int:
    """Where an array's numbers lie: what `array.ctypes.data` says, at a tenth of its time."""
    return ctypes.c_void_p.from_address(id(array) + _HEAD).value or 0


class Code:
    """A kernel in memory."""

    def __init__(self, packed: bytes, signature: tuple[str, ...]) -> None:
        name, _, content = packed.partition(b"\0")
        self.image = elf.load(content, _outside)
        kinds: list[Any] = [ctypes.c_void_p, ctypes.c_void_p]
        for kind in signature:
            kinds += [_SCALARS[kind]] if kind in _SCALARS else [ctypes.c_int64] * (5 + 2 * _dimensions(kind))
        self.function = ctypes.CFUNCTYPE(ctypes.c_int32, *kinds)(self.image.symbols[name.decode()])

    def prepare(self, args: tuple[Any, ...]) -> Callable[..., None]:
        """The call with these arguments, all but those of the range."""
        words: list[Any] = [_RESULT, _EXCEPTION]
        for a in args:
            if hasattr(a, "strides"):
                words += (0, 0, a.size, a.itemsize, address(a), *a.shape, *a.strides)
            else:
                words.append(a)
        call = functools.partial(self.function, *words)
        call.arrays = args  # type: ignore[attr-defined]  # the addresses in it hold as long as it lives
        return call


def settled(call: Callable[..., None]) -> Callable[..., None]:
    """The same call with its words converted once: twice as quick where it is repeated."""
    if not isinstance(call, functools.partial) or not hasattr(call.func, "argtypes"):
        return call
    words = [kind(word) for kind, word in zip(call.func.argtypes, call.args, strict=False)]
    again = functools.partial(call.func, *words)
    again.arrays = call.arrays  # type: ignore[attr-defined]
    return again


def _dimensions(kind: str) -> int:
    return kind[kind.index("[") :].count(",") + 1


@functools.cache
def _libraries() -> tuple[ctypes.CDLL, ...]:
    return ctypes.CDLL(None), ctypes.CDLL("libm.so.6")


def _outside(name: str) -> int | None:
    """The address of a function of the process: of the C library, its mathematics, or Python."""
    for library in _libraries():
        try:
            return ctypes.cast(getattr(library, name), ctypes.c_void_p).value
        except AttributeError:
            continue
    return None
