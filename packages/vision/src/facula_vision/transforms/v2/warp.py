"""Transforms that look pixels up elsewhere: turns, affine maps, perspective, elastic deformation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import facula
from facula_vision.transforms.interpolation import InterpolationMode
from facula_vision.transforms.v2 import functional as F
from facula_vision.transforms.v2.base import Fill, RandomApplied, Transform, around, integer, query_size, uniform
from facula_vision.transforms.v2.functional.warp import check_center, perspective_coefficients

__all__ = ["ElasticTransform", "RandomAffine", "RandomPerspective", "RandomRotation"]

Interpolation = InterpolationMode | str | int
NEAREST, BILINEAR = InterpolationMode.NEAREST, InterpolationMode.BILINEAR


class RandomRotation(Transform):
    """The image turned by a random angle out of (-degrees, degrees), or out of the range that `degrees` is."""

    def __init__(
        self,
        degrees: float | Sequence[float],
        interpolation: Interpolation = NEAREST,
        expand: bool = False,
        center: Sequence[float] | None = None,
        fill: Any = 0,
    ) -> None:
        super().__init__()
        self.degrees = around("RandomRotation", degrees)
        self.interpolation = interpolation
        self.expand = expand
        self.fill = fill
        check_center("RandomRotation", center)
        self.center = center

    @staticmethod
    def get_params(degrees: Sequence[float]) -> float:
        """An angle, each as likely as any other."""
        return uniform(*degrees)

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        return dict(angle=self.get_params(self.degrees))

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(
            F.rotate, inpt, **params, interpolation=self.interpolation, expand=self.expand, center=self.center,
            fill=Fill(self.fill).of(inpt),
        )  # fmt: skip


class RandomAffine(Transform):
    """The image turned, moved (by shares of its sides), scaled and sheared at random, each within a range."""

    def __init__(
        self,
        degrees: float | Sequence[float],
        translate: Sequence[float] | None = None,
        scale: Sequence[float] | None = None,
        shear: float | Sequence[float] | None = None,
        interpolation: Interpolation = NEAREST,
        fill: Any = 0,
        center: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        self.degrees = around("RandomAffine", degrees)
        if translate is not None and (len(translate) != 2 or not all(0.0 <= share <= 1.0 for share in translate)):
            raise ValueError(
                f"RandomAffine: two translation values should be between 0 and 1, got {translate}. Pass shares."
            )
        self.translate = translate
        if scale is not None and (len(scale) != 2 or min(scale) <= 0):
            raise ValueError(f"RandomAffine: two scale values should be positive, got {scale}. Pass (low, high).")
        self.scale = scale
        self.shear = around("RandomAffine", shear, "shear") if shear is not None else None
        self.interpolation = interpolation
        self.fill = fill
        check_center("RandomAffine", center)
        self.center = center

    @staticmethod
    def get_params(
        degrees: Sequence[float],
        translate: Sequence[float] | None,
        scale_ranges: Sequence[float] | None,
        shears: Sequence[float] | None,
        img_size: Sequence[int],
    ) -> tuple[float, tuple[int, int], float, tuple[float, float]]:
        """(angle, translation, scale, shear) for an image of size (width, height)."""
        angle = uniform(*degrees)
        moved = (0, 0)
        if translate is not None:
            dx, dy = float(translate[0] * img_size[0]), float(translate[1] * img_size[1])
            moved = (round(uniform(-dx, dx)), round(uniform(-dy, dy)))
        scale = uniform(*scale_ranges) if scale_ranges is not None else 1.0
        x = uniform(shears[0], shears[1]) if shears is not None else 0.0
        y = uniform(shears[2], shears[3]) if shears is not None and len(shears) == 4 else 0.0
        return angle, moved, scale, (x, y)

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        height, width = query_size(flat_inputs)
        found = self.get_params(self.degrees, self.translate, self.scale, self.shear, (width, height))
        return dict(zip(("angle", "translate", "scale", "shear"), found, strict=True))

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        fill = Fill(self.fill).of(inpt)
        return self._call_kernel(
            F.affine, inpt, **params, interpolation=self.interpolation, fill=fill, center=self.center
        )


class RandomPerspective(RandomApplied):
    """The image seen from elsewhere, its corners moved inwards by up to half of `distortion_scale`, with probability `p`."""

    def __init__(
        self, distortion_scale: float = 0.5, p: float = 0.5, interpolation: Interpolation = BILINEAR, fill: Any = 0
    ) -> None:
        super().__init__(p=p)
        if not 0 <= distortion_scale <= 1:
            raise ValueError(
                f"RandomPerspective: argument distortion_scale value should be between 0 and 1, got {distortion_scale}. "
                "Choose it there."
            )
        self.distortion_scale = distortion_scale
        self.interpolation = interpolation
        self.fill = fill

    @staticmethod
    def get_params(width: int, height: int, distortion_scale: float) -> tuple[list[list[int]], list[list[int]]]:
        """The four corners (top left, top right, bottom right, bottom left), and where they go."""
        x, y = int(distortion_scale * (width // 2)) + 1, int(distortion_scale * (height // 2)) + 1
        start = [[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]]
        end = [
            [integer(0, x), integer(0, y)],
            [integer(width - x, width), integer(0, y)],
            [integer(width - x, width), integer(height - y, height)],
            [integer(0, x), integer(height - y, height)],
        ]
        return start, end

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        height, width = query_size(flat_inputs)
        start, end = self.get_params(width, height, self.distortion_scale)
        return dict(coefficients=perspective_coefficients(start, end, None))

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        fill = Fill(self.fill).of(inpt)
        return self._call_kernel(
            F.perspective, inpt, startpoints=None, endpoints=None, fill=fill, interpolation=self.interpolation, **params
        )


class ElasticTransform(Transform):
    """Each pixel moved at random, by up to `alpha` pixels, neighbours alike: the moves are smoothed by bells of width `sigma`."""

    def __init__(
        self,
        alpha: float | Sequence[float] = 50.0,
        sigma: float | Sequence[float] = 5.0,
        interpolation: Interpolation = BILINEAR,
        fill: Any = 0,
    ) -> None:
        super().__init__()
        self.alpha = _two("alpha", alpha)
        self.sigma = _two("sigma", sigma)
        self.interpolation = interpolation
        self.fill = fill

    @staticmethod
    def get_params(alpha: Sequence[float], sigma: Sequence[float], size: Sequence[int]) -> Any:
        """How far away each pixel looks, along x and y.   Shape: (1, H, W, 2)."""
        moves = []
        for side, a, s in zip((size[1], size[0]), alpha, sigma, strict=True):
            move = facula.rand(1, 1, *size) * 2 - 1
            if s > 0.0:
                reach = int(8 * s + 1)
                reach += reach % 2 == 0
                move = F.gaussian_blur(move, [reach, reach], [s, s])
            moves.append(move * a / side)
        return facula.cat(moves, 1).permute(0, 2, 3, 1)

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        return dict(displacement=self.get_params(self.alpha, self.sigma, query_size(flat_inputs)))

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        fill = Fill(self.fill).of(inpt)
        return self._call_kernel(F.elastic, inpt, **params, fill=fill, interpolation=self.interpolation)


def _two(name: str, value: Any) -> list[float]:
    if isinstance(value, (int, float)):
        return [float(value)] * 2
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise TypeError(
            f"ElasticTransform: {name} should be a number or a sequence of numbers, got {type(value)}. Pass one."
        )
    numbers = [float(number) for number in value]
    if len(numbers) not in (1, 2):
        raise ValueError(
            f"ElasticTransform: {name} should be a sequence of one or two numbers, got {value}. Pass (x, y)."
        )
    return numbers * (2 // len(numbers))
