"""The meta device: shapes and types without data. Ops run their rule there instead of their forward."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from facula.devices.base import Device
from facula.errors import not_implemented_error


class Meta:
    """The shape, type and strides of an array that has no memory."""

    __slots__ = ("dtype", "shape", "strides")
    base = None

    def __init__(self, shape: tuple[int, ...], dtype: Any, strides: tuple[int, ...] | None = None) -> None:
        self.shape, self.dtype = tuple(int(n) for n in shape), np.dtype(dtype)
        if strides is None:
            steps, step = [], self.dtype.itemsize
            for n in reversed(self.shape):
                steps.append(step)
                step *= max(n, 1)
            strides = tuple(reversed(steps))
        self.strides = strides

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The count of elements."""
        return math.prod(self.shape)

    @property
    def itemsize(self) -> int:
        """The bytes of one element."""
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """The bytes that an array of it would take."""
        return self.size * self.itemsize

    def copy(self) -> Meta:
        """The same shape, type and strides once more."""
        return Meta(self.shape, self.dtype, self.strides)

    def __repr__(self) -> str:
        return f"Meta({self.shape}, {self.dtype})"


class MetaDevice(Device):
    """Tensors without data, for shapes of models that do not fit or need not run yet."""

    name, array_type, xp = "meta", Meta, None

    def to_device(self, array: Any, index: int) -> Meta:
        return Meta(array.shape, array.dtype)

    def to_host(self, array: Meta) -> np.ndarray[Any, Any]:
        raise not_implemented_error(
            "to: cannot copy out of meta tensor, expected data, got none. Use Module.to_empty() to allocate memory first."
        )
