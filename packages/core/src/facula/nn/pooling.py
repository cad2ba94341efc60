"""Max and average pooling, their inverse, and pooling by norm (others: adaptive_pooling)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from facula.nn import functional as F
from facula.nn.module import Module
from facula.nn.sizes import _pair, _single, _triple
from facula.tensors.tensor import Tensor

Sizes = int | tuple[int, ...]


class _MaxPoolNd(Module):
    """The settings of max pooling; `stride` is the kernel's size by default."""

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        dilation: Sizes = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPoolNd):
    """The largest number of each window; with `return_indices` also where it stood.

    Shape: (N, C, L) or (C, L) -> (N, C, L_out), L_out = floor((L + 2 padding - dilation (k - 1) - 1) / stride + 1).

    `stride` is `kernel_size` if not given; the padding counts as minus infinity; `ceil_mode` rounds the output's size up, so that
    windows may reach over the end.

    >>> import facula
    >>> facula.nn.MaxPool1d(2)(facula.tensor([[[1.0, 3.0, 2.0, 0.0]]]))
    tensor([[[3., 2.]]])
    """

    def forward(self, input: Tensor) -> Any:
        return F.max_pool1d(
            input, self.kernel_size, self.stride, self.padding, self.dilation,
            ceil_mode=self.ceil_mode, return_indices=self.return_indices,
        )  # fmt: skip


class MaxPool2d(_MaxPoolNd):
    """The largest number of each window of an image; with `return_indices` also where it stood.

    Shape: (N, C, H, W) or (C, H, W) -> (N, C, H_out, W_out).

    `stride` is `kernel_size` if not given; the padding counts as minus infinity; `ceil_mode` rounds the output's size up, so that
    windows may reach over the end.

    >>> import facula
    >>> facula.nn.MaxPool2d(2)(facula.arange(16.0).reshape(1, 1, 4, 4))
    tensor([[[[ 5.,  7.],
              [13., 15.]]]])
    """

    def forward(self, input: Tensor) -> Any:
        return F.max_pool2d(
            input, self.kernel_size, self.stride, self.padding, self.dilation,
            ceil_mode=self.ceil_mode, return_indices=self.return_indices,
        )  # fmt: skip


class MaxPool3d(_MaxPoolNd):
    """The largest number of each window of a volume; with `return_indices` also where it stood.

    Shape: (N, C, D, H, W) or (C, D, H, W) -> (N, C, D_out, H_out, W_out).

    `stride` is `kernel_size` if not given; the padding counts as minus infinity; `ceil_mode` rounds the output's size up, so that
    windows may reach over the end.

    >>> import facula
    >>> facula.nn.MaxPool3d(2)(facula.ones(1, 1, 4, 4, 4)).shape
    facula.Size([1, 1, 2, 2, 2])
    """

    def forward(self, input: Tensor) -> Any:
        return F.max_pool3d(
            input, self.kernel_size, self.stride, self.padding, self.dilation,
            ceil_mode=self.ceil_mode, return_indices=self.return_indices,
        )  # fmt: skip


class _MaxUnpoolNd(Module):
    kernel_size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpoolNd):
    """Put the results of MaxPool1d back where they stood; zeros elsewhere.

    Shape: (N, C, L) and its indices -> (N, C, L_out), L_out = (L - 1) stride - 2 padding + kernel_size.

    >>> import facula
    >>> pool = facula.nn.MaxPool1d(2, return_indices=True)
    >>> facula.nn.MaxUnpool1d(2)(*pool(facula.tensor([[[1.0, 3.0, 2.0, 0.0]]])))
    tensor([[[0., 3., 2., 0.]]])
    """

    def __init__(self, kernel_size: Sizes, stride: Sizes | None = None, padding: Sizes = 0) -> None:
        super().__init__()
        self.kernel_size = _single(kernel_size)
        self.stride = _single(kernel_size if stride is None else stride)
        self.padding = _single(padding)

    def forward(self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        return F.max_unpool1d(input, indices, self.kernel_size, self.stride, self.padding, output_size)


class MaxUnpool2d(_MaxUnpoolNd):
    """Put the results of MaxPool2d back where they stood; zeros elsewhere.

    Shape: (N, C, H, W) and its indices -> (N, C, H_out, W_out).

    >>> import facula
    >>> pool = facula.nn.MaxPool2d(2, return_indices=True)
    >>> facula.nn.MaxUnpool2d(2)(*pool(facula.ones(1, 1, 4, 4))).sum()
    tensor(4.)
    """

    def __init__(self, kernel_size: Sizes, stride: Sizes | None = None, padding: Sizes = 0) -> None:
        super().__init__()
        self.kernel_size = _pair(kernel_size)
        self.stride = _pair(kernel_size if stride is None else stride)
        self.padding = _pair(padding)

    def forward(self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        return F.max_unpool2d(input, indices, self.kernel_size, self.stride, self.padding, output_size)


class MaxUnpool3d(_MaxUnpoolNd):
    """Put the results of MaxPool3d back where they stood; zeros elsewhere.

    Shape: (N, C, D, H, W) and its indices -> (N, C, D_out, H_out, W_out).

    >>> import facula
    >>> pool = facula.nn.MaxPool3d(2, return_indices=True)
    >>> facula.nn.MaxUnpool3d(2)(*pool(facula.ones(1, 1, 2, 2, 2))).sum()
    tensor(1.)
    """

    def __init__(self, kernel_size: Sizes, stride: Sizes | None = None, padding: Sizes = 0) -> None:
        super().__init__()
        self.kernel_size = _triple(kernel_size)
        self.stride = _triple(kernel_size if stride is None else stride)
        self.padding = _triple(padding)

    def forward(self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        return F.max_unpool3d(input, indices, self.kernel_size, self.stride, self.padding, output_size)


class _AvgPoolNd(Module):
    kernel_size: Any
    stride: Any
    padding: Any

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool1d(_AvgPoolNd):
    """The mean of each window.

    Shape: (N, C, L) or (C, L) -> (N, C, L_out), L_out = floor((L + 2 padding - kernel_size) / stride + 1).

    `stride` is `kernel_size` if not given; `ceil_mode` rounds the output's size up, so that windows may reach over the end;
    `count_include_pad` divides by the padding's zeros, too.

    >>> import facula
    >>> facula.nn.AvgPool1d(2)(facula.tensor([[[1.0, 3.0, 2.0, 0.0]]]))
    tensor([[[2., 1.]]])
    """

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        self.kernel_size = _single(kernel_size)
        self.stride = _single(kernel_size if stride is None else stride)
        self.padding = _single(padding)
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def forward(self, input: Tensor) -> Tensor:
        return F.avg_pool1d(input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)


class _AvgPoolDivided(_AvgPoolNd):
    """Average pooling of images and volumes, whose divisor may be set."""

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override


class AvgPool2d(_AvgPoolDivided):
    """The mean of each window of an image.

    Shape: (N, C, H, W) or (C, H, W) -> (N, C, H_out, W_out).

    `stride` is `kernel_size` if not given; `ceil_mode` rounds the output's size up, so that windows may reach over the end;
    `count_include_pad` divides by the padding's zeros, too.

    >>> import facula
    >>> facula.nn.AvgPool2d(2)(facula.arange(16.0).reshape(1, 1, 4, 4))
    tensor([[[[ 2.5000,  4.5000],
              [10.5000, 12.5000]]]])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.avg_pool2d(
            input, self.kernel_size, self.stride, self.padding,
            self.ceil_mode, self.count_include_pad, self.divisor_override,
        )  # fmt: skip


class AvgPool3d(_AvgPoolDivided):
    """The mean of each window of a volume.

    Shape: (N, C, D, H, W) or (C, D, H, W) -> (N, C, D_out, H_out, W_out).

    `stride` is `kernel_size` if not given; `ceil_mode` rounds the output's size up, so that windows may reach over the end;
    `count_include_pad` divides by the padding's zeros, too.

    >>> import facula
    >>> facula.nn.AvgPool3d(2)(facula.ones(1, 1, 4, 4, 4)).shape
    facula.Size([1, 1, 2, 2, 2])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.avg_pool3d(
            input, self.kernel_size, self.stride, self.padding,
            self.ceil_mode, self.count_include_pad, self.divisor_override,
        )  # fmt: skip


class _LPPoolNd(Module):
    def __init__(
        self, norm_type: float, kernel_size: Sizes, stride: Sizes | None = None, ceil_mode: bool = False
    ) -> None:
        super().__init__()
        self.norm_type = norm_type
        self.kernel_size = kernel_size
        self.stride = stride
        self.ceil_mode = ceil_mode

    def extra_repr(self) -> str:
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"ceil_mode={self.ceil_mode}"
        )


class LPPool1d(_LPPoolNd):
    """(sum of x^p over each window)^(1/p).

    Shape: (N, C, L) or (C, L) -> (N, C, L_out).

    p is `norm_type`; `stride` is `kernel_size` if not given; `ceil_mode` rounds the output's size up.

    >>> import facula
    >>> facula.nn.LPPool1d(2, 2)(facula.tensor([[[3.0, 4.0]]]))
    tensor([[[5.]]])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.lp_pool1d(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)


class LPPool2d(_LPPoolNd):
    """(sum of x^p over each window of an image)^(1/p).

    Shape: (N, C, H, W) or (C, H, W) -> (N, C, H_out, W_out).

    p is `norm_type`; `stride` is `kernel_size` if not given; `ceil_mode` rounds the output's size up.

    >>> import facula
    >>> facula.nn.LPPool2d(2, 2)(facula.ones(1, 1, 2, 2))
    tensor([[[[2.]]]])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.lp_pool2d(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)


class LPPool3d(_LPPoolNd):
    """(sum of x^p over each window of a volume)^(1/p).

    Shape: (N, C, D, H, W) or (C, D, H, W) -> (N, C, D_out, H_out, W_out).

    p is `norm_type`; `stride` is `kernel_size` if not given; `ceil_mode` rounds the output's size up.

    >>> import facula
    >>> facula.nn.LPPool3d(1, 2)(facula.ones(1, 1, 2, 2, 2))
    tensor([[[[[8.]]]]])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.lp_pool3d(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)
