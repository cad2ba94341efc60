"""Boxes as numbers that a network can learn: moves and sizes relative to boxes that are known."""

from __future__ import annotations

import math

import facula
from facula import Tensor

__all__ = ["BoxCoder", "BoxLinearCoder"]


def _centres(boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Centres and sides.   Shape: (..., 4) -> (..., 2) twice."""
    sides = boxes[..., 2:] - boxes[..., :2]
    return boxes[..., :2] + 0.5 * sides, sides


class BoxCoder:
    """The move of the centre over the side, and the logarithm of the ratio of sides, each times a weight.

    Source: R. Girshick et al., "Rich feature hierarchies for accurate object detection", https://arxiv.org/abs/1311.2524.

    >>> import facula
    >>> coder = BoxCoder((1.0, 1.0, 1.0, 1.0))
    >>> known, wanted = facula.tensor([[0.0, 0.0, 4.0, 2.0]]), facula.tensor([[1.0, 0.0, 5.0, 4.0]])
    >>> coder.encode_single(wanted, known)
    tensor([[0.2500, 0.5000, 0.0000, 0.6931]])
    >>> coder.decode_single(coder.encode_single(wanted, known), known)
    tensor([[1., 0., 5., 4.]])
    """

    def __init__(
        self, weights: tuple[float, float, float, float], bbox_xform_clip: float = math.log(1000.0 / 16)
    ) -> None:
        self.weights = weights
        self.bbox_xform_clip = bbox_xform_clip  # no side grows by more than this, as a power of e

    def encode(self, reference_boxes: list[Tensor], proposals: list[Tensor]) -> list[Tensor]:
        """What leads from the proposals of each picture to its reference boxes."""
        counts = [len(boxes) for boxes in reference_boxes]
        return list(self.encode_single(facula.cat(reference_boxes), facula.cat(proposals)).split(counts))

    def encode_single(self, reference_boxes: Tensor, proposals: Tensor) -> Tensor:
        """The same for one picture.   Shape: (N, 4), (N, 4) -> (N, 4)."""
        weights = facula.tensor(self.weights, dtype=reference_boxes.dtype, device=reference_boxes.device)
        (centres, sides), (from_centres, from_sides) = _centres(reference_boxes), _centres(proposals)
        moves = weights[:2] * (centres - from_centres) / from_sides
        return facula.cat([moves, weights[2:] * (sides / from_sides).log()], dim=1)

    def decode(self, rel_codes: Tensor, boxes: list[Tensor]) -> Tensor:
        """Boxes again, for all pictures together.   Shape: (N, 4 C), N boxes in all -> (N, C, 4)."""
        found = self.decode_single(rel_codes, facula.cat(boxes))
        return found.reshape(len(found), rel_codes.shape[1] // 4, 4)

    def decode_single(self, rel_codes: Tensor, boxes: Tensor) -> Tensor:
        """Boxes again.   Shape: (N, 4 C), (N, 4) -> (N, 4 C)."""
        boxes = boxes.to(rel_codes.dtype)
        weights = facula.tensor(self.weights, dtype=rel_codes.dtype, device=rel_codes.device)
        centres, sides = (part[:, None] for part in _centres(boxes))
        codes = rel_codes.reshape(len(boxes), rel_codes.shape[1] // 4, 4) / weights
        centres = codes[..., :2] * sides + centres
        half = 0.5 * codes[..., 2:].clamp(max=self.bbox_xform_clip).exp() * sides
        return facula.cat([centres - half, centres + half], dim=-1).flatten(1)


class BoxLinearCoder:
    """The distances from a known box's centre to the four sides, over its own sides if `normalize_by_size`.

    Source: Z. Tian et al., "FCOS", https://arxiv.org/abs/1904.01355.
    """

    def __init__(self, normalize_by_size: bool = True) -> None:
        self.normalize_by_size = normalize_by_size

    def encode(self, reference_boxes: Tensor, proposals: Tensor) -> Tensor:
        """Distances to the sides of `proposals`, the boxes that are wanted.   Shape: (..., 4), (..., 4) -> (..., 4)."""
        middle = 0.5 * (reference_boxes[..., :2] + reference_boxes[..., 2:])
        found = facula.cat([middle - proposals[..., :2], proposals[..., 2:] - middle], dim=-1)
        return found / self._sides(reference_boxes) if self.normalize_by_size else found

    def decode(self, rel_codes: Tensor, boxes: Tensor) -> Tensor:
        """Boxes again.   Shape: (..., 4), (..., 4) -> (..., 4)."""
        boxes = boxes.to(rel_codes.dtype)
        middle = 0.5 * (boxes[..., :2] + boxes[..., 2:])
        codes = rel_codes * self._sides(boxes) if self.normalize_by_size else rel_codes
        return facula.cat([middle - codes[..., :2], middle + codes[..., 2:]], dim=-1)

    def _sides(self, boxes: Tensor) -> Tensor:
        sides = boxes[..., 2:] - boxes[..., :2]
        return facula.cat([sides, sides], dim=-1)
