"""Pictures of several sizes in one batch."""

from __future__ import annotations

from typing import Any

from facula import Tensor

__all__ = ["ImageList"]


class ImageList:
    """Pictures padded to one size, and the (height, width) of each before that."""

    def __init__(self, tensors: Tensor, image_sizes: list[tuple[int, int]]) -> None:
        self.tensors = tensors
        self.image_sizes = image_sizes

    def to(self, device: Any) -> ImageList:
        """The same on another device."""
        return ImageList(self.tensors.to(device), self.image_sizes)
