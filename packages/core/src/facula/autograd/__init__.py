"""`torch.autograd`'s names."""

from __future__ import annotations

import importlib
from typing import Any

_PLACES = {
    "backward": "engine", "grad": "engine", "no_grad": "state", "enable_grad": "state", "set_grad_enabled": "state",
    "inference_mode": "state", "Function": "function", "gradcheck": "gradcheck", "gradgradcheck": "gradcheck",
    "detect_anomaly": "anomaly", "set_detect_anomaly": "anomaly", "Variable": "variable",
    "set_multithreading_enabled": "state",
}  # fmt: skip
_ROOMS = ("anomaly_mode", "forward_ad", "function", "functional", "grad_mode", "graph", "profiler")


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f"facula.autograd.{name}")
    if name not in _PLACES:
        raise AttributeError(f"module 'facula.autograd' has no attribute {name!r}")
    found = globals()[name] = getattr(importlib.import_module(f"facula.autograd.{_PLACES[name]}"), name)
    return found


def __dir__() -> list[str]:
    return sorted({*_PLACES, *_ROOMS})
