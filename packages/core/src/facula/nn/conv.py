"""Convolutions: Conv1d/2d/3d and their transposes (lazy ones are in lazy_layers)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from facula.errors import value_error
from facula.nn import functional as F
from facula.nn import init
from facula.nn.module import Module
from facula.nn.sizes import ntuple
from facula.nn.uninitialized import new_parameter
from facula.tensors.tensor import Tensor

PADDING_MODES = ("zeros", "reflect", "replicate", "circular")
Sizes = int | tuple[int, ...]


class _ConvNd(Module):
    """What all convolutions hold: sizes, weight and bias."""

    spatial: ClassVar[int]
    transposed: ClassVar[bool] = False
    weight: Any

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes,
        padding: str | Sizes,
        dilation: Sizes,
        groups: int,
        bias: bool,
        padding_mode: str,
        output_padding: Sizes = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        n = self.spatial
        _check(type(self).__name__, in_channels, out_channels, groups, padding, padding_mode, stride)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = ntuple(kernel_size, n)
        self.stride = ntuple(stride, n)
        self.padding = padding if isinstance(padding, str) else ntuple(padding, n)
        self.dilation = ntuple(dilation, n)
        self.output_padding = ntuple(output_padding, n)
        self.groups = groups
        self.padding_mode = padding_mode
        self._reversed_padding_repeated_twice = self._pads()
        first, second = (in_channels, out_channels) if self.transposed else (out_channels, in_channels)
        self.weight = new_parameter(first, second // groups, *self.kernel_size, device=device, dtype=dtype)
        self.register_parameter("bias", new_parameter(out_channels, device=device, dtype=dtype) if bias else None)
        self.reset_parameters()

    def _pads(self) -> list[int]:
        """Padding in `F.pad`'s order: last dimension first, before and after."""
        if self.padding == "valid":
            return [0] * (2 * self.spatial)
        pads: list[int] = []
        for dimension in reversed(range(self.spatial)):
            if self.padding == "same":
                total = self.dilation[dimension] * (self.kernel_size[dimension] - 1)
                pads += [total // 2, total - total // 2]
            else:
                pads += [self.padding[dimension]] * 2  # type: ignore[list-item]
        return pads

    def reset_parameters(self) -> None:
        """Draw new weights from U(-1/sqrt(fan_in), 1/sqrt(fan_in))."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in, _ = init._calculate_fan_in_and_fan_out(self.weight)
            if fan_in:
                bound = 1 / math.sqrt(fan_in)
                init.uniform_(self.bias, -bound, bound)

    def extra_repr(self) -> str:
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        zeros, ones = (0,) * self.spatial, (1,) * self.spatial
        if self.padding != zeros:
            text += f", padding={self.padding}"
        if self.dilation != ones:
            text += f", dilation={self.dilation}"
        if self.output_padding != zeros:
            text += f", output_padding={self.output_padding}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        if self.padding_mode != "zeros":
            text += f", padding_mode={self.padding_mode}"
        return text


def _check(
    name: str, in_channels: int, out_channels: int, groups: int, padding: Any, padding_mode: str, stride: Any
) -> None:
    if groups <= 0:
        raise value_error(
            f"{name}: groups must be a positive integer, got {groups}. Use groups=1 for a full convolution."
        )
    for title, channels in (("in_channels", in_channels), ("out_channels", out_channels)):
        if channels % groups:
            raise value_error(
                f"{name}: {title} must be divisible by groups, got {channels} and {groups}. Change groups."
            )
    if isinstance(padding, str):
        if padding not in ("same", "valid"):
            raise value_error(f"{name}: expected padding 'same', 'valid' or integers, got {padding!r}. Use 'same'.")
        if padding == "same" and any(step != 1 for step in ntuple(stride, 1)):
            raise value_error(
                f"{name}: padding='same' is not supported for strided convolutions, got stride {stride}. Pass integers."
            )
    if padding_mode not in PADDING_MODES:
        raise value_error(f"{name}: expected padding_mode in {PADDING_MODES}, got {padding_mode!r}. Use 'zeros'.")


class _Conv(_ConvNd):
    """A forward convolution of `spatial` dimensions."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: str | Sizes = 0,
        dilation: Sizes = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode,
            device=device, dtype=dtype,
        )  # fmt: skip

    def _padded(self, input: Tensor) -> tuple[Tensor, Any]:
        """The input and the padding still to be done by the convolution."""
        if self.padding_mode == "zeros":
            return input, self.padding
        return F.pad(input, self._reversed_padding_repeated_twice, mode=self.padding_mode), 0


class Conv1d(_Conv):
    """Cross-correlation over one dimension: out[n, o] = bias[o] + sum_c weight[o, c] * input[n, c].

    Shape: (N, C_in, L) or (C_in, L) -> (N, C_out, L_out) or (C_out, L_out), with
    L_out = floor((L + 2 padding - dilation (kernel_size - 1) - 1) / stride + 1).

    `padding` is a number, one per dimension, "valid" for none or "same" for an output of the input's size (with stride 1);
    `padding_mode` says what stands there: "zeros", "reflect", "replicate" or "circular". `dilation` is the distance between the
    places of the kernel. With `groups` each group of output channels sees its own group of input channels.

    >>> import facula
    >>> facula.nn.Conv1d(16, 33, 3, stride=2)(facula.ones(20, 16, 50)).shape
    facula.Size([20, 33, 24])
    """

    spatial = 1

    def forward(self, input: Tensor) -> Tensor:
        input, padding = self._padded(input)
        return F.conv1d(input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class Conv2d(_Conv):
    """Cross-correlation over height and width: out[n, o] = bias[o] + sum_c weight[o, c] * input[n, c].

    Shape: (N, C_in, H, W) or (C_in, H, W) -> (N, C_out, H_out, W_out), with
    H_out = floor((H + 2 padding - dilation (kernel_size - 1) - 1) / stride + 1).

    `padding` is a number, one per dimension, "valid" for none or "same" for an output of the input's size (with stride 1);
    `padding_mode` says what stands there: "zeros", "reflect", "replicate" or "circular". `dilation` is the distance between the
    places of the kernel. With `groups` each group of output channels sees its own group of input channels.

    >>> import facula
    >>> facula.nn.Conv2d(3, 8, 3, padding=1)(facula.ones(2, 3, 16, 16)).shape
    facula.Size([2, 8, 16, 16])
    """

    spatial = 2

    def forward(self, input: Tensor) -> Tensor:
        padding: Any = self.padding
        if self.padding_mode != "zeros":
            input, padding = self._padded(input)
        return F.conv2d(input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class Conv3d(_Conv):
    """Cross-correlation over depth, height and width: out[n, o] = bias[o] + sum_c weight[o, c] * input[n, c].

    Shape: (N, C_in, D, H, W) or (C_in, D, H, W) -> (N, C_out, D_out, H_out, W_out).

    `padding` is a number, one per dimension, "valid" for none or "same" for an output of the input's size (with stride 1);
    `padding_mode` says what stands there: "zeros", "reflect", "replicate" or "circular". `dilation` is the distance between the
    places of the kernel. With `groups` each group of output channels sees its own group of input channels.

    >>> import facula
    >>> facula.nn.Conv3d(2, 4, 3)(facula.ones(1, 2, 5, 6, 7)).shape
    facula.Size([1, 4, 3, 4, 5])
    """

    spatial = 3

    def forward(self, input: Tensor) -> Tensor:
        input, padding = self._padded(input)
        return F.conv3d(input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class _ConvTransposeNd(_ConvNd):
    """The gradient of a convolution with respect to its input, used as a layer."""

    transposed = True

    def __init__(
        self,
        in_channels: int,
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
        if padding_mode != "zeros":
            raise value_error(
                f"{type(self).__name__}: Only \"zeros\" padding mode is supported, got {padding_mode!r}. Use 'zeros'."
            )
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode,
            output_padding, device=device, dtype=dtype,
        )  # fmt: skip

    def _output_padding(self, input: Tensor, output_size: Sequence[int] | None) -> tuple[int, ...]:
        """The output padding that gives `output_size`, or the layer's own."""
        n = self.spatial
        if output_size is None:
            return self.output_padding
        sizes = list(output_size)
        if len(sizes) == n + 2 or (len(sizes) == n + 1 and input.ndim == n + 1):
            sizes = sizes[-n:]
        name = type(self).__name__
        if len(sizes) != n:
            raise value_error(
                f"{name}: expected output_size of {n} or {input.ndim} numbers, got {len(sizes)}. Pass spatial sizes."
            )
        found = []
        for d in range(n):
            reach = self.dilation[d] * (self.kernel_size[d] - 1) + 1
            least = (input.shape[d - n] - 1) * self.stride[d] - 2 * int(self.padding[d]) + reach
            if not least <= sizes[d] < least + self.stride[d]:
                raise value_error(
                    f"{name}: expected output_size[{d}] from {least} to {least + self.stride[d] - 1}, "
                    f"got {sizes[d]}. The input's spatial shape is {tuple(input.shape[-n:])}."
                )
            found.append(sizes[d] - least)
        return tuple(found)


class ConvTranspose1d(_ConvTransposeNd):
    """The transpose of Conv1d: each input number adds a scaled kernel to the output.

    Shape: (N, C_in, L) -> (N, C_out, L_out), with
    L_out = (L - 1) stride - 2 padding + dilation (kernel_size - 1) + output_padding + 1.

    `padding` takes rows away from the output; `output_padding` adds some at its end, to choose among the sizes that one input
    size may come from, as `output_size` in the call does. `groups` and `dilation` as in the convolution.

    >>> import facula
    >>> facula.nn.ConvTranspose1d(4, 2, 3, stride=2)(facula.ones(1, 4, 5)).shape
    facula.Size([1, 2, 11])
    """

    spatial = 1

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        extra = self._output_padding(input, output_size)
        return F.conv_transpose1d(
            input, self.weight, self.bias, self.stride, self.padding, extra, self.groups, self.dilation
        )


class ConvTranspose2d(_ConvTransposeNd):
    """The transpose of Conv2d: each input number adds a scaled kernel to the output.

    Shape: (N, C_in, H, W) -> (N, C_out, H_out, W_out), with
    H_out = (H - 1) stride - 2 padding + dilation (kernel_size - 1) + output_padding + 1.

    `padding` takes rows away from the output; `output_padding` adds some at its end, to choose among the sizes that one input
    size may come from, as `output_size` in the call does. `groups` and `dilation` as in the convolution.

    >>> import facula
    >>> facula.nn.ConvTranspose2d(4, 2, 2, stride=2)(facula.ones(1, 4, 8, 8)).shape
    facula.Size([1, 2, 16, 16])
    """

    spatial = 2

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        extra = self._output_padding(input, output_size)
        return F.conv_transpose2d(
            input, self.weight, self.bias, self.stride, self.padding, extra, self.groups, self.dilation
        )


class ConvTranspose3d(_ConvTransposeNd):
    """The transpose of Conv3d: each input number adds a scaled kernel to the output.

    Shape: (N, C_in, D, H, W) -> (N, C_out, D_out, H_out, W_out).

    `padding` takes rows away from the output; `output_padding` adds some at its end, to choose among the sizes that one input
    size may come from, as `output_size` in the call does. `groups` and `dilation` as in the convolution.

    >>> import facula
    >>> facula.nn.ConvTranspose3d(2, 1, 2, stride=2)(facula.ones(1, 2, 2, 2, 2)).shape
    facula.Size([1, 1, 4, 4, 4])
    """

    spatial = 3

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        extra = self._output_padding(input, output_size)
        return F.conv_transpose3d(
            input, self.weight, self.bias, self.stride, self.padding, extra, self.groups, self.dilation
        )
