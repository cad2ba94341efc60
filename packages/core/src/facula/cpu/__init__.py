"""`torch.cpu`'s names: the processor as a device, for programs that name the device's module by its kind."""

from __future__ import annotations

from typing import Any

from facula.cpu import amp

__all__ = ["amp", "current_device", "device_count", "is_available", "is_initialized", "set_device", "synchronize"]


def is_available() -> bool:
    """Always true."""
    return True


def is_initialized() -> bool:
    """Always true."""
    return True


def device_count() -> int:
    """One: all processors are one device.

    >>> import facula
    >>> facula.cpu.device_count()
    1
    """
    return 1


def current_device() -> str:
    """Always "cpu"."""
    return "cpu"


def set_device(device: Any) -> None:
    """Accepted for PyTorch's sake: there is one."""


def synchronize(device: Any = None) -> None:
    """Accepted for PyTorch's sake: what was called has been done."""
