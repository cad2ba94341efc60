"""Swin transformers for videos: attention within windows of space and time.

Source: Z. Liu et al., "Video Swin Transformer", https://arxiv.org/abs/2106.13230.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import prod
from typing import Any

from facula import Tensor, nn
from facula_vision.models.presets import preset
from facula_vision.models.swin_transformer import (
    PatchMerging,
    ShiftedWindowAttention,
    SwinTransformerBlock,
    initialize,
    relative_position_index,
    stages,
)
from facula_vision.models.weights import published

__all__ = [
    "Swin3D_B_Weights",
    "Swin3D_S_Weights",
    "Swin3D_T_Weights",
    "SwinTransformer3d",
    "swin3d_b",
    "swin3d_s",
    "swin3d_t",
]


class ShiftedWindowAttention3d(ShiftedWindowAttention):
    """The same over frames, rows and columns; a window never reaches beyond the video."""

    def define_positions(self) -> None:
        """A table of one number for each difference and head."""
        super().define_positions()
        self.relative_position_index = relative_position_index(self.window_size)

    def fitted(self, sizes: Sequence[int]) -> tuple[list[int], list[int]]:
        """Window and shift for a video of these sizes."""
        triples = list(zip(sizes, self.window_size, self.shift_size, strict=True))
        window = [min(size, side) for size, side, _ in triples]
        return window, [0 if size <= side else shift for size, side, shift in triples]

    def positions(self, window: Sequence[int]) -> Tensor:
        """What the places of a window add to the scores.   Shape: (num_heads, L, L)."""
        length = prod(window)
        rows = self.relative_position_bias_table[self.relative_position_index[:length, :length].flatten()]
        return rows.view(length, length, -1).permute(2, 0, 1)


class SwinTransformerBlock3d(SwinTransformerBlock):
    """The block with attention over space and time."""

    attention = ShiftedWindowAttention3d


class PatchEmbed3d(nn.Module):
    """Cubes of pixels as vectors.   Shape: (N, 3, T, H, W) -> (N, t, h, w, embed_dim)."""

    def __init__(self, patch_size: Sequence[int], embed_dim: int, norm_layer: Callable[..., nn.Module]) -> None:
        super().__init__()
        self.patch_size = tuple(patch_size)
        self.proj = nn.Conv3d(3, embed_dim, kernel_size=self.patch_size, stride=self.patch_size)
        self.norm = norm_layer(embed_dim)

    def forward(self, input: Tensor) -> Tensor:
        missing = [-size % side for size, side in zip(input.shape[2:], self.patch_size, strict=True)]
        x = nn.functional.pad(input, tuple(part for more in reversed(missing) for part in (0, more)))
        return self.norm(self.proj(x).permute(0, 2, 3, 4, 1))


class SwinTransformer3d(nn.Module):
    """Cubes, four stages of attention within windows, the mean over time and space and a linear layer.

    Shape: (N, 3, T, H, W) -> (N, num_classes).

    >>> import facula
    >>> from facula_vision.models.video import SwinTransformer3d
    >>> model = SwinTransformer3d([2, 4, 4], 8, [2, 2], [1, 2], [2, 4, 4], num_classes=3)
    >>> model(facula.zeros(1, 3, 5, 32, 40)).shape
    facula.Size([1, 3])
    """

    def __init__(
        self,
        patch_size: Sequence[int],
        embed_dim: int,
        depths: Sequence[int],
        num_heads: Sequence[int],
        window_size: Sequence[int],
        mlp_ratio: float = 4.0,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        stochastic_depth_prob: float = 0.1,
        num_classes: int = 400,
        norm_layer: Callable[..., nn.Module] | None = None,
        block: Callable[..., nn.Module] | None = None,
        downsample_layer: Callable[..., nn.Module] = PatchMerging,
        patch_embed: Callable[..., nn.Module] | None = None,
    ) -> None:
        super().__init__()
        norm = norm_layer or partial(nn.LayerNorm, eps=1e-5)
        self.patch_embed = (patch_embed or PatchEmbed3d)(patch_size, embed_dim, norm)
        self.pos_drop = nn.Dropout(p=dropout)
        self.features = nn.Sequential(
            *stages(
                embed_dim,
                depths,
                num_heads,
                window_size,
                stochastic_depth_prob,
                block or SwinTransformerBlock3d,
                downsample_layer,
                mlp_ratio=mlp_ratio,
                dropout=dropout,
                attention_dropout=attention_dropout,
                norm_layer=norm,
            )
        )
        outputs = embed_dim * 2 ** (len(depths) - 1)
        self.norm = norm(outputs)
        self.avgpool = nn.AdaptiveAvgPool3d(1)
        self.head = nn.Linear(outputs, num_classes)
        initialize(self)

    def forward(self, input: Tensor) -> Tensor:
        x = self.norm(self.features(self.pos_drop(self.patch_embed(input))))  # (N, t, h, w, C)
        return self.head(self.avgpool(x.permute(0, 4, 1, 2, 3)).flatten(1))


_TINY = {"embed_dim": 96, "depths": [2, 2, 6, 2], "num_heads": [3, 6, 12, 24]}
_SMALL = {"embed_dim": 96, "depths": [2, 2, 18, 2], "num_heads": [3, 6, 12, 24]}
_BASE = {"embed_dim": 128, "depths": [2, 2, 18, 2], "num_heads": [4, 8, 16, 32]}


def _swin(size: Mapping[str, Any], config: dict[str, Any]) -> SwinTransformer3d:
    shared = {"patch_size": [2, 4, 4], "window_size": [8, 7, 7], "stochastic_depth_prob": 0.1}
    return SwinTransformer3d(**{**shared, **size, **config})


Swin3D_T_Weights = published("Swin3D_T_Weights")


@preset(Swin3D_T_Weights)
def swin3d_t(**config: Any) -> SwinTransformer3d:
    """Swin-T for videos (28,158,070 parameters)."""
    return _swin(_TINY, config)


Swin3D_S_Weights = published("Swin3D_S_Weights")


@preset(Swin3D_S_Weights)
def swin3d_s(**config: Any) -> SwinTransformer3d:
    """Swin-S for videos (49,816,678 parameters)."""
    return _swin(_SMALL, config)


Swin3D_B_Weights = published("Swin3D_B_Weights")


@preset(Swin3D_B_Weights)
def swin3d_b(**config: Any) -> SwinTransformer3d:
    """Swin-B for videos (88,048,984 parameters)."""
    return _swin(_BASE, config)
