"""Regions read from the level of a pyramid that fits their size."""

from __future__ import annotations

import math
from collections.abc import Sequence

import facula
from facula import Tensor, nn
from facula_vision.ops.boxes import box_area
from facula_vision.ops.regions import Pair, as_pair, as_regions, roi_align

__all__ = ["LevelMapper", "MultiScaleRoIAlign"]


class LevelMapper:
    """The level of each box: floor(canonical_level + log2(sqrt(area) / canonical_scale)), from `k_min` to `k_max`.

    Counted from `k_min` on. Source: equation 1 of https://arxiv.org/abs/1612.03144.
    """

    def __init__(
        self, k_min: int, k_max: int, canonical_scale: int = 224, canonical_level: int = 4, eps: float = 1e-6
    ) -> None:
        self.k_min = k_min
        self.k_max = k_max
        self.s0 = canonical_scale
        self.lvl0 = canonical_level
        self.eps = eps

    def __call__(self, boxlists: Sequence[Tensor]) -> Tensor:
        sizes = facula.cat([box_area(boxes) for boxes in boxlists]).sqrt()
        levels = (self.lvl0 + facula.log2(sizes / self.s0) + self.eps).floor()
        return levels.clamp(self.k_min, self.k_max).long() - self.k_min


class MultiScaleRoIAlign(nn.Module):
    """`roi_align` from the maps `featmap_names` of a pyramid: small boxes from fine levels, large ones from coarse.

    The scale of a map is found from its size and that of the largest picture, as a power of two.
    Shape: {name: (N, C, H, W)}, [(L, 4), ...], [(height, width), ...] -> (K, C, *output_size), K boxes in all.
    Source: T.-Y. Lin et al., "Feature Pyramid Networks for Object Detection", https://arxiv.org/abs/1612.03144.

    >>> import facula
    >>> from facula_vision.ops import MultiScaleRoIAlign
    >>> pool = MultiScaleRoIAlign(["fine", "coarse"], output_size=3, sampling_ratio=2)
    >>> maps = {"fine": facula.rand(1, 5, 64, 64), "coarse": facula.rand(1, 5, 16, 16)}
    >>> pool(maps, [facula.tensor([[10.0, 10.0, 90.0, 60.0]])], [(256, 256)]).shape
    facula.Size([1, 5, 3, 3])
    """

    def __init__(
        self,
        featmap_names: list[str],
        output_size: Pair,
        sampling_ratio: int,
        *,
        canonical_scale: int = 224,
        canonical_level: int = 4,
    ) -> None:
        super().__init__()
        self.featmap_names = featmap_names
        self.sampling_ratio = sampling_ratio
        self.output_size = as_pair(output_size)
        self.canonical_scale = canonical_scale
        self.canonical_level = canonical_level

    def _scales(self, maps: list[Tensor], image_shapes: Sequence[tuple[int, int]]) -> list[float]:
        if not image_shapes:
            raise ValueError(
                "MultiScaleRoIAlign: images list should not be empty, expected a size for each picture, got none. Pass them."
            )
        largest = [max(sizes) for sizes in zip(*image_shapes, strict=True)]
        found = []
        for level in maps:
            exact = {2.0 ** round(math.log2(n / whole)) for n, whole in zip(level.shape[-2:], largest, strict=True)}
            if len(exact) != 1:
                raise ValueError(
                    f"MultiScaleRoIAlign: expected maps scaled alike in both directions, got {tuple(level.shape[-2:])} for "
                    f"pictures of {tuple(largest)}. Give the size of the padded pictures."
                )
            found.append(exact.pop())
        return found

    def forward(self, x: dict[str, Tensor], boxes: list[Tensor], image_shapes: Sequence[tuple[int, int]]) -> Tensor:
        maps = [level for name, level in x.items() if name in self.featmap_names]
        scales = self._scales(maps, image_shapes)
        regions = as_regions(boxes)
        if len(maps) == 1:
            return roi_align(maps[0], regions, self.output_size, scales[0], self.sampling_ratio)
        first, last = -math.log2(scales[0]), -math.log2(scales[-1])
        mapper = LevelMapper(int(first), int(last), self.canonical_scale, self.canonical_level)
        with facula.no_grad():
            levels = mapper(boxes)
            where = [facula.where(levels == k)[0] for k in range(len(maps))]
            back = facula.cat(where).argsort()
        parts = [
            roi_align(level, regions[index], self.output_size, scale, self.sampling_ratio)
            for level, index, scale in zip(maps, where, scales, strict=True)
        ]
        return facula.cat(parts)[back]

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(featmap_names={self.featmap_names}, output_size={self.output_size}, "
            f"sampling_ratio={self.sampling_ratio})"
        )
