"""Models by name: those of this package and of every plugin that registers models with the tag "image"."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fnmatch import fnmatch
from types import ModuleType
from typing import Any

import facula
from facula import nn
from facula_vision.models.weights import WeightsEnum, get_weight

__all__ = ["get_model", "get_model_builder", "get_model_weights", "get_weight", "list_models"]


def list_models(
    module: ModuleType | None = None,
    include: str | Iterable[str] | None = None,
    exclude: str | Iterable[str] | None = None,
) -> list[str]:
    """The names of all models for images, sorted; `include` and `exclude` are patterns such as `resnet*`.

    `module` keeps those of one room, such as `models.segmentation`; `models` itself has those that classify.

    >>> from facula_vision.models import list_models
    >>> list_models(include="resnet1*", exclude="*52")
    ['resnet101', 'resnet18']
    """
    names = facula.models.names(tag="image")
    if module is not None:
        names = [name for name in names if _room(name) == module.__name__]
    if include is not None:
        names = [name for name in names if _matches(name, include)]
    return [name for name in names if exclude is None or not _matches(name, exclude)]


def _room(name: str) -> str:
    """The package in whose files the builder of a model stands."""
    target = facula.models.entry(name).target
    file = target.partition(":")[0] if isinstance(target, str) else target.__module__
    return file.rpartition(".")[0]


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
    """The model of this name, built with `config`: `weights`, `num_classes` and what its class takes.

    >>> from facula_vision.models import get_model
    >>> get_model("squeezenet1_1", num_classes=10).classifier[1].out_channels
    10
    """
    return get_model_builder(name)(**config)


def get_model_weights(name: str | Callable[..., nn.Module]) -> type[WeightsEnum]:
    """The enum of the weights published for a model, given by its name or its builder; ValueError where there are none.

    >>> from facula_vision.models import get_model_weights
    >>> list(get_model_weights("resnet50"))
    [ResNet50_Weights.IMAGENET1K_V1, ResNet50_Weights.IMAGENET1K_V2]
    """
    builder = get_model_builder(name) if isinstance(name, str) else name
    weights: type[WeightsEnum] | None = getattr(builder, "weights", None)
    if weights is None:
        raise ValueError(
            f"get_model_weights: expected a model with published weights, got {getattr(builder, '__name__', builder)}. "
            "Pass weights=PATH to its builder."
        )
    return weights
