"""`torch.cuda`'s names: NVIDIA GPUs by CuPy."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from facula.cuda import amp
from facula.devices import base as _devices
from facula.devices.cuda import device_count, is_available, synchronize
from facula.devices.generator import default_generator as _default_generator

__all__ = [
    "amp", "current_device", "device", "device_count", "empty_cache", "get_device_name", "is_available", "manual_seed", "manual_seed_all",
    "max_memory_allocated", "memory_allocated", "set_device", "synchronize",
]  # fmt: skip


def _cupy() -> Any:
    return _devices.kind("cuda").xp


def current_device() -> int:
    """The number of the GPU that new CUDA tensors go to."""
    return int(_cupy().cuda.runtime.getDevice())


def set_device(device: Any) -> None:
    """Put new CUDA tensors on this GPU."""
    _cupy().cuda.Device(_index(device)).use()


def _index(device: Any) -> int:
    return device if isinstance(device, int) else _devices.device(device).index or 0


@contextlib.contextmanager
def device(device: Any) -> Iterator[None]:
    """Inside `with facula.cuda.device(1):` new CUDA tensors go to that GPU."""
    with _cupy().cuda.Device(_index(device)):
        yield


def get_device_name(device: Any = 0) -> str:
    """The GPU's name as its driver gives it."""
    name = _cupy().cuda.runtime.getDeviceProperties(_index(device))["name"]
    return name.decode() if isinstance(name, bytes) else str(name)


def empty_cache() -> None:
    """Give memory that no tensor uses back to the driver."""
    _cupy().get_default_memory_pool().free_all_blocks()


def memory_allocated(device: Any = None) -> int:
    """Bytes that tensors hold on the GPU."""
    return int(_cupy().get_default_memory_pool().used_bytes())


def max_memory_allocated(device: Any = None) -> int:
    """Bytes that the pool has taken from the driver."""
    return int(_cupy().get_default_memory_pool().total_bytes())


def manual_seed(seed: int) -> None:
    """Seed the generator of the current GPU (kept until a GPU is used, as in PyTorch)."""
    if is_available():
        _default_generator(f"cuda:{current_device()}").manual_seed(seed)


def manual_seed_all(seed: int) -> None:
    """Seed the generators of all GPUs."""
    for i in range(device_count()):
        _default_generator(f"cuda:{i}").manual_seed(seed)
