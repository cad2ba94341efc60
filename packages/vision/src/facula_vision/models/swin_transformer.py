"""Swin transformers, both versions: attention within windows that shift from one block to the next.

Source: Z. Liu et al., "Swin Transformer: Hierarchical Vision Transformer using Shifted Windows",
https://arxiv.org/abs/2103.14030, and "Swin Transformer V2: Scaling Up Capacity and Resolution",
https://arxiv.org/abs/2111.09883. The functions on windows work for any number of dimensions; video uses them too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import facula
from facula import Tensor, nn
from facula_vision.models.presets import preset
from facula_vision.models.weights import published
from facula_vision.ops import Permute, StochasticDepth

__all__ = [
    "SwinTransformer",
    "Swin_B_Weights",
    "Swin_S_Weights",
    "Swin_T_Weights",
    "Swin_V2_B_Weights",
    "Swin_V2_S_Weights",
    "Swin_V2_T_Weights",
    "swin_b",
    "swin_s",
    "swin_t",
    "swin_v2_b",
    "swin_v2_s",
    "swin_v2_t",
]

F = nn.functional


def relative_position_index(window: Sequence[int]) -> Tensor:
    """For each two places of a window, the row of a table of all their differences.   Shape: (L, L), L = prod(window).

    >>> from facula_vision.models.swin_transformer import relative_position_index
    >>> relative_position_index([2]).tolist()
    [[1, 0], [2, 1]]
    """
    index = facula.zeros(1, 1, dtype=facula.int64)
    for size in window:
        place = facula.arange(size)
        difference = place[:, None] - place[None, :] + size - 1
        joined = index[:, None, :, None] * (2 * size - 1) + difference[None, :, None, :]
        index = joined.reshape(len(index) * size, len(index) * size)
    return index


def partition(input: Tensor, window: Sequence[int]) -> Tensor:
    """Windows of a picture one after another.   Shape: (N, *sizes, C) -> (N * windows, L, C), L = prod(window)."""
    batch, *sizes, channels = input.shape
    split = [part for size, side in zip(sizes, window, strict=True) for part in (size // side, side)]
    outer, inner = range(1, 2 * len(sizes), 2), range(2, 2 * len(sizes) + 1, 2)
    x = input.reshape(batch, *split, channels).permute(0, *outer, *inner, 2 * len(sizes) + 1)
    return x.reshape(-1, math.prod(window), channels)


def departition(windows: Tensor, sizes: Sequence[int], window: Sequence[int]) -> Tensor:
    """What `partition` undoes.   Shape: (N * windows, L, C) -> (N, *sizes, C)."""
    counts = [size // side for size, side in zip(sizes, window, strict=True)]
    x = windows.reshape(-1, *counts, *window, windows.shape[-1])
    dims = len(sizes)
    order = [place for pair in zip(range(1, dims + 1), range(dims + 1, 2 * dims + 1), strict=True) for place in pair]
    return x.permute(0, *order, 2 * dims + 1).reshape(-1, *sizes, windows.shape[-1])


def shift_mask(sizes: Sequence[int], window: Sequence[int], shift: Sequence[int], like: Tensor) -> Tensor:
    """-100 between places of a window that were no neighbours before the shift, else 0.   Shape: (windows, 1, L, L)."""
    label = facula.zeros(1, *sizes, 1, device=like.device)
    for dim, (size, side, moved) in enumerate(zip(sizes, window, shift, strict=True)):
        if moved:
            place = facula.arange(size, device=like.device)
            part = (place >= size - side).to(label.dtype) + (place >= size - moved).to(label.dtype)
            label = label * 3 + part.view(*(-1 if axis == dim else 1 for axis in range(len(sizes))), 1)
    windows = partition(label, window)[..., 0]
    apart = windows[:, None, :, None] != windows[:, None, None, :]
    return apart.to(like.dtype) * -100.0


def attend(query: Tensor, key: Tensor, value: Tensor, bias: Tensor, mask: Tensor | None, dropout: float) -> Tensor:
    """softmax(query @ key.T + bias + mask) @ value.

    Shape: queries, keys, values (N * windows, heads, L, d), bias (heads, L, L), mask (windows, 1, L, L).
    """
    scores = query @ key.transpose(-2, -1) + bias
    if mask is not None:
        scores = (scores.view(-1, len(mask), *scores.shape[1:]) + mask).view(scores.shape)
    return F.dropout(scores.softmax(dim=-1), dropout, training=dropout > 0.0) @ value


class ShiftedWindowAttention(nn.Module):
    """Attention within windows of `window_size`, after the picture was rolled by `shift_size`.

    A learned table holds what each difference of places adds to the scores. Shape: (N, *sizes, dim) -> the same.
    """

    def __init__(
        self,
        dim: int,
        window_size: Sequence[int],
        shift_size: Sequence[int],
        num_heads: int,
        attention_dropout: float = 0.0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.window_size, self.shift_size = list(window_size), list(shift_size)
        self.num_heads = num_heads
        self.attention_dropout, self.dropout = attention_dropout, dropout
        self.define_positions()
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def define_positions(self) -> None:
        """A table of one number for each difference and head."""
        differences = math.prod(2 * size - 1 for size in self.window_size)
        self.relative_position_bias_table = nn.Parameter(facula.zeros(differences, self.num_heads))
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)
        self.register_buffer("relative_position_index", relative_position_index(self.window_size).flatten())

    def positions(self, window: Sequence[int]) -> Tensor:
        """What the places of a window add to the scores.   Shape: (num_heads, L, L)."""
        length = math.prod(window)
        return self.relative_position_bias_table[self.relative_position_index].view(length, length, -1).permute(2, 0, 1)

    def fitted(self, sizes: Sequence[int]) -> tuple[list[int], list[int]]:
        """Window and shift for a picture of these sizes: where one window covers all, there is nothing to shift."""
        pairs = zip(sizes, self.window_size, self.shift_size, strict=True)
        return self.window_size, [0 if window >= size else shift for size, window, shift in pairs]

    def projected(self, input: Tensor) -> Tensor:
        """Queries, keys and values in one.   Shape: (..., dim) -> (..., 3 * dim)."""
        return self.qkv(input)

    def compared(self, query: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:
        """Queries and keys whose products are the scores."""
        return query * query.shape[-1] ** -0.5, key

    def forward(self, input: Tensor) -> Tensor:
        _, *sizes, dim = input.shape
        window, shift = self.fitted(sizes)
        missing = [-size % side for size, side in zip(sizes, window, strict=True)]
        padded = [size + more for size, more in zip(sizes, missing, strict=True)]
        x = F.pad(input, (0, 0, *(part for more in reversed(missing) for part in (0, more))))
        axes = tuple(range(1, len(sizes) + 1))
        if any(shift):
            x = x.roll(tuple(-by for by in shift), dims=axes)
        x = partition(x, window)  # (N * windows, L, dim)
        qkv = self.projected(x).view(*x.shape[:2], 3, self.num_heads, dim // self.num_heads).permute(2, 0, 3, 1, 4)
        query, key = self.compared(qkv[0], qkv[1])
        mask = shift_mask(padded, window, shift, x) if any(shift) else None
        dropout = self.attention_dropout if self.training else 0.0
        x = attend(query, key, qkv[2], self.positions(window), mask, dropout).transpose(1, 2).reshape(x.shape)
        x = departition(F.dropout(self.proj(x), self.dropout, training=self.training), padded, window)
        if any(shift):
            x = x.roll(tuple(shift), dims=axes)
        return x[(slice(None), *(slice(size) for size in sizes))]


class ShiftedWindowAttentionV2(ShiftedWindowAttention):
    """The same with cosines for products, and positions by a small network on logarithms of differences."""

    def __init__(
        self, dim: int, window_size: Sequence[int], shift_size: Sequence[int], num_heads: int, **dropout: float
    ) -> None:
        super().__init__(dim, window_size, shift_size, num_heads, **dropout)
        self.cpb_mlp = nn.Sequential(nn.Linear(2, 512), nn.ReLU(inplace=True), nn.Linear(512, num_heads, bias=False))

    def define_positions(self) -> None:
        """Inputs of the network: sign(d) log2(1 + 8 |d| / (size - 1)) / 3 for each difference d."""
        self.logit_scale = nn.Parameter(facula.full((self.num_heads, 1, 1), math.log(10.0)))
        axes = [facula.arange(1 - size, size, dtype=facula.float32) * (8 / (size - 1)) for size in self.window_size]
        table = facula.stack(facula.meshgrid(*axes, indexing="ij"), dim=-1)[None]
        self.register_buffer("relative_coords_table", table.sign() * (table.abs() + 1.0).log2() / 3.0)
        self.register_buffer("relative_position_index", relative_position_index(self.window_size).flatten())

    def positions(self, window: Sequence[int]) -> Tensor:
        """What the places of a window add to the scores, at most 16.   Shape: (num_heads, L, L)."""
        length = math.prod(window)
        rows = self.cpb_mlp(self.relative_coords_table).view(-1, self.num_heads)[self.relative_position_index]
        return 16 * rows.view(length, length, -1).permute(2, 0, 1).sigmoid()

    def projected(self, input: Tensor) -> Tensor:
        """Keys have no bias.   Shape: (..., dim) -> (..., 3 * dim)."""
        query, _, value = self.qkv.bias.chunk(3)
        return F.linear(input, self.qkv.weight, facula.cat([query, facula.zeros_like(query), value]))

    def compared(self, query: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:
        """Unit vectors, with a learned scale of at most 100."""
        scale = self.logit_scale.clamp(max=math.log(100.0)).exp()
        return F.normalize(query, dim=-1) * scale, F.normalize(key, dim=-1)


class SwinTransformerBlock(nn.Module):
    """Attention within windows and two linear layers, each after a normalisation and added to its input.

    Shape: (N, *sizes, dim) -> the same.
    """

    attention: Callable[..., nn.Module] = ShiftedWindowAttention

    def __init__(
        self,
        dim: int,
        num_heads: int,
        window_size: Sequence[int],
        shift_size: Sequence[int],
        mlp_ratio: float = 4.0,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        stochastic_depth_prob: float = 0.0,
        norm_layer: Callable[..., nn.Module] = nn.LayerNorm,
    ) -> None:
        super().__init__()
        self.norm1 = norm_layer(dim)
        self.attn = self.attention(
            dim, window_size, shift_size, num_heads, attention_dropout=attention_dropout, dropout=dropout
        )
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")
        self.norm2 = norm_layer(dim)
        hidden = int(dim * mlp_ratio)
        first, second = nn.Linear(dim, hidden), nn.Linear(hidden, dim)
        self.mlp = nn.Sequential(first, nn.GELU(), nn.Dropout(dropout), second, nn.Dropout(dropout))

    def forward(self, input: Tensor) -> Tensor:
        x = input + self.stochastic_depth(self.attn(self.norm1(input)))
        return x + self.stochastic_depth(self.mlp(self.norm2(x)))


class SwinTransformerBlockV2(SwinTransformerBlock):
    """The same with each normalisation behind its layer, which keeps deep networks stable."""

    attention = ShiftedWindowAttentionV2

    def forward(self, input: Tensor) -> Tensor:
        x = input + self.stochastic_depth(self.norm1(self.attn(input)))
        return x + self.stochastic_depth(self.norm2(self.mlp(x)))


def quarters(input: Tensor) -> Tensor:
    """Four neighbours as one pixel of four times the channels.   Shape: (..., H, W, C) -> (..., H / 2, W / 2, 4 C)."""
    height, width = input.shape[-3:-1]
    x = F.pad(input, (0, 0, 0, width % 2, 0, height % 2))
    corners = [x[..., down::2, right::2, :] for right in (0, 1) for down in (0, 1)]
    return facula.cat(corners, dim=-1)


class PatchMerging(nn.Module):
    """Half the picture, twice the channels: a normalisation, then a linear layer on four neighbours.

    Shape: (..., H, W, dim) -> (..., H / 2, W / 2, 2 * dim).
    """

    def __init__(self, dim: int, norm_layer: Callable[..., nn.Module] = nn.LayerNorm) -> None:
        super().__init__()
        self.reduction = nn.Linear(4 * dim, 2 * dim, bias=False)
        self.norm = norm_layer(4 * dim)

    def forward(self, input: Tensor) -> Tensor:
        return self.reduction(self.norm(quarters(input)))


class PatchMergingV2(nn.Module):
    """The same with the normalisation last.   Shape: (..., H, W, dim) -> (..., H / 2, W / 2, 2 * dim)."""

    def __init__(self, dim: int, norm_layer: Callable[..., nn.Module] = nn.LayerNorm) -> None:
        super().__init__()
        self.reduction = nn.Linear(4 * dim, 2 * dim, bias=False)
        self.norm = norm_layer(2 * dim)

    def forward(self, input: Tensor) -> Tensor:
        return self.norm(self.reduction(quarters(input)))


def stages(
    embed_dim: int,
    depths: Sequence[int],
    num_heads: Sequence[int],
    window_size: Sequence[int],
    stochastic_depth_prob: float,
    block: Callable[..., nn.Module],
    downsample_layer: Callable[..., nn.Module],
    **options: Any,
) -> list[nn.Module]:
    """Blocks of even and odd number without and with a shift; between the stages, half the picture.

    Blocks are left out while training with a probability that grows linearly to `stochastic_depth_prob`.
    """
    layers: list[nn.Module] = []
    total, done, dim = sum(depths), 0, embed_dim
    for index, (depth, heads) in enumerate(zip(depths, num_heads, strict=True)):
        if index:
            layers.append(downsample_layer(dim, options["norm_layer"]))
            dim *= 2
        blocks = []
        for step in range(depth):
            shift = [side // 2 if step % 2 else 0 for side in window_size]
            rate = stochastic_depth_prob * done / (total - 1)
            blocks.append(block(dim, heads, window_size, shift, stochastic_depth_prob=rate, **options))
            done += 1
        layers.append(nn.Sequential(*blocks))
    return layers


class SwinTransformer(nn.Module):
    """Patches, four stages of attention within windows, the mean over the picture and a linear layer.

    Shape: (N, 3, H, W) -> (N, num_classes), for H and W of at least 32 or so.

    >>> import facula
    >>> from facula_vision.models import SwinTransformer
    >>> model = SwinTransformer([4, 4], 8, [2, 2], [1, 2], [4, 4], num_classes=3)
    >>> model(facula.zeros(2, 3, 40, 32)).shape
    facula.Size([2, 3])
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
        num_classes: int = 1000,
        norm_layer: Callable[..., nn.Module] | None = None,
        block: Callable[..., nn.Module] | None = None,
        downsample_layer: Callable[..., nn.Module] = PatchMerging,
    ) -> None:
        super().__init__()
        norm = norm_layer or partial(nn.LayerNorm, eps=1e-5)
        patches = nn.Conv2d(3, embed_dim, kernel_size=tuple(patch_size), stride=tuple(patch_size))
        self.features = nn.Sequential(
            nn.Sequential(patches, Permute([0, 2, 3, 1]), norm(embed_dim)),
            *stages(
                embed_dim,
                depths,
                num_heads,
                window_size,
                stochastic_depth_prob,
                block or SwinTransformerBlock,
                downsample_layer,
                mlp_ratio=mlp_ratio,
                dropout=dropout,
                attention_dropout=attention_dropout,
                norm_layer=norm,
            ),
        )
        outputs = embed_dim * 2 ** (len(depths) - 1)
        self.norm = norm(outputs)
        self.permute = Permute([0, 3, 1, 2])
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten(1)
        self.head = nn.Linear(outputs, num_classes)
        initialize(self)

    def forward(self, input: Tensor) -> Tensor:
        x = self.permute(self.norm(self.features(input)))  # (N, C, H / 32, W / 32)
        return self.head(self.flatten(self.avgpool(x)))


def initialize(model: nn.Module) -> None:
    """Linear layers from a narrow normal distribution, without biases."""
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


_TINY = {"embed_dim": 96, "depths": [2, 2, 6, 2], "num_heads": [3, 6, 12, 24], "stochastic_depth_prob": 0.2}
_SMALL = {"embed_dim": 96, "depths": [2, 2, 18, 2], "num_heads": [3, 6, 12, 24], "stochastic_depth_prob": 0.3}
_BASE = {"embed_dim": 128, "depths": [2, 2, 18, 2], "num_heads": [4, 8, 16, 32], "stochastic_depth_prob": 0.5}


def _swin(size: Mapping[str, Any], config: dict[str, Any]) -> SwinTransformer:
    return SwinTransformer(**{"patch_size": [4, 4], "window_size": [7, 7], **size, **config})


def _swin_v2(size: Mapping[str, Any], config: dict[str, Any]) -> SwinTransformer:
    second = {"window_size": [8, 8], "block": SwinTransformerBlockV2, "downsample_layer": PatchMergingV2}
    return _swin(size, {**second, **config})


Swin_T_Weights = published("Swin_T_Weights")


@preset(Swin_T_Weights)
def swin_t(**config: Any) -> SwinTransformer:
    """Swin-T (28,288,354 parameters)."""
    return _swin(_TINY, config)


Swin_S_Weights = published("Swin_S_Weights")


@preset(Swin_S_Weights)
def swin_s(**config: Any) -> SwinTransformer:
    """Swin-S (49,606,258 parameters)."""
    return _swin(_SMALL, config)


Swin_B_Weights = published("Swin_B_Weights")


@preset(Swin_B_Weights)
def swin_b(**config: Any) -> SwinTransformer:
    """Swin-B (87,768,224 parameters)."""
    return _swin(_BASE, config)


Swin_V2_T_Weights = published("Swin_V2_T_Weights")


@preset(Swin_V2_T_Weights)
def swin_v2_t(**config: Any) -> SwinTransformer:
    """Swin-T, second version (28,351,570 parameters)."""
    return _swin_v2(_TINY, config)


Swin_V2_S_Weights = published("Swin_V2_S_Weights")


@preset(Swin_V2_S_Weights)
def swin_v2_s(**config: Any) -> SwinTransformer:
    """Swin-S, second version (49,737,442 parameters)."""
    return _swin_v2(_SMALL, config)


Swin_V2_B_Weights = published("Swin_V2_B_Weights")


@preset(Swin_V2_B_Weights)
def swin_v2_b(**config: Any) -> SwinTransformer:
    """Swin-B, second version (87,930,848 parameters)."""
    return _swin_v2(_BASE, config)
