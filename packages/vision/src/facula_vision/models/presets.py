"""What the builders of all families share: weights from wherever they are, and channels in steps of eight."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, TypeVar

from facula import nn
from facula_vision.models.weights import Weights, WeightsEnum, read_state_dict

__all__ = ["File", "loaded", "make_divisible", "preset"]

File = str | os.PathLike[str] | Weights | WeightsEnum
Model = TypeVar("Model", bound=nn.Module)
State = Mapping[str, Any]


def preset(
    enum: Any = None,
    needs: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None,
    defaults: Mapping[str, Any] | None = None,
    adapt: Callable[[State, Any], State] | None = None,
) -> Callable[[Callable[..., Model]], Callable[..., Model]]:
    """Give a builder the keywords `weights` and `progress`; `enum` holds what is published for it.

    The caller's `weights` may be a member of the enum, its name, an address with a SHA-256 or a file (.pth, .safetensors).
    A member fixes `num_classes` and what `needs` makes of its meta; ValueError for another choice. With any weights,
    `defaults` are the configuration unless the caller chose otherwise. `adapt` fits a published state_dict to the model,
    where names changed or parts are left out.
    """

    def decorate(build: Callable[..., Model]) -> Callable[..., Model]:
        @wraps(build)
        def builder(*, weights: File | None = None, progress: bool = True, **config: Any) -> Model:
            source = _member(weights, enum)
            if isinstance(source, WeightsEnum):
                config = _fixed(source, needs, config)
            if source is not None:
                config = {**(defaults or {}), **config}
            model = build(**config)
            if source is not None:
                state = read_state_dict(source, enum, progress)
                model.load_state_dict(adapt(state, model) if adapt is not None else state)
            return model

        builder.weights = enum  # type: ignore[attr-defined]
        shared = list(inspect.signature(builder, follow_wrapped=False).parameters.values())[:2]
        parameters = [*shared, *inspect.signature(build).parameters.values()]
        builder.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        return builder

    return decorate


def _member(weights: File | None, enum: Any) -> Any:
    """The member of the enum that is meant, or `weights` itself if it is something else."""
    if isinstance(weights, str) and enum is not None:
        return enum.__members__.get(weights.removeprefix(f"{enum.__name__}."), weights)
    if isinstance(weights, WeightsEnum):
        if enum is None:
            raise TypeError(f"weights: expected a file, as nothing is published for this model, got {weights!r}.")
        return enum.verify(weights)
    return weights


def _fixed(
    source: WeightsEnum, needs: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None, config: dict[str, Any]
) -> dict[str, Any]:
    """The configuration with what the weights were trained for."""
    fixed = dict(needs(source.meta)) if needs is not None else {}
    if "categories" in source.meta:
        fixed["num_classes"] = len(source.meta["categories"])
    for name, value in fixed.items():
        if config.get(name, value) not in (value, None):
            raise ValueError(
                f"{source!r}: The parameter '{name}' expected value {value} but got {config[name]} instead. Leave it out, "
                "or load the weights into a part of the model."
            )
    return {**config, **fixed}


def loaded(model: Model, weights: File | None, progress: bool = True) -> Model:
    """The model, with the state_dict that `weights` means in it if there is one."""
    if weights is not None:
        model.load_state_dict(read_state_dict(weights, None, progress))
    return model


def make_divisible(value: float, divisor: int = 8) -> int:
    """The multiple of `divisor` nearest to `value`, at least one of them, and never more than a tenth below `value`."""
    rounded = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * value else rounded
