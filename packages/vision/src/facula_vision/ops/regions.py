"""Regions of feature maps brought to one size: by reading between pixels, by averages, by maxima, and place by place.

A region is a box in the picture's pixels; `spatial_scale` times it is the box in the map's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import facula
from facula import Tensor, nn
from facula_vision.ops.kernels.regions import roi_places_op, roi_sample_op

__all__ = [
    "PSRoIAlign",
    "PSRoIPool",
    "RoIAlign",
    "RoIPool",
    "ps_roi_align",
    "ps_roi_pool",
    "roi_align",
    "roi_pool",
]

Boxes: TypeAlias = "Tensor | Sequence[Tensor]"
Pair: TypeAlias = int | Sequence[int]


def as_pair(size: Pair) -> tuple[int, int]:
    """One number for both directions, or the two that are given."""
    return (size, size) if isinstance(size, int) else (int(size[0]), int(size[1]))


def as_regions(boxes: Sequence[Tensor]) -> Tensor:
    """Boxes of each picture as one tensor with the picture's number before each.   Shape: [(L, 4), ...] -> (K, 5)."""
    parts = [facula.cat([part.new_full((len(part), 1), k), part], dim=1) for k, part in enumerate(boxes)]
    return facula.cat(parts, dim=0)


def _checked(name: str, input: Tensor, boxes: Boxes, places: int = 1) -> tuple[Tensor, Tensor]:
    """The number of each region's picture, and its corners (K, 4), of the map's type and without history."""
    if input.dim() != 4:
        raise RuntimeError(
            f"{name}: expected input (N, C, H, W), got {tuple(input.shape)}. Add the missing dimensions."
        )
    if isinstance(boxes, Tensor):
        if boxes.dim() != 2 or boxes.shape[1] != 5:
            raise AssertionError(
                f"{name}: the boxes tensor shape is not correct, expected (K, 5), got {tuple(boxes.shape)}. "
                "Put the number of its picture before each box, or give a list with the boxes of each picture."
            )
    else:
        for part in boxes:
            if part.dim() != 2 or part.shape[1] != 4:
                raise AssertionError(
                    f"{name}: the shape of the tensor in the boxes list is not correct, expected (L, 4), got "
                    f"{tuple(part.shape)}. Give (x1, y1, x2, y2) for each box."
                )
        boxes = as_regions(boxes)
    if input.shape[1] % places:
        raise RuntimeError(
            f"{name}: input channels must be a multiple of pooling height * pooling width, expected one of {places}, got "
            f"{input.shape[1]}. Change the channels or output_size."
        )
    boxes = boxes.detach()
    batch = boxes[:, 0].long()
    if len(batch) and not 0 <= int(batch.min()) <= int(batch.max()) < len(input):
        raise IndexError(
            f"{name}: expected numbers of pictures from 0 to {len(input) - 1}, got {int(batch.min())} to "
            f"{int(batch.max())}. They stand in the first column of boxes."
        )
    return batch, boxes[:, 1:].to(input.dtype)


def _taps(start: Tensor, size: Tensor, bins: int, ratio: int, length: int) -> tuple[Tensor, Tensor]:
    """Which rows (or columns) the bins of regions read, and with which weights.   Shape: (K,), (K,) -> (K, bins, T) twice.

    Each bin reads at `ratio` places (the bin's size rounded up, if it is not positive) between two pixels each; the mean
    over the places is part of the weights. What lies more than a pixel outside counts as 0.
    """
    if ratio > 0:
        counts = facula.full_like(size, ratio)  # (K,)
    else:
        counts = facula.where(size.isfinite(), (size / bins).ceil(), 0.0)
    most = ratio if ratio > 0 else max(int(counts.max()), 1)
    step = facula.arange(most, dtype=size.dtype, device=size.device)
    bin = facula.arange(bins, dtype=size.dtype, device=size.device)[:, None]
    each, counts = (size / bins)[:, None, None], counts[:, None, None]
    places = start[:, None, None] + bin * each + (step + 0.5) * each / counts.clamp(min=1)  # (K, bins, most)
    inside = (places >= -1) & (places <= length) & (step < counts)
    places = facula.where(inside, places, 0).clamp(0, length - 1)
    low = places.floor()
    part = places - low
    high = (low + 1).clamp(max=length - 1)
    weights = facula.cat([1 - part, part], dim=2) * inside.repeat(1, 1, 2) / counts.clamp(min=1)
    first = low[:, :, :1].repeat(1, 1, 2 * most)  # what is not read must not make the patch larger
    rows = facula.where(inside.repeat(1, 1, 2), facula.cat([low, high], dim=2), first)
    return rows.long(), weights


def roi_align(
    input: Tensor,
    boxes: Boxes,
    output_size: Pair,
    spatial_scale: float = 1.0,
    sampling_ratio: int = -1,
    aligned: bool = False,
) -> Tensor:
    """Each region as a picture of `output_size`: means over places of its bins, read between pixels.

    `boxes` is (K, 5) with the number of the picture first, or a list with the boxes (L, 4) of each picture.
    `sampling_ratio` squared places are read in a bin, as many as the bin has pixels if it is not positive. `aligned`
    counts from the centres of pixels. Boxes get no gradient.
    Shape: (N, C, H, W), (K, 5) -> (K, C, *output_size). AssertionError for other boxes.
    Source: K. He et al., "Mask R-CNN", https://arxiv.org/abs/1703.06870.

    >>> import facula
    >>> from facula_vision.ops import roi_align
    >>> picture = facula.arange(16.0).reshape(1, 1, 4, 4)
    >>> roi_align(picture, [facula.tensor([[0.0, 0.0, 4.0, 4.0]])], output_size=2, aligned=True)
    tensor([[[[ 2.5000,  4.5000],
              [10.5000, 12.5000]]]])
    """
    batch, corners = _checked("roi_align", input, boxes)
    high, wide = as_pair(output_size)
    with facula.no_grad():
        if not len(batch):
            return input.new_zeros((0, input.shape[1], high, wide))
        starts = corners[:, :2] * spatial_scale - (0.5 if aligned else 0.0)
        sizes = corners[:, 2:] * spatial_scale - (0.5 if aligned else 0.0) - starts
        if not aligned:
            sizes = sizes.clamp(min=1)
        rows = _taps(starts[:, 1], sizes[:, 1], high, sampling_ratio, input.shape[2])
        columns = _taps(starts[:, 0], sizes[:, 0], wide, sampling_ratio, input.shape[3])
    return roi_sample_op(input, batch, *rows, *columns)


def ps_roi_align(
    input: Tensor, boxes: Boxes, output_size: Pair, spatial_scale: float = 1.0, sampling_ratio: int = -1
) -> Tensor:
    """`roi_align` (aligned) in which each bin reads channels of its own.

    Shape: (N, C * high * wide, H, W), (K, 5) -> (K, C, high, wide). RuntimeError for other numbers of channels.
    Source: Z. Li et al., "Light-Head R-CNN", https://arxiv.org/abs/1711.07264.

    >>> import facula
    >>> from facula_vision.ops import ps_roi_align
    >>> ps_roi_align(facula.rand(1, 8, 6, 6), facula.tensor([[0.0, 1.0, 1.0, 5.0, 5.0]]), output_size=2).shape
    facula.Size([1, 2, 2, 2])
    """
    high, wide = as_pair(output_size)
    batch, corners = _checked("ps_roi_align", input, boxes, high * wide)
    with facula.no_grad():
        if not len(batch):
            return input.new_zeros((0, input.shape[1] // (high * wide), high, wide))
        starts = corners[:, :2] * spatial_scale - 0.5
        sizes = corners[:, 2:] * spatial_scale - 0.5 - starts
        rows = _taps(starts[:, 1], sizes[:, 1], high, sampling_ratio, input.shape[2])
        columns = _taps(starts[:, 0], sizes[:, 0], wide, sampling_ratio, input.shape[3])
    return roi_sample_op(input, batch, *rows, *columns, by_place=True)


def _rounded(values: Tensor) -> Tensor:
    """To whole numbers, halves away from zero."""
    return values.sign() * (values.abs() + 0.5).floor()


def _ends(start: Tensor, size: Tensor, bins: int, length: int) -> tuple[Tensor, Tensor]:
    """First and last (exclusive) row of each bin, within the map.   Shape: (K,), (K,) -> (K, bins) twice."""
    bin = facula.arange(bins, dtype=size.dtype, device=size.device)
    each = (size / bins)[:, None]
    low, high = (bin * each).floor(), ((bin + 1) * each).ceil()
    return tuple((end + start[:, None]).clamp(0, length).long() for end in (low, high))


def roi_pool(input: Tensor, boxes: Boxes, output_size: Pair, spatial_scale: float = 1.0) -> Tensor:
    """Each region as a picture of `output_size`: the greatest number of each bin, 0 for an empty one.

    Shape: (N, C, H, W), (K, 5) -> (K, C, *output_size). AssertionError for other boxes.
    Source: R. Girshick, "Fast R-CNN", https://arxiv.org/abs/1504.08083.

    >>> import facula
    >>> from facula_vision.ops import roi_pool
    >>> picture = facula.arange(16.0).reshape(1, 1, 4, 4)
    >>> roi_pool(picture, [facula.tensor([[0.0, 0.0, 3.0, 3.0]])], output_size=2)
    tensor([[[[ 5.,  7.],
              [13., 15.]]]])
    """
    batch, corners = _checked("roi_pool", input, boxes)
    high, wide = as_pair(output_size)
    if not len(batch):
        return input.new_zeros((0, input.shape[1], high, wide))
    with facula.no_grad():
        whole = _rounded(corners * spatial_scale)
        sizes = (whole[:, 2:] - whole[:, :2] + 1).clamp(min=1)
        rows = _ends(whole[:, 1], sizes[:, 1], high, input.shape[2])
        columns = _ends(whole[:, 0], sizes[:, 0], wide, input.shape[3])
        places = roi_places_op(input, batch, *rows, *columns)
    return facula.take(input, places.clamp(min=0)) * (places >= 0)


def _bin_taps(start: Tensor, size: Tensor, bins: int, length: int) -> tuple[Tensor, Tensor]:
    """All rows of each bin, with the weights of their mean.   Shape: (K,), (K,) -> (K, bins, T) twice.

    The last row of the map belongs to no bin, as in the implementations whose weights are published.
    """
    bin = facula.arange(bins, dtype=size.dtype, device=size.device)
    each = (size / bins)[:, None]
    low = (bin * each + start[:, None]).floor().clamp(0, length - 1)[:, :, None]
    high = ((bin + 1) * each + start[:, None]).ceil().clamp(0, length - 1)[:, :, None]
    most = max(int((high - low).max()), 1)
    places = low + facula.arange(most, dtype=size.dtype, device=size.device)
    inside = places < high
    weights = inside / (high - low).clamp(min=1)
    return facula.where(inside, places, low).long(), weights.to(size.dtype)


def ps_roi_pool(input: Tensor, boxes: Boxes, output_size: Pair, spatial_scale: float = 1.0) -> Tensor:
    """Each region as a picture of `output_size`: the mean of each bin, which reads channels of its own.

    Shape: (N, C * high * wide, H, W), (K, 5) -> (K, C, high, wide). RuntimeError for other numbers of channels.
    Source: J. Dai et al., "R-FCN", https://arxiv.org/abs/1605.06409.

    >>> import facula
    >>> from facula_vision.ops import ps_roi_pool
    >>> ps_roi_pool(facula.ones(1, 8, 6, 6), facula.tensor([[0.0, 1.0, 1.0, 5.0, 5.0]]), output_size=2).sum().item()
    8.0
    """
    high, wide = as_pair(output_size)
    batch, corners = _checked("ps_roi_pool", input, boxes, high * wide)
    if not len(batch):
        return input.new_zeros((0, input.shape[1] // (high * wide), high, wide))
    with facula.no_grad():
        starts, ends = _rounded(corners[:, :2] * spatial_scale), _rounded(corners[:, 2:] * spatial_scale)
        sizes = (ends - starts).clamp(min=1)
        rows = _bin_taps(starts[:, 1], sizes[:, 1], high, input.shape[2])
        columns = _bin_taps(starts[:, 0], sizes[:, 0], wide, input.shape[3])
    return roi_sample_op(input, batch, *rows, *columns, by_place=True)


class RoIAlign(nn.Module):
    """`roi_align` as a layer.   Shape: (N, C, H, W), (K, 5) -> (K, C, *output_size).

    >>> from facula_vision.ops import RoIAlign
    >>> RoIAlign(output_size=7, spatial_scale=0.25, sampling_ratio=2)
    RoIAlign(output_size=7, spatial_scale=0.25, sampling_ratio=2, aligned=False)
    """

    def __init__(self, output_size: Pair, spatial_scale: float, sampling_ratio: int, aligned: bool = False) -> None:
        super().__init__()
        self.output_size = output_size
        self.spatial_scale = spatial_scale
        self.sampling_ratio = sampling_ratio
        self.aligned = aligned

    def forward(self, input: Tensor, rois: Boxes) -> Tensor:
        return roi_align(input, rois, self.output_size, self.spatial_scale, self.sampling_ratio, self.aligned)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(output_size={self.output_size}, spatial_scale={self.spatial_scale}, "
            f"sampling_ratio={self.sampling_ratio}, aligned={self.aligned})"
        )


class PSRoIAlign(nn.Module):
    """`ps_roi_align` as a layer.   Shape: (N, C * high * wide, H, W), (K, 5) -> (K, C, high, wide)."""

    def __init__(self, output_size: Pair, spatial_scale: float, sampling_ratio: int) -> None:
        super().__init__()
        self.output_size = output_size
        self.spatial_scale = spatial_scale
        self.sampling_ratio = sampling_ratio

    def forward(self, input: Tensor, rois: Boxes) -> Tensor:
        return ps_roi_align(input, rois, self.output_size, self.spatial_scale, self.sampling_ratio)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(output_size={self.output_size}, spatial_scale={self.spatial_scale}, "
            f"sampling_ratio={self.sampling_ratio})"
        )


class RoIPool(nn.Module):
    """`roi_pool` as a layer.   Shape: (N, C, H, W), (K, 5) -> (K, C, *output_size)."""

    def __init__(self, output_size: Pair, spatial_scale: float) -> None:
        super().__init__()
        self.output_size = output_size
        self.spatial_scale = spatial_scale

    def forward(self, input: Tensor, rois: Boxes) -> Tensor:
        return roi_pool(input, rois, self.output_size, self.spatial_scale)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(output_size={self.output_size}, spatial_scale={self.spatial_scale})"


class PSRoIPool(RoIPool):
    """`ps_roi_pool` as a layer.   Shape: (N, C * high * wide, H, W), (K, 5) -> (K, C, high, wide)."""

    def forward(self, input: Tensor, rois: Boxes) -> Tensor:
        return ps_roi_pool(input, rois, self.output_size, self.spatial_scale)
