"""NVIDIA GPUs: CuPy arrays. CuPy is imported on first use only."""

from __future__ import annotations

from typing import Any

import numpy as np

from facula.devices.base import Device
from facula.errors import runtime_error

_INSTALL = "Install CuPy with `pip install facula[cuda12]` (or facula[cuda13]) on a machine with an NVIDIA driver, or use device 'cpu'."


class CUDA(Device):
    """All NVIDIA GPUs of this machine, by CuPy."""

    name = "cuda"

    def __init__(self) -> None:
        try:
            import cupy
        except ImportError as error:
            raise runtime_error(f"cuda: expected CuPy to be installed, got {error}. {_INSTALL}") from error
        try:
            self.count = int(cupy.cuda.runtime.getDeviceCount())
        except cupy.cuda.runtime.CUDARuntimeError as error:
            raise runtime_error(f"cuda: expected at least one NVIDIA GPU, got none ({error}). {_INSTALL}") from error
        self.xp, self.array_type = cupy, cupy.ndarray

    def to_device(self, array: np.ndarray[Any, Any], index: int) -> Any:
        with self.xp.cuda.Device(index):
            return self.xp.asarray(array)

    def to_host(self, array: Any) -> np.ndarray[Any, Any]:
        return np.asarray(self.xp.asnumpy(array))

    def index_of(self, array: Any) -> int:
        return int(array.device.id)

    def synchronize(self, index: int | None = None) -> None:
        with self.xp.cuda.Device(index):
            self.xp.cuda.get_current_stream().synchronize()


def is_available() -> bool:
    """Whether tensors can be put on a GPU here."""
    from facula.devices import base

    try:
        base.kind("cuda")
    except RuntimeError:
        return False
    return True


def device_count() -> int:
    """How many GPUs there are (0 where CuPy or a driver is missing)."""
    from facula.devices import base

    return base.kind("cuda").count if is_available() else 0


def synchronize(device: Any = None) -> None:
    """Wait until a GPU has finished all its work."""
    from facula.devices import base

    base.kind("cuda").synchronize(base.device(device).index if device is not None else None)
