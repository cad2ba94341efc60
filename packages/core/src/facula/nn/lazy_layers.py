"""Lazy convolutions and normalisations: the channel count comes from the first input."""

from __future__ import annotations

from typing import Any

from facula.errors import runtime_error, value_error
from facula.nn.batchnorm import (
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    InstanceNorm1d,
    InstanceNorm2d,
    InstanceNorm3d,
)
from facula.nn.conv import (
    Conv1d,
    Conv2d,
    Conv3d,
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
    Sizes,
)
from facula.nn.lazy import LazyModuleMixin
from facula.nn.uninitialized import UninitializedBuffer, UninitializedParameter
from facula.tensors.tensor import Tensor


class _LazyConvXd(LazyModuleMixin):
    """A convolution that learns `in_channels`."""

    weight: Any

    def _become_lazy(self, out_channels: int, bias: bool, device: Any, dtype: Any) -> None:
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        self.out_channels = out_channels
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def reset_parameters(self) -> None:
        """Draw new weights, once there are any."""
        if not self.has_uninitialized_params() and self.in_channels != 0:
            super().reset_parameters()  # type: ignore[misc]  # of the layer that this becomes

    def initialize_parameters(self, input: Tensor, *args: Any, **kwargs: Any) -> None:
        """Take `in_channels` from the first input."""
        if not self.has_uninitialized_params():
            return
        n = self.spatial
        if input.ndim not in (n + 1, n + 2):
            raise runtime_error(
                f"{type(self).__name__}: expected {n + 1}D (unbatched) or {n + 2}D (batched) input, "
                f"got {input.ndim}D of shape {tuple(input.shape)}. Reshape it first."
            )
        self.in_channels = input.shape[-n - 1]
        if self.in_channels % self.groups:
            raise value_error(
                f"{type(self).__name__}: in_channels must be divisible by groups, got {self.in_channels} and "
                f"{self.groups}. Change groups."
            )
        first, second = self.out_channels, self.in_channels
        if self.transposed:
            first, second = second, first
        self.weight.materialize((first, second // self.groups, *self.kernel_size))
        if self.bias is not None:
            self.bias.materialize((self.out_channels,))
        self.reset_parameters()


class _LazyConv(_LazyConvXd):
    def __init__(
        self,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes = 0,
        dilation: Sizes = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(0, 0, kernel_size, stride, padding, dilation, groups, False, padding_mode)
        self._become_lazy(out_channels, bias, device, dtype)


class _LazyConvTranspose(_LazyConvXd):
    def __init__(
        self,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes = 0,
        output_padding: Sizes = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Sizes = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(0, 0, kernel_size, stride, padding, output_padding, groups, False, dilation, padding_mode)
        self._become_lazy(out_channels, bias, device, dtype)


class LazyConv1d(_LazyConv, Conv1d):
    """A Conv1d that learns `in_channels` from its first input.

    Shape: (N, C_in, L) -> (N, C_out, L_out).

    >>> import facula
    >>> facula.nn.LazyConv1d(4, 3)(facula.ones(1, 2, 8)).shape
    facula.Size([1, 4, 6])
    """

    cls_to_become = Conv1d


class LazyConv2d(_LazyConv, Conv2d):
    """A Conv2d that learns `in_channels` from its first input.

    Shape: (N, C_in, H, W) -> (N, C_out, H_out, W_out).

    >>> import facula
    >>> facula.nn.LazyConv2d(4, 3)(facula.ones(1, 2, 8, 8)).shape
    facula.Size([1, 4, 6, 6])
    """

    cls_to_become = Conv2d


class LazyConv3d(_LazyConv, Conv3d):
    """A Conv3d that learns `in_channels` from its first input.

    Shape: (N, C_in, D, H, W) -> (N, C_out, D_out, H_out, W_out).

    >>> import facula
    >>> facula.nn.LazyConv3d(4, 3)(facula.ones(1, 2, 4, 4, 4)).shape
    facula.Size([1, 4, 2, 2, 2])
    """

    cls_to_become = Conv3d


class LazyConvTranspose1d(_LazyConvTranspose, ConvTranspose1d):
    """A ConvTranspose1d that learns `in_channels` from its first input.

    Shape: (N, C_in, L) -> (N, C_out, L_out).

    >>> import facula
    >>> facula.nn.LazyConvTranspose1d(4, 3)(facula.ones(1, 2, 8)).shape
    facula.Size([1, 4, 10])
    """

    cls_to_become = ConvTranspose1d


class LazyConvTranspose2d(_LazyConvTranspose, ConvTranspose2d):
    """A ConvTranspose2d that learns `in_channels` from its first input.

    Shape: (N, C_in, H, W) -> (N, C_out, H_out, W_out).

    >>> import facula
    >>> facula.nn.LazyConvTranspose2d(4, 3)(facula.ones(1, 2, 8, 8)).shape
    facula.Size([1, 4, 10, 10])
    """

    cls_to_become = ConvTranspose2d


class LazyConvTranspose3d(_LazyConvTranspose, ConvTranspose3d):
    """A ConvTranspose3d that learns `in_channels` from its first input.

    Shape: (N, C_in, D, H, W) -> (N, C_out, D_out, H_out, W_out).

    >>> import facula
    >>> facula.nn.LazyConvTranspose3d(4, 3)(facula.ones(1, 2, 3, 3, 3)).shape
    facula.Size([1, 4, 5, 5, 5])
    """

    cls_to_become = ConvTranspose3d


class _LazyNormBase(LazyModuleMixin):
    """A normalisation that learns `num_features`."""

    def __init__(
        self,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(0, eps, momentum, False, False, device, dtype)
        self.affine = affine
        self.track_running_stats = track_running_stats
        make = {"device": device, "dtype": dtype}
        if affine:
            self.weight = UninitializedParameter(**make)
            if bias:
                self.bias = UninitializedParameter(**make)
        if track_running_stats:
            from facula.dtypes import int64
            from facula.ops import zeros

            self.running_mean = UninitializedBuffer(**make)
            self.running_var = UninitializedBuffer(**make)
            self.num_batches_tracked = zeros((), dtype=int64, device=device)

    def reset_parameters(self) -> None:
        """Weight 1, bias 0 and no statistics, once there are any."""
        if not self.has_uninitialized_params() and self.num_features != 0:
            super().reset_parameters()  # type: ignore[misc]  # of the layer that this becomes

    def initialize_parameters(self, input: Tensor) -> None:
        """Take `num_features` from the first input."""
        if not self.has_uninitialized_params():
            return
        self.num_features = input.shape[1]
        for value in (self.weight, self.bias, self.running_mean, self.running_var):
            if value is not None:
                value.materialize((self.num_features,))
        self.reset_parameters()


class LazyBatchNorm1d(_LazyNormBase, BatchNorm1d):
    """A BatchNorm1d that learns `num_features` from its first input.

    Shape: (N, C) or (N, C, L) -> same shape.

    >>> import facula
    >>> facula.nn.LazyBatchNorm1d()(facula.ones(2, 3)).shape
    facula.Size([2, 3])
    """

    cls_to_become = BatchNorm1d


class LazyBatchNorm2d(_LazyNormBase, BatchNorm2d):
    """A BatchNorm2d that learns `num_features` from its first input.

    Shape: (N, C, H, W) -> same shape.

    >>> import facula
    >>> facula.nn.LazyBatchNorm2d()(facula.ones(2, 3, 4, 4)).shape
    facula.Size([2, 3, 4, 4])
    """

    cls_to_become = BatchNorm2d


class LazyBatchNorm3d(_LazyNormBase, BatchNorm3d):
    """A BatchNorm3d that learns `num_features` from its first input.

    Shape: (N, C, D, H, W) -> same shape.

    >>> import facula
    >>> facula.nn.LazyBatchNorm3d()(facula.ones(2, 3, 2, 2, 2)).shape
    facula.Size([2, 3, 2, 2, 2])
    """

    cls_to_become = BatchNorm3d


class LazyInstanceNorm1d(_LazyNormBase, InstanceNorm1d):
    """An InstanceNorm1d that learns `num_features` from its first input.

    Shape: (N, C, L) -> same shape.

    >>> import facula
    >>> facula.nn.LazyInstanceNorm1d()(facula.ones(2, 3, 4)).shape
    facula.Size([2, 3, 4])
    """

    cls_to_become = InstanceNorm1d


class LazyInstanceNorm2d(_LazyNormBase, InstanceNorm2d):
    """An InstanceNorm2d that learns `num_features` from its first input.

    Shape: (N, C, H, W) -> same shape.

    >>> import facula
    >>> facula.nn.LazyInstanceNorm2d()(facula.ones(2, 3, 4, 4)).shape
    facula.Size([2, 3, 4, 4])
    """

    cls_to_become = InstanceNorm2d


class LazyInstanceNorm3d(_LazyNormBase, InstanceNorm3d):
    """An InstanceNorm3d that learns `num_features` from its first input.

    Shape: (N, C, D, H, W) -> same shape.

    >>> import facula
    >>> facula.nn.LazyInstanceNorm3d()(facula.ones(2, 3, 2, 2, 2)).shape
    facula.Size([2, 3, 2, 2, 2])
    """

    cls_to_become = InstanceNorm3d
