"""Compiled kernels in memory, called without the interpreter's lock: no numba in the process.

A compiled function takes (where to put the result, where to put an exception, arguments...); numba passes an array as
its owner, parent, size, item size, address, shape and strides, each a machine word: `machine.perform` makes them of the object.
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
from facula.ops.kernels.machine import INTEGERS, NUMBERS, OBJECT

__all__ = ["EXCEPTION", "RESULT", "SUPPORTED", "Code", "UnsupportedObjectError", "pack"]

SUPPORTED = sys.platform == "linux" and platform.machine() == "x86_64" and sys.implementation.name == "cpython"

_unused = (ctypes.c_void_p * 2)()
RESULT, EXCEPTION = ctypes.addressof(_unused), ctypes.addressof(_unused) + 8  # written to by nobody


def pack(content: bytes, name: str) -> bytes:
    """An object and the name of its function, as one file."""
    return name.encode() + b"\0" + content


def address(array: Any) -> int:
    """Where an array's numbers lie: what `array.ctypes.data` says, at a tenth of its time."""
    return ctypes.c_void_p.from_address(id(array) + OBJECT).value or 0


class Code:
    """A kernel in memory, and how its arguments are handed to `machine.perform`."""

    def __init__(self, packed: bytes, signature: Sequence[str]) -> None:
        name, _, content = packed.partition(b"\0")
        self.image = elf.load(content, _outside)
        self.address = self.image.symbols[name.decode()]
        self.arrays = [i for i, kind in enumerate(signature) if "[" in kind]
        integers = [i for i, kind in enumerate(signature) if kind not in ("float32", "float64")]
        numbers = [i for i, kind in enumerate(signature) if kind in ("float32", "float64")]
        kinds = [
            -1,
            -1,
            *[_dimensions(signature[i]) << 8 | _item(signature[i]) if i in self.arrays else -1 for i in integers],
        ]
        if sum(1 if kind < 0 else 5 + 2 * (kind >> 8) for kind in kinds) + 2 > INTEGERS or len(numbers) > NUMBERS:
            raise UnsupportedObjectError(f"kernel: expected at most {NUMBERS} numbers. Pass them in an array.")
        self.layout = struct.pack(f"<{1 + len(kinds)}q", len(kinds), *kinds)
        self.order = integers + numbers if numbers else None  # None: as they are
        formats = "".join("f4x" if signature[i] == "float32" else "d" for i in numbers)
        self.pack = struct.Struct(f"<{len(kinds)}q{formats}{8 * (NUMBERS - len(numbers))}x").pack

    def words(self, args: Sequence[Any]) -> bytes:
        """The arguments as words, all but those of the range; the arrays must live as long as they are used."""
        words = list(args)
        for i in self.arrays:
            words[i] = id(words[i])
        if self.order is not None:
            words = [words[i] for i in self.order]
        return self.pack(RESULT, EXCEPTION, *words)


def _dimensions(kind: str) -> int:
    return kind[kind.index("[") :].count(",") + 1


def _item(kind: str) -> int:
    return int(kind[: kind.index("[")][-2:]) // 8


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
