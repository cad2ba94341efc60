"""Layers that only move numbers: flatten, unfold, pixel shuffles."""

from __future__ import annotations

from typing import Any

from facula.errors import type_error
from facula.nn import functional as F
from facula.nn.module import Module
from facula.tensors.tensor import Size, Tensor

Sizes = int | tuple[int, ...]


class Flatten(Module):
    """Join the dimensions start_dim to end_dim into one.

    Shape: (*, S_start, ..., S_end, *) -> (*, product, *).

    >>> import facula
    >>> facula.nn.Flatten()(facula.ones(32, 1, 5, 5)).shape
    facula.Size([32, 25])
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input: Tensor) -> Tensor:
        return input.flatten(self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Split dimension `dim` into `unflattened_size`, of which one may be -1.

    Shape: (*, S_dim, *) -> (*, *unflattened_size, *).

    >>> import facula
    >>> facula.nn.Unflatten(1, (2, 5, 5))(facula.ones(2, 50)).shape
    facula.Size([2, 2, 5, 5])
    """

    def __init__(self, dim: int, unflattened_size: Any) -> None:
        super().__init__()
        if isinstance(dim, str):
            raise type_error("Unflatten: expected an int as dim, got a name. Named dimensions are not supported.")
        if not isinstance(unflattened_size, (tuple, list, Size)) or not all(
            isinstance(size, int) for size in unflattened_size
        ):
            raise type_error(
                f"Unflatten: unflattened_size must be tuple of ints, got {unflattened_size!r}. Pass e.g. (2, 5, 5)."
            )
        self.dim = dim
        self.unflattened_size = unflattened_size

    def forward(self, input: Tensor) -> Tensor:
        return input.unflatten(self.dim, tuple(self.unflattened_size))

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"


class Fold(Module):
    """Add sliding blocks into one image: the adjoint of Unfold.

    Shape: (N, C * product(kernel_size), L) or without N -> (N, C, *output_size).

    `stride` is the distance between blocks, `dilation` that between the places of one block; L is the number of blocks.

    >>> import facula
    >>> facula.nn.Fold((4, 5), (2, 3))(facula.ones(1, 3 * 2 * 3, 9)).shape
    facula.Size([1, 3, 4, 5])
    """

    def __init__(
        self, output_size: Sizes, kernel_size: Sizes, dilation: Sizes = 1, padding: Sizes = 0, stride: Sizes = 1
    ) -> None:
        super().__init__()
        self.output_size = output_size
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input: Tensor) -> Tensor:
        return F.fold(input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return (
            f"output_size={self.output_size}, kernel_size={self.kernel_size}, dilation={self.dilation}, "
            f"padding={self.padding}, stride={self.stride}"
        )


class Unfold(Module):
    """Take the sliding blocks out of an image, one column each.

    Shape: (N, C, *) -> (N, C * product(kernel_size), L).

    `stride` is the distance between blocks, `dilation` that between the places of one block; L is the number of blocks.

    >>> import facula
    >>> facula.nn.Unfold((2, 3))(facula.ones(2, 5, 3, 4)).shape
    facula.Size([2, 30, 4])
    """

    def __init__(self, kernel_size: Sizes, dilation: Sizes = 1, padding: Sizes = 0, stride: Sizes = 1) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input: Tensor) -> Tensor:
        return F.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, stride={self.stride}"


class PixelShuffle(Module):
    """Move channels into space: r * r channels become an r by r block (Shi et al., 2016).

    Shape: (*, C * r * r, H, W) -> (*, C, H * r, W * r).

    >>> import facula
    >>> facula.nn.PixelShuffle(3)(facula.ones(1, 9, 4, 4)).shape
    facula.Size([1, 1, 12, 12])
    """

    def __init__(self, upscale_factor: int) -> None:
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.pixel_shuffle(input, self.upscale_factor)

    def extra_repr(self) -> str:
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """Move space into channels: the inverse of PixelShuffle.

    Shape: (*, C, H * r, W * r) -> (*, C * r * r, H, W).

    >>> import facula
    >>> facula.nn.PixelUnshuffle(3)(facula.ones(1, 1, 12, 12)).shape
    facula.Size([1, 9, 4, 4])
    """

    def __init__(self, downscale_factor: int) -> None:
        super().__init__()
        self.downscale_factor = downscale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.pixel_unshuffle(input, self.downscale_factor)

    def extra_repr(self) -> str:
        return f"downscale_factor={self.downscale_factor}"


class ChannelShuffle(Module):
    """Deal the channels of each group out to all groups (Zhang et al., 2017).

    Shape: (N, C, *) -> same shape.

    >>> import facula
    >>> facula.nn.ChannelShuffle(2)(facula.arange(4.0).reshape(1, 4, 1, 1)).flatten()
    tensor([0., 2., 1., 3.])
    """

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, input: Tensor) -> Tensor:
        return F.channel_shuffle(input, self.groups)

    def extra_repr(self) -> str:
        return f"groups={self.groups}"
