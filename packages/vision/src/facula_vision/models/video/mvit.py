"""Multiscale vision transformers, both versions: from block to block fewer places and more channels.

Source: H. Fan et al., "Multiscale Vision Transformers", https://arxiv.org/abs/2104.11227, and Y. Li et al., "MViTv2:
Improved Multiscale Vision Transformers for Classification and Detection", https://arxiv.org/abs/2112.01526.
In the shapes, L = 1 + t h w: a class token and the places of the video.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import facula
from facula import Tensor, nn
from facula_vision.models.presets import preset
from facula_vision.models.weights import published
from facula_vision.ops import StochasticDepth

__all__ = ["MViT", "MViT_V1_B_Weights", "MViT_V2_S_Weights", "mvit_v1_b", "mvit_v2_s"]

Size = tuple[int, int, int]
_norm = partial(nn.LayerNorm, eps=1e-6)


class MSBlockConfig(NamedTuple):
    """One block: queries are pooled by `stride_q` in each frame unless that is 0, keys and values by `stride_kv`."""

    num_heads: int
    input_channels: int
    output_channels: int
    stride_q: int
    stride_kv: int


_V1_B = (
    MSBlockConfig(1, 96, 192, 0, 8),
    MSBlockConfig(2, 192, 192, 2, 4),
    MSBlockConfig(2, 192, 384, 0, 4),
    MSBlockConfig(4, 384, 384, 2, 2),
    *[MSBlockConfig(4, 384, 384, 0, 2)] * 9,
    MSBlockConfig(4, 384, 768, 0, 2),
    MSBlockConfig(8, 768, 768, 2, 1),
    MSBlockConfig(8, 768, 768, 0, 1),
)
_V2_S = (
    MSBlockConfig(1, 96, 96, 1, 8),
    MSBlockConfig(2, 96, 192, 2, 4),
    MSBlockConfig(2, 192, 192, 1, 4),
    MSBlockConfig(4, 192, 384, 2, 2),
    *[MSBlockConfig(4, 384, 384, 1, 2)] * 10,
    MSBlockConfig(8, 384, 768, 2, 1),
    MSBlockConfig(8, 768, 768, 1, 1),
)


class Pool(nn.Module):
    """A pooling of the places; the class token passes by.   Shape: (N, heads, L, d), (t, h, w) -> (N, heads, M, d), sizes."""

    def __init__(self, pool: nn.Module, norm: nn.Module | None) -> None:
        super().__init__()
        self.pool = pool
        self.norm_act = nn.Sequential(norm) if norm is not None else None

    def forward(self, input: Tensor, sizes: Size) -> tuple[Tensor, Size]:
        batch, heads, _, channels = input.shape
        token, places = input[:, :, :1], input[:, :, 1:]
        x = self.pool(places.transpose(2, 3).reshape(batch * heads, channels, *sizes))
        pooled: Size = tuple(x.shape[2:])
        x = facula.cat([token, x.reshape(batch, heads, channels, -1).transpose(2, 3)], dim=2)
        return x if self.norm_act is None else self.norm_act(x), pooled


def _pooling(channels: int, stride: int) -> Pool:
    """3x3x3 convolutions of each channel alone."""
    conv = nn.Conv3d(channels, channels, 3, stride=(1, stride, stride), padding=1, groups=channels, bias=False)
    return Pool(conv, _norm(channels))


class MultiscaleAttention(nn.Module):
    """Attention of pooled queries to pooled keys and values; `residual_pool` adds the queries to what they find.

    With `rel_pos_embed` a score also has a part for the differences in rows, columns and time, which the query weighs.
    Shape: (N, L, embed_dim), (t, h, w) -> (N, M, output_dim), the sizes of the queries.
    """

    def __init__(
        self,
        input_size: Size,
        embed_dim: int,
        output_dim: int,
        block: MSBlockConfig,
        residual_pool: bool,
        residual_with_cls_embed: bool,
        rel_pos_embed: bool,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.output_dim, self.num_heads = output_dim, block.num_heads
        self.head_dim = output_dim // block.num_heads
        self.residual_pool, self.residual_with_cls_embed = residual_pool, residual_with_cls_embed
        self.rel_pos_h = self.rel_pos_w = self.rel_pos_t = None
        if rel_pos_embed:
            longest = max(input_size[1:])
            space = 2 * max(longest // max(block.stride_q, 1), longest // block.stride_kv) - 1
            self.rel_pos_h, self.rel_pos_w, self.rel_pos_t = (
                nn.Parameter(nn.init.trunc_normal_(facula.empty(length, self.head_dim), std=0.02))
                for length in (space, space, 2 * input_size[0] - 1)
            )
        self.qkv = nn.Linear(embed_dim, 3 * output_dim)
        layers: list[nn.Module] = [nn.Linear(output_dim, output_dim)]
        self.project = nn.Sequential(*layers, *([nn.Dropout(dropout, inplace=True)] if dropout else []))
        self.pool_q = _pooling(self.head_dim, block.stride_q) if block.stride_q else None
        self.pool_k = _pooling(self.head_dim, block.stride_kv)
        self.pool_v = _pooling(self.head_dim, block.stride_kv)

    def forward(self, input: Tensor, sizes: Size) -> tuple[Tensor, Size]:
        batch, length, _ = input.shape
        qkv = self.qkv(input).view(batch, length, 3, self.num_heads, self.head_dim).permute(2, 0, 3, 1, 4)
        query, query_sizes = (qkv[0], sizes) if self.pool_q is None else self.pool_q(qkv[0], sizes)
        key, key_sizes = self.pool_k(qkv[1], sizes)
        value, _ = self.pool_v(qkv[2], sizes)
        scores = (query * self.head_dim**-0.5) @ key.transpose(2, 3)  # (N, heads, M, K)
        if self.rel_pos_h is not None:
            scores = scores + self.positions(query, query_sizes, key_sizes)
        x = scores.softmax(dim=-1) @ value
        if self.residual_pool and self.residual_with_cls_embed:
            x = x + query
        elif self.residual_pool:
            x = facula.cat([x[:, :, :1], x[:, :, 1:] + query[:, :, 1:]], dim=2)
        return self.project(x.transpose(1, 2).reshape(batch, -1, self.output_dim)), query_sizes

    def positions(self, query: Tensor, query_sizes: Size, key_sizes: Size) -> Tensor:
        """query . (row + column + time of the difference), nothing for the class token.   Shape: (N, heads, M, K)."""
        tables = (self.rel_pos_t, self.rel_pos_h, self.rel_pos_w)
        time, row, column = (
            differences(table, *pair) for table, *pair in zip(tables, query_sizes, key_sizes, strict=True)
        )
        places = query[:, :, 1:].reshape(*query.shape[:2], *query_sizes, self.head_dim)
        by_time = facula.einsum("bythwc,tkc->bythwk", places, time)
        by_row = facula.einsum("bythwc,hkc->bythwk", places, row)
        by_column = facula.einsum("bythwc,wkc->bythwk", places, column)
        joined = by_time[..., :, None, None] + by_row[..., None, :, None] + by_column[..., None, None, :]
        joined = joined.reshape(*query.shape[:2], math.prod(query_sizes), math.prod(key_sizes))
        return nn.functional.pad(joined, (1, 0, 1, 0))


def differences(table: Tensor, queries: int, keys: int) -> Tensor:
    """The row of a table for each query and key along one axis, of which one may be coarser than the other.

    Shape: (2 * size - 1, d) -> (queries, keys, d).
    """
    length = 2 * max(queries, keys) - 1
    if len(table) != length:
        table = nn.functional.interpolate(table.T[None], size=length, mode="linear")[0].T
    query, key = facula.arange(queries, device=table.device), facula.arange(keys, device=table.device)
    index = query[:, None] * max(keys / queries, 1.0) - (key[None, :] + (1.0 - keys)) * max(queries / keys, 1.0)
    return table[index.to(facula.int64)]


class MultiscaleBlock(nn.Module):
    """Attention and two linear layers, each after a normalisation and added to its input, which is pooled like the queries.

    The channels grow in the linear layers, or in the attention with `proj_after_attn`.
    Shape: (N, L, input_channels), (t, h, w) -> (N, M, output_channels), sizes.
    """

    def __init__(
        self,
        input_size: Size,
        block: MSBlockConfig,
        residual_pool: bool,
        residual_with_cls_embed: bool,
        rel_pos_embed: bool,
        proj_after_attn: bool,
        dropout: float,
        stochastic_depth_prob: float,
    ) -> None:
        super().__init__()
        inputs, outputs, stride = block.input_channels, block.output_channels, block.stride_q
        self.proj_after_attn = proj_after_attn
        self.pool_skip = None
        if stride > 1:
            kernel = stride + 1
            self.pool_skip = Pool(
                nn.MaxPool3d((1, kernel, kernel), stride=(1, stride, stride), padding=(0, kernel // 2, kernel // 2)),
                None,
            )
        attended = outputs if proj_after_attn else inputs
        self.norm1 = _norm(inputs)
        self.norm2 = _norm(attended)
        self.attn = MultiscaleAttention(
            input_size, inputs, attended, block, residual_pool, residual_with_cls_embed, rel_pos_embed, dropout
        )
        first, second = nn.Linear(attended, 4 * attended), nn.Linear(4 * attended, outputs)
        self.mlp = nn.Sequential(first, nn.GELU(), nn.Dropout(dropout), second, nn.Dropout(dropout))
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")
        self.project = nn.Linear(inputs, outputs) if inputs != outputs else None

    def forward(self, input: Tensor, sizes: Size) -> tuple[Tensor, Size]:
        normed = self.norm1(input)
        attended, pooled = self.attn(normed, sizes)
        x = self.project(normed) if self.project is not None and self.proj_after_attn else input
        if self.pool_skip is not None:
            x = self.pool_skip(x[:, None], sizes)[0][:, 0]
        x = x + self.stochastic_depth(attended)
        normed = self.norm2(x)
        if self.project is not None and not self.proj_after_attn:
            x = self.project(normed)
        return x + self.stochastic_depth(self.mlp(normed)), pooled


class PositionalEncoding(nn.Module):
    """A class token before the places and, unless `rel_pos_embed`, learned vectors for space and for time.

    Shape: (N, t h w, embed_size) -> (N, 1 + t h w, embed_size).
    """

    def __init__(self, embed_size: int, spatial_size: tuple[int, int], temporal_size: int, rel_pos_embed: bool) -> None:
        super().__init__()
        self.class_token = nn.Parameter(facula.zeros(embed_size))
        self.spatial_pos = self.temporal_pos = self.class_pos = None
        if not rel_pos_embed:
            self.spatial_pos = nn.Parameter(facula.zeros(spatial_size[0] * spatial_size[1], embed_size))
            self.temporal_pos = nn.Parameter(facula.zeros(temporal_size, embed_size))
            self.class_pos = nn.Parameter(facula.zeros(embed_size))
        for parameter in self.parameters():
            nn.init.trunc_normal_(parameter, std=0.02)

    def forward(self, input: Tensor) -> Tensor:
        x = facula.cat([self.class_token.expand(len(input), 1, -1), input], dim=1)
        if self.spatial_pos is None or self.temporal_pos is None or self.class_pos is None:
            return x
        places = (self.temporal_pos[:, None] + self.spatial_pos[None]).flatten(0, 1)
        return x + facula.cat([self.class_pos[None], places])


class MViT(nn.Module):
    """Cubes of pixels, blocks that pool them from time to time, and a linear layer on the class token.

    Shape: (N, 3, temporal_size, *spatial_size) -> (N, num_classes).
    """

    def __init__(
        self,
        spatial_size: tuple[int, int],
        temporal_size: int,
        block_setting: Sequence[MSBlockConfig],
        residual_pool: bool,
        residual_with_cls_embed: bool,
        rel_pos_embed: bool,
        proj_after_attn: bool,
        dropout: float = 0.5,
        attention_dropout: float = 0.0,
        stochastic_depth_prob: float = 0.0,
        num_classes: int = 400,
    ) -> None:
        super().__init__()
        if not block_setting:
            raise ValueError("MViT: The configuration parameter can't be empty, expected blocks, got none. List some.")
        embed = block_setting[0].input_channels
        self.conv_proj = nn.Conv3d(3, embed, kernel_size=(3, 7, 7), stride=(2, 4, 4), padding=(1, 3, 3))
        sizes = (-(-temporal_size // 2), -(-spatial_size[0] // 4), -(-spatial_size[1] // 4))
        self.pos_encoding = PositionalEncoding(embed, sizes[1:], sizes[0], rel_pos_embed)
        blocks = []
        for index, block in enumerate(block_setting):
            rate = stochastic_depth_prob * index / max(len(block_setting) - 1, 1)
            flags = (residual_pool, residual_with_cls_embed, rel_pos_embed, proj_after_attn)
            blocks.append(MultiscaleBlock(sizes, block, *flags, attention_dropout, rate))
            stride = max(block.stride_q, 1)
            sizes = (sizes[0], sizes[1] // stride, sizes[2] // stride)
        self.blocks = nn.ModuleList(blocks)
        last = block_setting[-1].output_channels
        self.norm = _norm(last)
        self.head = nn.Sequential(nn.Dropout(dropout, inplace=True), nn.Linear(last, num_classes))
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)

    def forward(self, input: Tensor) -> Tensor:
        x = self.conv_proj(input)
        sizes: Size = tuple(x.shape[2:])
        x = self.pos_encoding(x.flatten(2).transpose(1, 2))
        for block in self.blocks:
            x, sizes = block(x, sizes)
        return self.head(self.norm(x)[:, 0])


def _sizes(meta: Mapping[str, Any]) -> dict[str, Any]:
    """The sizes for which positions were learned."""
    return {"spatial_size": meta["min_size"], "temporal_size": meta["min_temporal_size"]}


def _mvit(blocks: Sequence[MSBlockConfig], second: bool, config: dict[str, Any]) -> MViT:
    options = {
        "spatial_size": (224, 224),
        "temporal_size": 16,
        "residual_pool": second,
        "residual_with_cls_embed": False,
        "rel_pos_embed": second,
        "proj_after_attn": second,
        "stochastic_depth_prob": 0.2,
    }
    return MViT(**{**options, "block_setting": blocks, **config})


MViT_V1_B_Weights = published("MViT_V1_B_Weights")


@preset(MViT_V1_B_Weights, needs=_sizes)
def mvit_v1_b(**config: Any) -> MViT:
    """MViT-B, first version (36,610,672 parameters)."""
    return _mvit(_V1_B, False, config)


MViT_V2_S_Weights = published("MViT_V2_S_Weights")


@preset(MViT_V2_S_Weights, needs=_sizes)
def mvit_v2_s(**config: Any) -> MViT:
    """MViT-S, second version (34,537,744 parameters)."""
    return _mvit(_V2_S, True, config)
