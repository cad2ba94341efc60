"""Datasets, transforms and models for images: torchvision's names on Facula. Rooms load when they are first used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from facula_vision import datasets, io, models, ops, transforms, tv_tensors, utils

__version__ = "0.1.0"
__all__ = ["datasets", "io", "models", "ops", "transforms", "tv_tensors", "utils"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return importlib.import_module(f"facula_vision.{name}")
    raise AttributeError(f"module 'facula_vision' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
