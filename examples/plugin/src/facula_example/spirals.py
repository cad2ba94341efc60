"""A dataset that is computed, and a transform for its samples."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from facula import Tensor, tensor
from facula.utils.data import Dataset


class Spirals(Dataset):
    """Points on two interleaved spirals, with the number of the spiral as the label.

    Shape: a sample is ((2,) float32, int).
    """

    def __init__(self, length: int = 200, transform: Callable[[Tensor], Any] | None = None) -> None:
        if length < 1:
            raise ValueError(f"Spirals: expected a length of at least 1, got {length}. Pass e.g. 200.")
        self.length, self.transform = length, transform

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> tuple[Any, int]:
        if not 0 <= index < self.length:
            raise IndexError(f"Spirals: expected an index from 0 to {self.length - 1}, got {index}.")
        label = index % 2
        radius = (index + 1) / self.length
        angle = 3 * math.pi * radius + math.pi * label
        point = tensor([radius * math.cos(angle), radius * math.sin(angle)])
        return (self.transform(point) if self.transform else point), label


class Mirror:
    """Points mirrored at the origin."""

    def __call__(self, point: Tensor) -> Tensor:
        return -point

    def __repr__(self) -> str:
        return "Mirror()"
