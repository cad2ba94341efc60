"""The CPU: NumPy arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from facula.devices.base import Device


class CPU(Device):
    """The host's own memory and processor."""

    name, array_type, xp = "cpu", np.ndarray, np

    def to_device(self, array: np.ndarray[Any, Any], index: int) -> np.ndarray[Any, Any]:
        return array

    def to_host(self, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return array
