"""Sound files, spectrograms and models: torchaudio's names on Facula. Rooms load when they are first used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from facula_audio import compliance, datasets, functional, io, models, transforms
    from facula_audio.io import AudioMetaData, blocks, info, load, save

__version__ = "0.1.0"
__all__ = [
    "AudioMetaData",
    "blocks",
    "compliance",
    "datasets",
    "functional",
    "info",
    "io",
    "load",
    "models",
    "save",
    "transforms",
]

_OF_IO = ("AudioMetaData", "blocks", "info", "load", "save")


def __getattr__(name: str) -> Any:
    if name in _OF_IO:
        return getattr(importlib.import_module("facula_audio.io"), name)
    if name in __all__:
        return importlib.import_module(f"facula_audio.{name}")
    raise AttributeError(f"module 'facula_audio' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
