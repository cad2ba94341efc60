"""PyTorch's module paths for rooms that have another name here."""

from __future__ import annotations

import importlib
from typing import Any

from facula.utils import checkpoint, data, hooks

__all__ = ["checkpoint", "data", "flop_counter", "hooks"]


def __getattr__(name: str) -> Any:
    if name == "flop_counter":  # it knows modules, which a loader's workers need not load
        return importlib.import_module("facula.utils.flop_counter")
    raise AttributeError(f"module 'facula.utils' has no attribute {name!r}")
