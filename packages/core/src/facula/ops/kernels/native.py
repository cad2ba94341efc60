"""Compiled kernels in memory, called without the interpreter's lock: no numba in the process.

A compiled function takes (where to put the result, where to put an exception, arguments...); numba passes an array as
its owner, parent, size, item size, address, shape and strides, each a machine word.
"""

from __future__ import annotations

import ctypes
import functools
import platform
import struct
import sys
from collections.abc import Sequence
from typing import Any

from facula.ops.kernels import elf
from facula.ops.kernels.elf import UnsupportedObjectError
from facula.ops.kernels.machine import INTEGERS, NUMBERS

__all__ = ["EXCEPTION", "RESULT", "SUPPORTED", "Code", "UnsupportedObjectError", "pack"]

SUPPORTED = sys.platform == "linux" and platform.machine() == "x86_64" and sys.implementation.name == "cpython"
_FORMATS = {"int64": "q", "float32": "f4x", "float64": "d"}  # of `struct`; arrays have none
_HEAD = object.__basicsize__  # of every object; NumPy's arrays keep their address right behind it

_unused = (ctypes.c_void_p * 2)()
RESULT, EXCEPTION = ctypes.addressof(_unused), ctypes.addressof(_unused) + 8  # written to by nobody


def pack(content: bytes, name: str) -> bytes:
    """An object and the name of its function, as one file."""
    return name.encode() + b"\0" + content


def address(array: Any) -> int:
    """Where an array's numbers lie: what `array.ctypes.data` says, at a tenth of its time."""
    return ctypes.c_void_p.from_address(id(array) + _HEAD).value or 0


class Code:
    """A kernel in memory, and how its arguments are laid out for `machine.call`."""

    def __init__(self, packed: bytes, signature: Sequence[str]) -> None:
        name, _, content = packed.partition(b"\0")
        self.image = elf.load(content, _outside)
        self.address = self.image.symbols[name.decode()]
        self.kinds = [_FORMATS.get(kind) for kind in signature]
        numbers = [kind for kind in self.kinds if kind not in ("q", None)]
        self.at = 2 + self.kinds.count("q") + sum(5 + 2 * _dimensions(kind) for kind in signature if "[" in kind)
        if self.at + 2 > INTEGERS or len(numbers) > NUMBERS:
            raise UnsupportedObjectError(f"kernel: expected at most {NUMBERS} numbers. Pass them in an array.")
        room = (INTEGERS - self.at) * 8, (NUMBERS - len(numbers)) * 8
        self.layout = struct.Struct(f"<{self.at}q{room[0]}x{''.join(numbers)}{room[1]}x")

    def words(self, args: Sequence[Any]) -> bytes:
        """The arguments in memory, all but those of the range; the arrays must live as long as they are used."""
        integers, numbers = [RESULT, EXCEPTION], []
        for kind, a in zip(self.kinds, args, strict=True):
            if kind is None:
                integers += (0, 0, a.size, a.itemsize, address(a), *a.shape, *a.strides)
            elif kind == "q":
                integers.append(a)
            else:
                numbers.append(a)
        return self.layout.pack(*integers, *numbers)


def _dimensions(kind: str) -> int:
    return kind[kind.index("[") :].count(",") + 1


def blas(name: str) -> int:
    """The address of a function of the BLAS in the process, such as `sgemm`, by its C interface; 0 if it has none."""
    from threadpoolctl import ThreadpoolController

    for library in ThreadpoolController().select(user_api="blas").lib_controllers:
        for form in ("cblas_{}", "scipy_cblas_{}64_", "cblas_{}64_", "cblas_{}_64"):
            found = getattr(library.dynlib, form.format(name), None)
            if found is not None:
                return ctypes.cast(found, ctypes.c_void_p).value or 0
    return 0


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
