"""What published weights expect of their input: `Weights.transforms()` gives one of these, set up for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import facula
from facula import Tensor, nn
from facula_vision.transforms import InterpolationMode
from facula_vision.transforms import functional as F

__all__ = ["ImageClassification", "ObjectDetection", "OpticalFlow", "SemanticSegmentation", "VideoClassification"]

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def _pixels(img: Any) -> Tensor:
    """A picture as numbers 0..1.   Shape: (..., C, H, W)."""
    return F.convert_image_dtype(img if isinstance(img, Tensor) else F.pil_to_tensor(img), facula.float32)


class ObjectDetection(nn.Module):
    """A picture as numbers 0..1; the detector does the rest.   Shape: PIL image or (..., C, H, W) -> (..., C, H, W)."""

    def forward(self, img: Any) -> Tensor:
        return _pixels(img)


class ImageClassification(nn.Module):
    """The shorter side to `resize_size`, the middle `crop_size` of it, numbers 0..1 less `mean` over `std`.

    Shape: PIL image or (..., 3, H, W) -> (..., 3, crop_size, crop_size).

    >>> import facula
    >>> from facula_vision.models.preprocessing import ImageClassification
    >>> ImageClassification(crop_size=24, resize_size=32)(facula.zeros(3, 64, 48, dtype=facula.uint8)).shape
    facula.Size([3, 24, 24])
    """

    def __init__(
        self,
        *,
        crop_size: int,
        resize_size: int = 256,
        mean: Sequence[float] = _MEAN,
        std: Sequence[float] = _STD,
        interpolation: InterpolationMode = InterpolationMode.BILINEAR,
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        self.crop_size = [crop_size]
        self.resize_size = [resize_size]
        self.mean, self.std = list(mean), list(std)
        self.interpolation = interpolation
        self.antialias = antialias

    def forward(self, img: Any) -> Tensor:
        resized = F.resize(img, self.resize_size, interpolation=self.interpolation, antialias=bool(self.antialias))
        return F.normalize(_pixels(F.center_crop(resized, self.crop_size)), self.mean, self.std)

    def extra_repr(self) -> str:
        return (
            f"crop_size={self.crop_size}, resize_size={self.resize_size}, mean={self.mean}, std={self.std}, "
            f"interpolation={self.interpolation}"
        )


class SemanticSegmentation(nn.Module):
    """The shorter side to `resize_size` unless that is None, numbers 0..1 less `mean` over `std`.

    Shape: PIL image or (..., 3, H, W) -> (..., 3, h, w).
    """

    def __init__(
        self,
        *,
        resize_size: int | None,
        mean: Sequence[float] = _MEAN,
        std: Sequence[float] = _STD,
        interpolation: InterpolationMode = InterpolationMode.BILINEAR,
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        self.resize_size = None if resize_size is None else [resize_size]
        self.mean, self.std = list(mean), list(std)
        self.interpolation = interpolation
        self.antialias = antialias

    def forward(self, img: Any) -> Tensor:
        if self.resize_size is not None:
            img = F.resize(img, self.resize_size, interpolation=self.interpolation, antialias=bool(self.antialias))
        return F.normalize(_pixels(img), self.mean, self.std)

    def extra_repr(self) -> str:
        return f"resize_size={self.resize_size}, mean={self.mean}, std={self.std}, interpolation={self.interpolation}"


class VideoClassification(nn.Module):
    """Frames resized, cropped in the middle and normalised, with time behind the channels.

    Shape: (T, 3, H, W) or (N, T, 3, H, W) -> (3, T, *crop_size) or (N, 3, T, *crop_size). ValueError for other shapes.
    """

    def __init__(
        self,
        *,
        crop_size: Sequence[int],
        resize_size: Sequence[int],
        mean: Sequence[float] = (0.43216, 0.394666, 0.37645),
        std: Sequence[float] = (0.22803, 0.22145, 0.216989),
        interpolation: InterpolationMode = InterpolationMode.BILINEAR,
    ) -> None:
        super().__init__()
        self.crop_size = list(crop_size)
        self.resize_size = list(resize_size)
        self.mean, self.std = list(mean), list(std)
        self.interpolation = interpolation

    def forward(self, vid: Tensor) -> Tensor:
        if vid.dim() not in (4, 5):
            raise ValueError(
                f"VideoClassification: expected (T, C, H, W) or (N, T, C, H, W), got {tuple(vid.shape)}. "
                "Stack the frames."
            )
        frames = vid.reshape(-1, *vid.shape[-3:])  # bilinear without widening, as the weights were evaluated
        frames = F.resize(frames, self.resize_size, interpolation=self.interpolation, antialias=False)
        frames = F.normalize(_pixels(F.center_crop(frames, self.crop_size)), self.mean, self.std)
        return frames.reshape(*vid.shape[:-3], *frames.shape[1:]).transpose(-4, -3)

    def extra_repr(self) -> str:
        return (
            f"crop_size={self.crop_size}, resize_size={self.resize_size}, mean={self.mean}, std={self.std}, "
            f"interpolation={self.interpolation}"
        )


class OpticalFlow(nn.Module):
    """Two pictures as numbers -1..1.   Shape: twice (..., 3, H, W) -> twice the same."""

    def forward(self, img1: Any, img2: Any) -> tuple[Tensor, Tensor]:
        first, second = (_pixels(img) * 2 - 1 for img in (img1, img2))
        return first.contiguous(), second.contiguous()
