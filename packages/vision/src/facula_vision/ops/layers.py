"""Layers that many models of images share."""

from __future__ import annotations

from collections.abc import Callable

import facula
from facula import Tensor, nn

__all__ = ["Conv2dNormActivation", "Permute", "SqueezeExcitation", "StochasticDepth", "stochastic_depth"]

Maker = Callable[..., nn.Module]


class Conv2dNormActivation(nn.Sequential):
    """A convolution, a normalisation and an activation, of which the last two may be left out with None.

    `padding` keeps the size at stride 1 unless it is given; `bias` stands where no normalisation follows.
    Shape: (N, in_channels, H, W) -> (N, out_channels, H / stride, W / stride).

    >>> import facula
    >>> from facula_vision.ops import Conv2dNormActivation
    >>> Conv2dNormActivation(3, 8, kernel_size=5)(facula.zeros(1, 3, 6, 6)).shape
    facula.Size([1, 8, 6, 6])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int = 3,
        stride: int = 1,
        padding: int | None = None,
        groups: int = 1,
        norm_layer: Maker | None = nn.BatchNorm2d,
        activation_layer: Maker | None = nn.ReLU,
        dilation: int = 1,
        bias: bool | None = None,
    ) -> None:
        layers: list[nn.Module] = [
            nn.Conv2d(
                in_channels,
                out_channels,
                kernel_size,
                stride,
                (kernel_size - 1) // 2 * dilation if padding is None else padding,
                dilation=dilation,
                groups=groups,
                bias=norm_layer is None if bias is None else bias,
            )
        ]
        if norm_layer is not None:
            layers.append(norm_layer(out_channels))
        if activation_layer is not None:
            layers.append(activation_layer())
        super().__init__(*layers)
        self.out_channels = out_channels


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
