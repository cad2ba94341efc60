"""What the builders of all families share: weights from a file, and channels in steps of eight."""

from __future__ import annotations

import os
from typing import TypeVar

import facula
from facula import nn

__all__ = ["File", "loaded", "make_divisible"]

File = str | os.PathLike[str]
Model = TypeVar("Model", bound=nn.Module)


def loaded(model: Model, weights: File | None) -> Model:
    """The model, with the state_dict of the file `weights` in it if there is one."""
    if weights is not None:
        model.load_state_dict(facula.load(weights))
    return model


def make_divisible(value: float, divisor: int = 8) -> int:
    """The multiple of `divisor` nearest to `value`, at least one of them, and never more than a tenth below `value`."""
    rounded = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * value else rounded
