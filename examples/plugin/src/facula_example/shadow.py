"""A device whose arrays are NumPy arrays of another type: whatever leaves it by mistake is seen at once."""

from __future__ import annotations

from types import ModuleType
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
        parts = [cast(part) for part in result]
        return type(result)(*parts) if hasattr(result, "_fields") else type(result)(parts)
    return result


class ShadowFunction:
    """One function of NumPy, or a ufunc with its methods, with results on the device."""

    def __init__(self, function: Any) -> None:
        self.function = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return cast(self.function(*args, **kwargs))

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.function, name)
        return ShadowFunction(found) if callable(found) else found


class ShadowNumpy:
    """NumPy's functions and modules with results on the device; its types and constants as they are."""

    def __init__(self, module: Any = np) -> None:
        self.module = module

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.module, name)
        if isinstance(found, ModuleType):
            return ShadowNumpy(found)
        return ShadowFunction(found) if callable(found) and not isinstance(found, type) else found


class ShadowDevice(Device):
    """NumPy behind another type."""

    name, array_type, xp = "shadow", Shadow, ShadowNumpy()

    def to_device(self, array: Any, index: int) -> Shadow:
        return np.array(array, copy=True).view(Shadow)

    def to_host(self, array: Shadow) -> Any:
        return np.array(array, copy=True, subok=False)
