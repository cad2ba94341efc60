"""Models by name: those of this package and of every plugin that registers models with the tag "image"."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fnmatch import fnmatch
from typing import Any

import facula
from facula import nn

__all__ = ["get_model", "get_model_builder", "list_models"]


def list_models(include: str | Iterable[str] | None = None, exclude: str | Iterable[str] | None = None) -> list[str]:
    """The names of all models for images, sorted; `include` and `exclude` are patterns such as `resnet*`.

    >>> from facula_vision.models import list_models
    >>> list_models("resnet1*", exclude="*52")
    ['resnet101', 'resnet18']
    """
    names = facula.models.names(tag="image")
    if include is not None:
        names = [name for name in names if _matches(name, include)]
    return [name for name in names if exclude is None or not _matches(name, exclude)]


def _matches(name: str, patterns: str | Iterable[str]) -> bool:
    return any(fnmatch(name, pattern) for pattern in ([patterns] if isinstance(patterns, str) else patterns))


def get_model_builder(name: str) -> Callable[..., nn.Module]:
    """The function that builds the model of this name, in any case of letters; the error for an unknown one suggests names.

    >>> from facula_vision.models import get_model_builder
    >>> get_model_builder("ResNet18").__name__
    'resnet18'
    """
    builder: Callable[..., nn.Module] = facula.models.get(name.lower())
    return builder


def get_model(name: str, **config: Any) -> nn.Module:
    """The model of this name, built with `config`: `weights` (a file), `num_classes` and what its class takes.

    >>> from facula_vision.models import get_model
    >>> get_model("squeezenet1_1", num_classes=10).classifier[1].out_channels
    10
    """
    return get_model_builder(name)(**config)
