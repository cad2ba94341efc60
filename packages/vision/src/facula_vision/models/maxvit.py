"""MaxViT: convolution, attention within windows, attention across a grid, again and again.

Source: Z. Tu et al., "MaxViT: Multi-Axis Vision Transformer", https://arxiv.org/abs/2204.01697.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import facula
from facula import Tensor, nn
from facula_vision.models.presets import preset
from facula_vision.models.swin_transformer import departition, partition, relative_position_index
from facula_vision.models.weights import published
from facula_vision.ops import Conv2dNormActivation, SqueezeExcitation, StochasticDepth

__all__ = ["MaxVit", "MaxVit_T_Weights", "maxvit_t"]

Maker = Callable[..., nn.Module]


class MBConv(nn.Module):
    """An inverted residual with squeeze and excitation, normalised first.

    Shape: (N, in_channels, H, W) -> (N, out_channels, H / stride, W / stride).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        expansion_ratio: float,
        squeeze_ratio: float,
        stride: int,
        activation_layer: Maker,
        norm_layer: Maker,
        p_stochastic_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.proj: nn.Module = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            shrink = [nn.AvgPool2d(3, stride=stride, padding=1)] if stride == 2 else []
            self.proj = nn.Sequential(*shrink, nn.Conv2d(in_channels, out_channels, kernel_size=1))
        hidden, squeezed = int(out_channels * expansion_ratio), int(out_channels * squeeze_ratio)
        make = partial(Conv2dNormActivation, norm_layer=norm_layer, activation_layer=activation_layer)
        self.stochastic_depth: nn.Module = nn.Identity()
        if p_stochastic_dropout:
            self.stochastic_depth = StochasticDepth(p_stochastic_dropout, mode="row")
        self.layers = nn.Sequential(
            OrderedDict(
                pre_norm=norm_layer(in_channels),
                conv_a=make(in_channels, hidden, 1),
                conv_b=make(hidden, hidden, 3, stride, groups=hidden),
                squeeze_excitation=SqueezeExcitation(hidden, squeezed, activation=nn.SiLU),
                conv_c=nn.Conv2d(hidden, out_channels, kernel_size=1),
            )
        )

    def forward(self, input: Tensor) -> Tensor:
        return self.proj(input) + self.stochastic_depth(self.layers(input))


class RelativePositionalMultiHeadAttention(nn.Module):
    """Attention among the places of a window, with a learned number for each difference of places.

    Shape: (N, windows, L, feat_dim) -> the same, L = window_size squared.
    """

    def __init__(self, feat_dim: int, head_dim: int, window_size: int) -> None:
        super().__init__()
        if feat_dim % head_dim:
            raise ValueError(
                f"RelativePositionalMultiHeadAttention: expected feat_dim divisible by head_dim, got {feat_dim} and "
                f"{head_dim}. Choose a divisor."
            )
        self.head_dim = head_dim
        self.scale_factor = feat_dim**-0.5  # of all heads together, as in the published weights
        window = (window_size, window_size)
        differences = (2 * window_size - 1) ** 2
        self.relative_position_bias_table = nn.Parameter(facula.empty(differences, feat_dim // head_dim))
        self.register_buffer("relative_position_index", relative_position_index(window))
        self.to_qkv = nn.Linear(feat_dim, 3 * feat_dim)
        self.merge = nn.Linear(feat_dim, feat_dim)
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)

    def forward(self, input: Tensor) -> Tensor:
        batch, windows, length, dim = input.shape
        qkv = self.to_qkv(input).view(batch, windows, length, 3, dim // self.head_dim, self.head_dim)
        query, key, value = qkv.permute(3, 0, 1, 4, 2, 5)  # (N, windows, heads, L, head_dim)
        bias = self.relative_position_bias_table[self.relative_position_index].permute(2, 0, 1)
        scores = query @ (key * self.scale_factor).transpose(-2, -1) + bias
        return self.merge((scores.softmax(dim=-1) @ value).transpose(2, 3).reshape(input.shape))


class PartitionAttentionLayer(nn.Module):
    """Attention and two linear layers among neighbours ("window") or among places far apart in equal steps ("grid").

    Shape: (N, C, H, W) -> the same, with H and W multiples of `partition_size`.
    """

    def __init__(
        self,
        in_channels: int,
        head_dim: int,
        partition_size: int,
        partition_type: str,
        grid_size: tuple[int, int],
        mlp_ratio: int,
        activation_layer: Maker,
        norm_layer: Maker,
        attention_dropout: float,
        mlp_dropout: float,
        p_stochastic_dropout: float,
    ) -> None:
        super().__init__()
        if partition_type not in ("grid", "window"):
            raise ValueError(
                f"PartitionAttentionLayer: partition_type must be either 'grid' or 'window', expected one, got "
                f"{partition_type!r}. Choose one."
            )
        self.across = partition_type == "grid"
        self.window = [side // partition_size for side in grid_size] if self.across else [partition_size] * 2
        attention = RelativePositionalMultiHeadAttention(in_channels, head_dim, partition_size)
        self.attn_layer = nn.Sequential(norm_layer(in_channels), attention, nn.Dropout(attention_dropout))
        self.mlp_layer = nn.Sequential(
            nn.LayerNorm(in_channels),
            nn.Linear(in_channels, in_channels * mlp_ratio),
            activation_layer(),
            nn.Linear(in_channels * mlp_ratio, in_channels),
            nn.Dropout(mlp_dropout),
        )
        self.stochastic_dropout = StochasticDepth(p_stochastic_dropout, mode="row")

    def forward(self, input: Tensor) -> Tensor:
        batch, _, *sizes = input.shape
        windows = partition(input.permute(0, 2, 3, 1), self.window)  # (N * windows, L, C)
        x = windows.view(batch, -1, *windows.shape[1:])
        x = x.transpose(1, 2) if self.across else x
        x = x + self.stochastic_dropout(self.attn_layer(x))
        x = x + self.stochastic_dropout(self.mlp_layer(x))
        x = x.transpose(1, 2) if self.across else x
        return departition(x.reshape(windows.shape), sizes, self.window).permute(0, 3, 1, 2)


class MaxVitLayer(nn.Module):
    """A convolution, attention within windows, attention across the grid."""

    def __init__(
        self, in_channels: int, out_channels: int, stride: int, grid_size: tuple[int, int], **options: Any
    ) -> None:
        super().__init__()
        convolution = {key: options.pop(key) for key in ("squeeze_ratio", "expansion_ratio")}
        norm_layer, rate = options.pop("norm_layer"), options["p_stochastic_dropout"]
        attend = partial(PartitionAttentionLayer, out_channels, grid_size=grid_size, norm_layer=nn.LayerNorm, **options)
        self.layers = nn.Sequential(
            OrderedDict(
                MBconv=MBConv(
                    in_channels,
                    out_channels,
                    stride=stride,
                    activation_layer=options["activation_layer"],
                    norm_layer=norm_layer,
                    p_stochastic_dropout=rate,
                    **convolution,
                ),
                window_attention=attend(partition_type="window"),
                grid_attention=attend(partition_type="grid"),
            )
        )

    def forward(self, input: Tensor) -> Tensor:
        return self.layers(input)


class MaxVitBlock(nn.Module):
    """Layers of one size; the first halves the picture."""

    def __init__(self, layers: Sequence[MaxVitLayer]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, input: Tensor) -> Tensor:
        x = input
        for layer in self.layers:
            x = layer(x)
        return x


class MaxVit(nn.Module):
    """A stem, blocks of layers at half the size each, the mean over the picture and two linear layers.

    Shape: (N, 3, *input_size) -> (N, num_classes). ValueError for sizes that do not split into whole windows.
    """

    def __init__(
        self,
        input_size: tuple[int, int],
        stem_channels: int,
        partition_size: int,
        block_channels: Sequence[int],
        block_layers: Sequence[int],
        head_dim: int,
        stochastic_depth_prob: float,
        norm_layer: Maker | None = None,
        activation_layer: Maker = nn.GELU,
        squeeze_ratio: float = 0.25,
        expansion_ratio: float = 4,
        mlp_ratio: int = 4,
        mlp_dropout: float = 0.0,
        attention_dropout: float = 0.0,
        num_classes: int = 1000,
    ) -> None:
        super().__init__()
        norm = norm_layer or partial(nn.BatchNorm2d, eps=1e-3, momentum=0.01)
        sizes = _halved(input_size, len(block_channels) + 1)
        for size in sizes[1:]:
            if size[0] % partition_size or size[1] % partition_size:
                raise ValueError(
                    f"MaxVit: expected blocks of whole windows, but block size {size} of input size {tuple(input_size)} "
                    f"is not divisible by partition size {partition_size}. Change one of them."
                )
        self.stem = nn.Sequential(
            Conv2dNormActivation(3, stem_channels, 3, 2, norm_layer=norm, activation_layer=activation_layer),
            Conv2dNormActivation(stem_channels, stem_channels, 3, norm_layer=None, activation_layer=None, bias=True),
        )
        total, done, inputs = sum(block_layers), 0, stem_channels
        blocks = []
        for outputs, depth, size in zip(block_channels, block_layers, sizes[1:], strict=True):
            layers = []
            for index in range(depth):
                layers.append(
                    MaxVitLayer(
                        inputs,
                        outputs,
                        1 if index else 2,
                        size,
                        squeeze_ratio=squeeze_ratio,
                        expansion_ratio=expansion_ratio,
                        norm_layer=norm,
                        activation_layer=activation_layer,
                        head_dim=head_dim,
                        mlp_ratio=mlp_ratio,
                        mlp_dropout=mlp_dropout,
                        attention_dropout=attention_dropout,
                        partition_size=partition_size,
                        p_stochastic_dropout=stochastic_depth_prob * done / max(total - 1, 1),
                    )
                )
                inputs, done = outputs, done + 1
            blocks.append(MaxVitBlock(layers))
        self.blocks = nn.ModuleList(blocks)
        self.classifier = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.LayerNorm(inputs),
            nn.Linear(inputs, inputs),
            nn.Tanh(),
            nn.Linear(inputs, num_classes, bias=False),
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weights from a narrow normal distribution, biases zero."""
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                nn.init.normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, input: Tensor) -> Tensor:
        x = self.stem(input)
        for block in self.blocks:
            x = block(x)
        return self.classifier(x)


def _halved(size: tuple[int, int], times: int) -> list[tuple[int, int]]:
    """The sizes of a picture after one, two, ... convolutions at stride 2."""
    sizes = []
    for _ in range(times):
        size = (-(-size[0] // 2), -(-size[1] // 2))
        sizes.append(size)
    return sizes


MaxVit_T_Weights = published("MaxVit_T_Weights")


def _size(meta: Mapping[str, Any]) -> dict[str, Any]:
    """The size of pictures for which the windows were laid."""
    return {"input_size": meta["min_size"]}


@preset(MaxVit_T_Weights, needs=_size)
def maxvit_t(**config: Any) -> MaxVit:
    """MaxViT-T (30,919,624 parameters)."""
    size = config.pop("input_size", None) or (224, 224)
    return MaxVit(
        size,
        **{
            "stem_channels": 64,
            "block_channels": [64, 128, 256, 512],
            "block_layers": [2, 2, 5, 2],
            "head_dim": 32,
            "stochastic_depth_prob": 0.2,
            "partition_size": 7,
            **config,
        },
    )
