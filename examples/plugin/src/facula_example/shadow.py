"""A device whose arrays are NumPy arrays of another type: whatever leaves it by mistake is seen at once."""

from __future__ import annotations

from typing import Any

import numpy as np

from facula.devices.base import Device


class Shadow(np.ndarray):
    """A NumPy array that lives on the device `shadow`."""


def cast(result: Any) -> Any:
    """NumPy's result as one of the device, inside tuples and lists too."""
    if isinstance(result, np.ndarray | np.generic):
        return np.asarray(result).view(Shadow)
    if isinstance(result, tuple | list):
        return type(result)(cast(part) for part in result) if type(result) in (tuple, list) else result
    return result


class ShadowNumpy:
    """NumPy's functions with results on the device."""

    def __getattr__(self, name: str) -> Any:
        found = getattr(np, name)
        if isinstance(found, type) or not callable(found):
            return found

        def function(*args: Any, **kwargs: Any) -> Any:
            return cast(found(*args, **kwargs))

        setattr(self, name, function)
        return function


class ShadowDevice(Device):
    """NumPy behind another type."""

    name, array_type, xp = "shadow", Shadow, ShadowNumpy()

    def to_device(self, array: Any, index: int) -> Shadow:
        return np.array(array, copy=True).view(Shadow)

    def to_host(self, array: Shadow) -> Any:
        return np.array(array, copy=True, subok=False)
