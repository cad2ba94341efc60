"""The boxes that a detector starts from, at every place of every feature map."""

from __future__ import annotations

import math
from collections.abc import Sequence

import facula
from facula import Tensor, nn
from facula_vision.models.detection.image_list import ImageList

__all__ = ["AnchorGenerator", "DefaultBoxGenerator"]

Numbers = Sequence[float]


class AnchorGenerator(nn.Module):
    """Boxes of all `sizes` and `aspect_ratios` (height over width) around each place of each map.

    Both are given for each map; one tuple of numbers stands for several maps with one size each, or for all maps.
    Shape: pictures, [(N, C, H, W), ...] -> for each picture (sum of H W boxes, 4).

    >>> import facula
    >>> from facula_vision.models.detection.anchor_utils import AnchorGenerator
    >>> from facula_vision.models.detection.image_list import ImageList
    >>> anchors = AnchorGenerator(((8,),), ((1.0,),))
    >>> anchors(ImageList(facula.zeros(1, 3, 32, 32), [(32, 32)]), [facula.zeros(1, 5, 2, 2)])[0][:2]
    tensor([[-4., -4.,  4.,  4.],
            [12., -4., 20.,  4.]])
    """

    def __init__(
        self,
        sizes: Sequence[Numbers] | Numbers = ((128, 256, 512),),
        aspect_ratios: Sequence[Numbers] | Numbers = ((0.5, 1.0, 2.0),),
    ) -> None:
        super().__init__()
        by_map = tuple((size,) if isinstance(size, (int, float)) else tuple(size) for size in sizes)
        ratios = tuple(aspect_ratios)
        if ratios and isinstance(ratios[0], (int, float)):
            ratios = (ratios,) * len(by_map)
        self.sizes = by_map
        self.aspect_ratios: tuple[Numbers, ...] = ratios  # type: ignore[assignment]
        pairs = zip(self.sizes, self.aspect_ratios, strict=False)
        self.cell_anchors = [self.generate_anchors(size, ratio) for size, ratio in pairs]

    def generate_anchors(self, scales: Numbers, aspect_ratios: Numbers) -> Tensor:
        """The boxes around the origin.   Shape: (len(aspect_ratios) * len(scales), 4)."""
        high = facula.tensor(list(aspect_ratios), dtype=facula.float32).sqrt()[:, None]
        sizes = facula.tensor(list(scales), dtype=facula.float32)
        wide, high = (1 / high * sizes).flatten(), (high * sizes).flatten()
        return (facula.stack([-wide, -high, wide, high], dim=1) / 2).round()

    def num_anchors_per_location(self) -> list[int]:
        """How many boxes stand at a place of each map."""
        return [len(size) * len(ratio) for size, ratio in zip(self.sizes, self.aspect_ratios, strict=True)]

    def grid_anchors(self, grid_sizes: list[tuple[int, int]], strides: list[tuple[int, int]]) -> list[Tensor]:
        """The boxes of each map, row by row, those of one place together."""
        if not len(grid_sizes) == len(strides) == len(self.cell_anchors):
            raise ValueError(
                f"AnchorGenerator: expected {len(self.cell_anchors)} feature maps, one for each tuple of sizes, got "
                f"{len(grid_sizes)}. Match sizes to the maps of the backbone."
            )
        found = []
        for (rows, columns), (down, across), cell in zip(grid_sizes, strides, self.cell_anchors, strict=True):
            y = facula.arange(rows, dtype=cell.dtype, device=cell.device)[:, None].expand(rows, columns) * down
            x = facula.arange(columns, dtype=cell.dtype, device=cell.device).expand(rows, columns) * across
            shifts = facula.stack([x, y, x, y], dim=-1).reshape(-1, 1, 4)
            found.append((shifts + cell).reshape(-1, 4))
        return found

    def forward(self, image_list: ImageList, feature_maps: list[Tensor]) -> list[Tensor]:
        height, width = image_list.tensors.shape[-2:]
        dtype, device = feature_maps[0].dtype, feature_maps[0].device
        grids = [tuple(level.shape[-2:]) for level in feature_maps]
        strides = [(height // rows, width // columns) for rows, columns in grids]
        self.cell_anchors = [cell.to(dtype=dtype, device=device) for cell in self.cell_anchors]
        return [facula.cat(self.grid_anchors(grids, strides)) for _ in image_list.image_sizes]


class DefaultBoxGenerator(nn.Module):
    """The default boxes of SSD: at each place two squares, and for each ratio a wide and a high box.

    `scales` are sides over the picture's (else evenly from `min_ratio` to `max_ratio`), `steps` the pixels from one place
    to the next (else by the size of the map).
    Shape: pictures, [(N, C, H, W), ...] -> for each picture (boxes, 4).
    Source: W. Liu et al., "SSD: Single Shot MultiBox Detector", https://arxiv.org/abs/1512.02325.
    """

    def __init__(
        self,
        aspect_ratios: list[list[int]],
        min_ratio: float = 0.15,
        max_ratio: float = 0.9,
        scales: list[float] | None = None,
        steps: list[int] | None = None,
        clip: bool = True,
    ) -> None:
        super().__init__()
        if steps is not None and len(aspect_ratios) != len(steps):
            raise ValueError(
                f"DefaultBoxGenerator: aspect_ratios and steps should have the same length, expected {len(aspect_ratios)}, "
                f"got {len(steps)}. Give a step for each map."
            )
        self.aspect_ratios = aspect_ratios
        self.steps = steps
        self.clip = clip
        count = len(aspect_ratios)
        if scales is None:
            step = (max_ratio - min_ratio) / (count - 1) if count > 1 else 0.0
            scales = [*(min_ratio + step * k for k in range(count)), 1.0] if count > 1 else [min_ratio, max_ratio]
        self.scales = scales
        self._wh_pairs = [self._sides(k) for k in range(count)]

    def _sides(self, k: int) -> Tensor:
        """Width and height of the boxes of one map, over the picture's.   Shape: (boxes, 2)."""
        scale, between = self.scales[k], math.sqrt(self.scales[k] * self.scales[k + 1])
        pairs = [(scale, scale), (between, between)]
        for ratio in self.aspect_ratios[k]:
            root = math.sqrt(ratio)
            pairs += [(scale * root, scale / root), (scale / root, scale * root)]
        return facula.tensor(pairs, dtype=facula.float32)

    def num_anchors_per_location(self) -> list[int]:
        """How many boxes stand at a place of each map."""
        return [2 + 2 * len(ratios) for ratios in self.aspect_ratios]

    def _grid(self, grids: list[tuple[int, int]], size: tuple[int, int], dtype: facula.dtype) -> Tensor:
        """Centres and sides of all boxes, over the picture's.   Shape: (boxes, 4)."""
        found = []
        for k, (rows, columns) in enumerate(grids):
            down, across = (rows, columns) if self.steps is None else (n / self.steps[k] for n in size)
            y = ((facula.arange(rows, dtype=facula.float32) + 0.5) / down)[:, None].expand(rows, columns)
            x = ((facula.arange(columns, dtype=facula.float32) + 0.5) / across).expand(rows, columns)
            sides = self._wh_pairs[k].clamp(0, 1) if self.clip else self._wh_pairs[k]
            centres = facula.stack([x, y], dim=-1).reshape(-1, 1, 2).expand(-1, len(sides), 2)
            found.append(facula.cat([centres, sides.expand(*centres.shape)], dim=-1).reshape(-1, 4))
        return facula.cat(found).to(dtype)

    def forward(self, image_list: ImageList, feature_maps: list[Tensor]) -> list[Tensor]:
        height, width = image_list.tensors.shape[-2:]
        grids = [tuple(level.shape[-2:]) for level in feature_maps]
        boxes = self._grid(grids, (height, width), feature_maps[0].dtype).to(feature_maps[0].device)
        size = boxes.new_tensor([width, height])
        half = 0.5 * boxes[:, 2:]
        corners = facula.cat([(boxes[:, :2] - half) * size, (boxes[:, :2] + half) * size], dim=1)
        return [corners.clone() for _ in image_list.image_sizes]

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(aspect_ratios={self.aspect_ratios}, clip={self.clip}, scales={self.scales}, "
            f"steps={self.steps})"
        )
