"""PyTorch's module paths for rooms that have another name here."""

from __future__ import annotations

import importlib
from typing import Any

from facula.utils import checkpoint, data, hooks

__all__ = ["checkpoint", "data", "dlpack", "flop_counter", "hooks", "tensorboard"]


def __getattr__(name: str) -> Any:
    if name in (
        "dlpack",
        "flop_counter",
        "tensorboard",
    ):  # they know ops and modules, which a loader's workers need not load
        return importlib.import_module(f"facula.utils.{name}")
    raise AttributeError(f"module 'facula.utils' has no attribute {name!r}")
