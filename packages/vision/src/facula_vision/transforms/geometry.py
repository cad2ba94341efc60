"""Transforms that move pixels. What is random is drawn from Facula's generator, so `facula.manual_seed` repeats it."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any

import facula
from facula import nn
from facula_vision.transforms import functional as F
from facula_vision.transforms.interpolation import InterpolationMode

__all__ = ["CenterCrop", "Pad", "RandomCrop", "RandomHorizontalFlip", "RandomRotation", "RandomVerticalFlip", "Resize"]


def _pair(name: str, size: int | Sequence[int]) -> tuple[int, int]:
    """(height, width) of a number, or of a sequence of one or two."""
    sides = F.as_list(size)
    if len(sides) not in (1, 2):
        raise ValueError(
            f"{name}: expected size as a number or (h, w), got {size}. Please provide only two dimensions (h, w)."
        )
    return sides[0], sides[-1]


class Resize(nn.Module):
    """The image at `size`: (height, width), or one number for the shorter side, the longer at most `max_size`."""

    def __init__(
        self,
        size: int | Sequence[int],
        interpolation: InterpolationMode = InterpolationMode.BILINEAR,
        max_size: int | None = None,
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        if not isinstance(size, (int, Sequence)):
            raise TypeError(f"Resize: size should be int or sequence, expected one of them, got {type(size)}.")
        if isinstance(size, Sequence) and len(size) not in (1, 2):
            raise ValueError(f"Resize: if size is a sequence, it should have 1 or 2 values, expected that, got {size}.")
        self.size = size
        self.interpolation = interpolation
        self.max_size = max_size
        self.antialias = antialias

    def forward(self, img: Any) -> Any:
        return F.resize(img, self.size, self.interpolation, self.max_size, self.antialias)

    def __repr__(self) -> str:
        return (
            f"Resize(size={self.size}, interpolation={self.interpolation.value}, max_size={self.max_size}, "
            f"antialias={self.antialias})"
        )


class CenterCrop(nn.Module):
    """The middle of the image, padded with zeros where the image is smaller."""

    def __init__(self, size: int | Sequence[int]) -> None:
        super().__init__()
        self.size = _pair("CenterCrop", size)

    def forward(self, img: Any) -> Any:
        return F.center_crop(img, self.size)

    def __repr__(self) -> str:
        return f"CenterCrop(size={self.size})"


class Pad(nn.Module):
    """A border around the image: constant, edge, reflect or symmetric."""

    def __init__(self, padding: int | Sequence[int], fill: Any = 0, padding_mode: str = "constant") -> None:
        super().__init__()
        self.padding = padding
        self.fill = fill
        self.padding_mode = padding_mode

    def forward(self, img: Any) -> Any:
        return F.pad(img, self.padding, self.fill, self.padding_mode)

    def __repr__(self) -> str:
        return f"Pad(padding={self.padding}, fill={self.fill}, padding_mode={self.padding_mode})"


class RandomCrop(nn.Module):
    """A rectangle of `size` at a random place, after padding by `padding`; ValueError if the image is too small."""

    def __init__(
        self,
        size: int | Sequence[int],
        padding: int | Sequence[int] | None = None,
        pad_if_needed: bool = False,
        fill: Any = 0,
        padding_mode: str = "constant",
    ) -> None:
        super().__init__()
        self.size = _pair("RandomCrop", size)
        self.padding = padding
        self.pad_if_needed = pad_if_needed
        self.fill = fill
        self.padding_mode = padding_mode

    @staticmethod
    def get_params(img: Any, output_size: tuple[int, int]) -> tuple[int, int, int, int]:
        """(top, left, height, width) of a crop, each place as likely as any other."""
        _, height, width = F.get_dimensions(img)
        high, wide = output_size
        if height < high or width < wide:
            raise ValueError(
                f"RandomCrop: required crop size {output_size} is larger than input image size {(height, width)}, "
                "expected "
                "it to fit. Pass pad_if_needed=True."
            )
        top = int(facula.randint(0, height - high + 1, size=(1,)).item())
        left = int(facula.randint(0, width - wide + 1, size=(1,)).item())
        return top, left, high, wide

    def forward(self, img: Any) -> Any:
        if self.padding is not None:
            img = F.pad(img, self.padding, self.fill, self.padding_mode)
        if self.pad_if_needed:
            _, height, width = F.get_dimensions(img)
            missing = (max(self.size[1] - width, 0), max(self.size[0] - height, 0))
            if any(missing):
                img = F.pad(img, missing, self.fill, self.padding_mode)
        return F.crop(img, *self.get_params(img, self.size))

    def __repr__(self) -> str:
        return f"RandomCrop(size={self.size}, padding={self.padding})"


class _RandomFlip(nn.Module):
    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = p

    def chosen(self) -> bool:
        return bool(facula.rand(1).item() < self.p)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p})"


class RandomHorizontalFlip(_RandomFlip):
    """Left and right exchanged, with probability `p`."""

    def forward(self, img: Any) -> Any:
        return F.hflip(img) if self.chosen() else img


class RandomVerticalFlip(_RandomFlip):
    """Top and bottom exchanged, with probability `p`."""

    def forward(self, img: Any) -> Any:
        return F.vflip(img) if self.chosen() else img


class RandomRotation(nn.Module):
    """The image turned by a random angle out of (-degrees, degrees), or out of the range that `degrees` is."""

    def __init__(
        self,
        degrees: float | Sequence[float],
        interpolation: InterpolationMode = InterpolationMode.NEAREST,
        expand: bool = False,
        center: Sequence[float] | None = None,
        fill: Any = 0,
    ) -> None:
        super().__init__()
        if isinstance(degrees, numbers.Real):
            if degrees < 0:
                raise ValueError(
                    f"RandomRotation: if degrees is a single number, it must be positive, expected that, got {degrees}."
                )
            self.degrees = [-float(degrees), float(degrees)]
        else:
            if len(degrees) != 2:  # type: ignore[arg-type]
                raise ValueError(
                    f"RandomRotation: degrees should be a sequence of length 2, expected that, got {degrees}."
                )
            self.degrees = [float(angle) for angle in degrees]  # type: ignore[union-attr]
        self.interpolation = interpolation
        self.expand = expand
        self.center = center
        self.fill = fill

    @staticmethod
    def get_params(degrees: Sequence[float]) -> float:
        """An angle, each as likely as any other."""
        low, high = degrees
        return float(low + (high - low) * facula.rand(1).item())

    def forward(self, img: Any) -> Any:
        return F.rotate(img, self.get_params(self.degrees), self.interpolation, self.expand, self.center, self.fill)

    def __repr__(self) -> str:
        center = f", center={self.center}" if self.center is not None else ""
        return (
            f"RandomRotation(degrees={self.degrees}, interpolation={self.interpolation.value}, expand={self.expand}"
            f"{center}, fill={self.fill})"
        )
