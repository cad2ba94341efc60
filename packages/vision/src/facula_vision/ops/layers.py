"""Layers that many models of images share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import facula
import facula.nn.functional as F
from facula import Tensor, nn

__all__ = [
    "MLP",
    "Conv2dNormActivation",
    "Conv3dNormActivation",
    "ConvNormActivation",
    "FrozenBatchNorm2d",
    "Permute",
    "SqueezeExcitation",
    "StochasticDepth",
    "stochastic_depth",
]

Maker = Callable[..., nn.Module]
Size = int | tuple[int, ...]


class ConvNormActivation(nn.Sequential):
    """A convolution, a normalisation and an activation, of which the last two may be left out with None.

    `padding` keeps the size at stride 1 unless it is given; `bias` stands where no normalisation follows. `inplace` is
    handed to the activation unless it is None; writing in place saves no memory here and costs time.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size = 3,
        stride: Size = 1,
        padding: Size | str | None = None,
        groups: int = 1,
        norm_layer: Maker | None = nn.BatchNorm2d,
        activation_layer: Maker | None = nn.ReLU,
        dilation: Size = 1,
        inplace: bool | None = None,
        bias: bool | None = None,
        conv_layer: Maker = nn.Conv2d,
    ) -> None:
        layers: list[nn.Module] = [
            conv_layer(
                in_channels,
                out_channels,
                kernel_size,
                stride,
                _same_padding(kernel_size, dilation) if padding is None else padding,
                dilation=dilation,
                groups=groups,
                bias=norm_layer is None if bias is None else bias,
            )
        ]
        if norm_layer is not None:
            layers.append(norm_layer(out_channels))
        if activation_layer is not None:
            layers.append(activation_layer() if inplace is None else activation_layer(inplace=inplace))
        super().__init__(*layers)
        self.out_channels = out_channels


def _same_padding(kernel_size: Size, dilation: Size) -> Size:
    """What keeps the size at stride 1."""
    if isinstance(kernel_size, int) and isinstance(dilation, int):
        return (kernel_size - 1) // 2 * dilation
    rank = len(kernel_size) if not isinstance(kernel_size, int) else len(dilation)  # type: ignore[arg-type]
    sizes = (kernel_size,) * rank if isinstance(kernel_size, int) else kernel_size
    steps = (dilation,) * rank if isinstance(dilation, int) else dilation
    return tuple((k - 1) // 2 * d for k, d in zip(sizes, steps, strict=True))


class Conv2dNormActivation(ConvNormActivation):
    """`ConvNormActivation` of images.   Shape: (N, in_channels, H, W) -> (N, out_channels, H / stride, W / stride).

    >>> import facula
    >>> from facula_vision.ops import Conv2dNormActivation
    >>> Conv2dNormActivation(3, 8, kernel_size=5)(facula.zeros(1, 3, 6, 6)).shape
    facula.Size([1, 8, 6, 6])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size = 3,
        stride: Size = 1,
        padding: Size | str | None = None,
        groups: int = 1,
        norm_layer: Maker | None = nn.BatchNorm2d,
        activation_layer: Maker | None = nn.ReLU,
        dilation: Size = 1,
        inplace: bool | None = None,
        bias: bool | None = None,
    ) -> None:
        where = in_channels, out_channels, kernel_size, stride, padding, groups
        super().__init__(*where, norm_layer, activation_layer, dilation, inplace, bias, nn.Conv2d)


class Conv3dNormActivation(ConvNormActivation):
    """`ConvNormActivation` of volumes and videos.   Shape: (N, in_channels, D, H, W) -> (N, out_channels, ...)."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size = 3,
        stride: Size = 1,
        padding: Size | str | None = None,
        groups: int = 1,
        norm_layer: Maker | None = nn.BatchNorm3d,
        activation_layer: Maker | None = nn.ReLU,
        dilation: Size = 1,
        inplace: bool | None = None,
        bias: bool | None = None,
    ) -> None:
        where = in_channels, out_channels, kernel_size, stride, padding, groups
        super().__init__(*where, norm_layer, activation_layer, dilation, inplace, bias, nn.Conv3d)


class MLP(nn.Sequential):
    """Linear layers of `hidden_channels`, with normalisation and activation between them and dropout behind each.

    Shape: (*, in_channels) -> (*, hidden_channels[-1]).

    >>> from facula_vision.ops import MLP
    >>> [type(layer).__name__ for layer in MLP(2, [3, 4])]
    ['Linear', 'ReLU', 'Dropout', 'Linear', 'Dropout']
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: list[int],
        norm_layer: Maker | None = None,
        activation_layer: Maker | None = nn.ReLU,
        inplace: bool | None = None,
        bias: bool = True,
        dropout: float = 0.0,
    ) -> None:
        how = {} if inplace is None else {"inplace": inplace}
        layers: list[nn.Module] = []
        for k, channels in enumerate(hidden_channels):
            layers.append(nn.Linear(in_channels, channels, bias=bias))
            if k < len(hidden_channels) - 1:
                if norm_layer is not None:
                    layers.append(norm_layer(channels))
                if activation_layer is not None:
                    layers.append(activation_layer(**how))
            layers.append(nn.Dropout(dropout, **how))
            in_channels = channels
        super().__init__(*layers)


class FrozenBatchNorm2d(nn.Module):
    """(x - running_mean) / sqrt(running_var + eps) * weight + bias, where none of the four is ever trained.

    Shape: (N, num_features, H, W) -> the same. A state_dict of `nn.BatchNorm2d` fits.

    >>> from facula_vision.ops import FrozenBatchNorm2d
    >>> list(FrozenBatchNorm2d(3).state_dict())
    ['weight', 'bias', 'running_mean', 'running_var']
    """

    weight: Tensor
    bias: Tensor
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, num_features: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.register_buffer("weight", facula.ones(num_features))
        self.register_buffer("bias", facula.zeros(num_features))
        self.register_buffer("running_mean", facula.zeros(num_features))
        self.register_buffer("running_var", facula.ones(num_features))

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        state_dict, prefix = args[:2]
        state_dict.pop(f"{prefix}num_batches_tracked", None)
        super()._load_from_state_dict(*args, **kwargs)

    def forward(self, input: Tensor) -> Tensor:
        return F.batch_norm(input, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.weight.shape[0]}, eps={self.eps})"


class SqueezeExcitation(nn.Module):
    """Channels weighted by what two 1x1 convolutions make of their means over the picture.

    Source: J. Hu, L. Shen, G. Sun, "Squeeze-and-Excitation Networks", https://arxiv.org/abs/1709.01507.
    Shape: (N, input_channels, H, W) -> the same.

    >>> import facula
    >>> from facula_vision.ops import SqueezeExcitation
    >>> SqueezeExcitation(8, 2)(facula.zeros(1, 8, 4, 4)).shape
    facula.Size([1, 8, 4, 4])
    """

    def __init__(
        self,
        input_channels: int,
        squeeze_channels: int,
        activation: Maker = nn.ReLU,
        scale_activation: Maker = nn.Sigmoid,
    ) -> None:
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(input_channels, squeeze_channels, 1)
        self.fc2 = nn.Conv2d(squeeze_channels, input_channels, 1)
        self.activation = activation()
        self.scale_activation = scale_activation()

    def forward(self, input: Tensor) -> Tensor:
        scale = self.activation(self.fc1(self.avgpool(input)))
        return self.scale_activation(self.fc2(scale)) * input


def stochastic_depth(input: Tensor, p: float, mode: str, training: bool = True) -> Tensor:
    """Zero whole samples (`mode="row"`) or the whole batch ("batch") with probability `p`; scale the rest by 1 / (1 - p).

    Source: G. Huang et al., "Deep Networks with Stochastic Depth", https://arxiv.org/abs/1603.09382.
    Shape: any -> the same. ValueError for `p` outside 0..1 and for another mode.

    >>> import facula
    >>> from facula_vision.ops import stochastic_depth
    >>> stochastic_depth(facula.ones(2, 3), p=1.0, mode="row").sum().item()
    0.0
    """
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"stochastic_depth: expected p between 0 and 1, got {p}. Give a probability.")
    if mode not in ("batch", "row"):
        raise ValueError(f"stochastic_depth: expected mode 'batch' or 'row', got {mode!r}. Choose one of them.")
    if not training or p == 0.0:
        return input
    rows = input.shape[0] if mode == "row" else 1
    kept = facula.empty((rows, *[1] * (input.dim() - 1)), dtype=input.dtype, device=input.device).bernoulli_(1 - p)
    return input * (kept / (1 - p) if p < 1.0 else kept)


class StochasticDepth(nn.Module):
    """`stochastic_depth` while training, the identity in evaluation.   Shape: any -> the same."""

    def __init__(self, p: float, mode: str) -> None:
        super().__init__()
        self.p = p
        self.mode = mode

    def forward(self, input: Tensor) -> Tensor:
        return stochastic_depth(input, self.p, self.mode, self.training)

    def extra_repr(self) -> str:
        return f"p={self.p}, mode={self.mode}"


class Permute(nn.Module):
    """The dimensions of a tensor in another order.

    >>> import facula
    >>> from facula_vision.ops import Permute
    >>> Permute([0, 2, 3, 1])(facula.zeros(1, 3, 4, 5)).shape
    facula.Size([1, 4, 5, 3])
    """

    def __init__(self, dims: list[int]) -> None:
        super().__init__()
        self.dims = dims

    def forward(self, input: Tensor) -> Tensor:
        return input.permute(*self.dims)
