"""Padding layers: constant, zero, reflection, replication and circular, over one to three dimensions."""

from __future__ import annotations

from typing import ClassVar

from facula.nn import functional as F
from facula.nn.module import Module
from facula.nn.sizes import ntuple
from facula.tensors.tensor import Tensor


class _Pad(Module):
    """Add numbers before and after the last `spatial` dimensions; `padding` is one int, or (left, right, top, ...)."""

    spatial: ClassVar[int]
    mode: ClassVar[str]

    def __init__(self, padding: int | tuple[int, ...]) -> None:
        super().__init__()
        self.padding = ntuple(padding, 2 * self.spatial)

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, self.mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ConstantPad(_Pad):
    """Padding with one value."""

    mode = "constant"

    def __init__(self, padding: int | tuple[int, ...], value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class _ZeroPad(_ConstantPad):
    """Padding with zeros."""

    def __init__(self, padding: int | tuple[int, ...]) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _CircularPad(_Pad):
    """Padding with the opposite end."""

    mode = "circular"


class _ReflectionPad(_Pad):
    """Padding with the numbers mirrored at the border, which itself is not repeated."""

    mode = "reflect"


class _ReplicationPad(_Pad):
    """Padding with the border's number."""

    mode = "replicate"


class ConstantPad1d(_ConstantPad):
    """Pad a sequence with `value` around it.

    Shape: (*, W) -> (*, left + W + right).

    `padding` is one number, or (left, right).

    >>> import facula
    >>> facula.nn.ConstantPad1d(1, 7.0)(facula.tensor([[[1.0, 2.0, 3.0]]]))
    tensor([[[7., 1., 2., 3., 7.]]])
    """

    spatial = 1


class ConstantPad2d(_ConstantPad):
    """Pad an image with `value` around it.

    Shape: (*, H, W) -> (*, top + H + bottom, left + W + right).

    `padding` is one number, or (left, right, top, bottom).

    >>> import facula
    >>> facula.nn.ConstantPad2d(1, 7.0)(facula.ones(1, 1, 3, 3)).shape
    facula.Size([1, 1, 5, 5])
    """

    spatial = 2


class ConstantPad3d(_ConstantPad):
    """Pad a volume with `value` around it.

    Shape: (*, D, H, W) -> (*, front + D + back, top + H + bottom, left + W + right).

    `padding` is one number, or (left, right, top, bottom, front, back).

    >>> import facula
    >>> facula.nn.ConstantPad3d(1, 7.0)(facula.ones(1, 1, 3, 3, 3)).shape
    facula.Size([1, 1, 5, 5, 5])
    """

    spatial = 3


class ZeroPad1d(_ZeroPad):
    """Pad a sequence with zeros around it.

    Shape: (*, W) -> (*, left + W + right).

    `padding` is one number, or (left, right).

    >>> import facula
    >>> facula.nn.ZeroPad1d(1)(facula.tensor([[[1.0, 2.0, 3.0]]]))
    tensor([[[0., 1., 2., 3., 0.]]])
    """

    spatial = 1


class ZeroPad2d(_ZeroPad):
    """Pad an image with zeros around it.

    Shape: (*, H, W) -> (*, top + H + bottom, left + W + right).

    `padding` is one number, or (left, right, top, bottom).

    >>> import facula
    >>> facula.nn.ZeroPad2d(1)(facula.ones(1, 1, 3, 3)).shape
    facula.Size([1, 1, 5, 5])
    """

    spatial = 2


class ZeroPad3d(_ZeroPad):
    """Pad a volume with zeros around it.

    Shape: (*, D, H, W) -> (*, front + D + back, top + H + bottom, left + W + right).

    `padding` is one number, or (left, right, top, bottom, front, back).

    >>> import facula
    >>> facula.nn.ZeroPad3d(1)(facula.ones(1, 1, 3, 3, 3)).shape
    facula.Size([1, 1, 5, 5, 5])
    """

    spatial = 3


class CircularPad1d(_CircularPad):
    """Pad a sequence around with the numbers of its opposite end.

    Shape: (N, C, W) or (C, W) -> (N, C, left + W + right).

    `padding` is one number, or (left, right).

    >>> import facula
    >>> facula.nn.CircularPad1d(1)(facula.tensor([[[1.0, 2.0, 3.0]]]))
    tensor([[[3., 1., 2., 3., 1.]]])
    """

    spatial = 1


class CircularPad2d(_CircularPad):
    """Pad an image around with the numbers of its opposite end.

    Shape: (N, C, H, W) or (C, H, W) -> (N, C, top + H + bottom, left + W + right).

    `padding` is one number, or (left, right, top, bottom).

    >>> import facula
    >>> facula.nn.CircularPad2d(1)(facula.ones(1, 1, 3, 3)).shape
    facula.Size([1, 1, 5, 5])
    """

    spatial = 2


class CircularPad3d(_CircularPad):
    """Pad a volume around with the numbers of its opposite end.

    Shape: (N, C, D, H, W) or (C, D, H, W) -> (N, C, front + D + back, top + H + bottom, left + W + right).

    `padding` is one number, or (left, right, top, bottom, front, back).

    >>> import facula
    >>> facula.nn.CircularPad3d(1)(facula.ones(1, 1, 3, 3, 3)).shape
    facula.Size([1, 1, 5, 5, 5])
    """

    spatial = 3


class ReflectionPad1d(_ReflectionPad):
    """Pad a sequence around with its mirror image.

    Shape: (N, C, W) or (C, W) -> (N, C, left + W + right).

    `padding` is one number, or (left, right).

    >>> import facula
    >>> facula.nn.ReflectionPad1d(1)(facula.tensor([[[1.0, 2.0, 3.0]]]))
    tensor([[[2., 1., 2., 3., 2.]]])
    """

    spatial = 1


class ReflectionPad2d(_ReflectionPad):
    """Pad an image around with its mirror image.

    Shape: (N, C, H, W) or (C, H, W) -> (N, C, top + H + bottom, left + W + right).

    `padding` is one number, or (left, right, top, bottom).

    >>> import facula
    >>> facula.nn.ReflectionPad2d(1)(facula.ones(1, 1, 3, 3)).shape
    facula.Size([1, 1, 5, 5])
    """

    spatial = 2


class ReflectionPad3d(_ReflectionPad):
    """Pad a volume around with its mirror image.

    Shape: (N, C, D, H, W) or (C, D, H, W) -> (N, C, front + D + back, top + H + bottom, left + W + right).

    `padding` is one number, or (left, right, top, bottom, front, back).

    >>> import facula
    >>> facula.nn.ReflectionPad3d(1)(facula.ones(1, 1, 3, 3, 3)).shape
    facula.Size([1, 1, 5, 5, 5])
    """

    spatial = 3


class ReplicationPad1d(_ReplicationPad):
    """Pad a sequence around with its border.

    Shape: (N, C, W) or (C, W) -> (N, C, left + W + right).

    `padding` is one number, or (left, right).

    >>> import facula
    >>> facula.nn.ReplicationPad1d(1)(facula.tensor([[[1.0, 2.0, 3.0]]]))
    tensor([[[1., 1., 2., 3., 3.]]])
    """

    spatial = 1


class ReplicationPad2d(_ReplicationPad):
    """Pad an image around with its border.

    Shape: (N, C, H, W) or (C, H, W) -> (N, C, top + H + bottom, left + W + right).

    `padding` is one number, or (left, right, top, bottom).

    >>> import facula
    >>> facula.nn.ReplicationPad2d(1)(facula.ones(1, 1, 3, 3)).shape
    facula.Size([1, 1, 5, 5])
    """

    spatial = 2


class ReplicationPad3d(_ReplicationPad):
    """Pad a volume around with its border.

    Shape: (N, C, D, H, W) or (C, D, H, W) -> (N, C, front + D + back, top + H + bottom, left + W + right).

    `padding` is one number, or (left, right, top, bottom, front, back).

    >>> import facula
    >>> facula.nn.ReplicationPad3d(1)(facula.ones(1, 1, 3, 3, 3)).shape
    facula.Size([1, 1, 5, 5, 5])
    """

    spatial = 3
