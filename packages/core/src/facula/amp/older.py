"""The older spellings, `cuda.amp` and `cpu.amp`: each class with its device given; deprecated, as in PyTorch."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from facula import dtypes
from facula.amp.autocast_mode import autocast
from facula.amp.custom import custom_bwd, custom_fwd
from facula.amp.grad_scaler import GradScaler


def _deprecated(device: str, name: str) -> None:
    warnings.warn(
        f"`{device}.amp.{name}(args...)` is deprecated. Please use `amp.{name}('{device}', args...)` instead.",
        FutureWarning,
        stacklevel=3,
    )


class cuda_autocast(autocast):
    """`autocast("cuda")`."""

    def __init__(self, enabled: bool = True, dtype: dtypes.dtype = dtypes.float16, cache_enabled: bool = True) -> None:
        _deprecated("cuda", "autocast")
        super().__init__("cuda", dtype, enabled, cache_enabled)


class cpu_autocast(autocast):
    """`autocast("cpu")`."""

    def __init__(self, enabled: bool = True, dtype: dtypes.dtype = dtypes.bfloat16, cache_enabled: bool = True) -> None:
        _deprecated("cpu", "autocast")
        super().__init__("cpu", dtype, enabled, cache_enabled)


class CUDAGradScaler(GradScaler):
    """`GradScaler("cuda")`."""

    def __init__(
        self,
        init_scale: float = 65536.0,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        _deprecated("cuda", "GradScaler")
        super().__init__("cuda", init_scale, growth_factor, backoff_factor, growth_interval, enabled)


class CPUGradScaler(GradScaler):
    """`GradScaler("cpu")`."""

    def __init__(
        self,
        init_scale: float = 65536.0,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        _deprecated("cpu", "GradScaler")
        super().__init__("cpu", init_scale, growth_factor, backoff_factor, growth_interval, enabled)


def cuda_custom_fwd(fwd: Callable[..., Any] | None = None, *, cast_inputs: dtypes.dtype | None = None) -> Any:
    """`custom_fwd(device_type="cuda")`."""
    _deprecated("cuda", "custom_fwd")
    return custom_fwd(fwd, device_type="cuda", cast_inputs=cast_inputs)


def cuda_custom_bwd(bwd: Callable[..., Any]) -> Any:
    """`custom_bwd(device_type="cuda")`."""
    _deprecated("cuda", "custom_bwd")
    return custom_bwd(bwd, device_type="cuda")
