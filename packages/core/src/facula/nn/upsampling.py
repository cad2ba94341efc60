"""Resizing layers."""

from __future__ import annotations

from typing import Any

from facula.nn import functional as F
from facula.nn.module import Module
from facula.tensors.tensor import Tensor


class Upsample(Module):
    """Resize to `size`, or by `scale_factor`, by the nearest number or by (bi-, tri-)linear or bicubic interpolation.

    Shape: (N, C, W), (N, C, H, W) or (N, C, D, H, W) -> the same with the new sizes.

    `mode` is "nearest", "nearest-exact", "linear", "bilinear", "bicubic", "trilinear" or "area"; `align_corners` puts the outermost
    places of input and output onto each other.

    >>> import facula
    >>> facula.nn.Upsample(scale_factor=2)(facula.tensor([[[1.0, 2.0]]]))
    tensor([[[1., 1., 2., 2.]]])
    """

    def __init__(
        self,
        size: int | tuple[int, ...] | None = None,
        scale_factor: float | tuple[float, ...] | None = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        super().__init__()
        self.name = type(self).__name__
        self.size = size
        many = isinstance(scale_factor, (tuple, list))
        self.scale_factor: Any = (
            tuple(float(f) for f in scale_factor)  # type: ignore[union-attr]
            if many
            else float(scale_factor)  # type: ignore[arg-type]
            if scale_factor
            else None
        )
        self.mode = mode
        self.align_corners = align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.interpolate(
            input, self.size, self.scale_factor, self.mode, self.align_corners,
            recompute_scale_factor=self.recompute_scale_factor,
        )  # fmt: skip

    def extra_repr(self) -> str:
        target = f"size={self.size}" if self.scale_factor is None else f"scale_factor={self.scale_factor}"
        return f"{target}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """Upsample images by the nearest number.

    Shape: (N, C, H, W) -> (N, C, H_out, W_out).

    >>> import facula
    >>> facula.nn.UpsamplingNearest2d(scale_factor=2)(facula.ones(1, 1, 2, 2)).shape
    facula.Size([1, 1, 4, 4])
    """

    def __init__(
        self,
        size: int | tuple[int, ...] | None = None,
        scale_factor: float | tuple[float, ...] | None = None,
    ) -> None:
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    """Upsample images by bilinear interpolation with aligned corners.

    Shape: (N, C, H, W) -> (N, C, H_out, W_out).

    >>> import facula
    >>> facula.nn.UpsamplingBilinear2d(scale_factor=2)(facula.ones(1, 1, 2, 2)).shape
    facula.Size([1, 1, 4, 4])
    """

    def __init__(
        self,
        size: int | tuple[int, ...] | None = None,
        scale_factor: float | tuple[float, ...] | None = None,
    ) -> None:
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)
