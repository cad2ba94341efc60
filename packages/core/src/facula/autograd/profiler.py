"""`torch.autograd.profiler`'s names; the code is in `facula.profiler`."""

from __future__ import annotations

import importlib
from typing import Any

_PLACES = {
    "profile": "legacy", "emit_nvtx": "legacy", "record_function": "events", "FunctionEvent": "events",
    "EventList": "averages",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'facula.autograd.profiler' has no attribute {name!r}")
    found = globals()[name] = getattr(importlib.import_module(f"facula.profiler.{_PLACES[name]}"), name)
    return found


def __dir__() -> list[str]:
    return sorted(_PLACES)
