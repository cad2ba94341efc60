"""Tokenizers, text datasets and language models on Facula. Rooms load when they are first used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from facula_text import (
        data,
        datasets,
        functional,
        generation,
        lora,
        metrics,
        models,
        samplers,
        sampling,
        tokenizers,
        transforms,
        vocab,
    )
    from facula_text.generation import generate

__version__ = "0.1.0"
__all__ = [
    "data",
    "datasets",
    "functional",
    "generate",
    "generation",
    "lora",
    "metrics",
    "models",
    "samplers",
    "sampling",
    "tokenizers",
    "transforms",
    "vocab",
]


def __getattr__(name: str) -> Any:
    if name == "generate":
        return importlib.import_module("facula_text.generation").generate
    if name in __all__:
        return importlib.import_module(f"facula_text.{name}")
    raise AttributeError(f"module 'facula_text' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
