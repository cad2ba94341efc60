"""Vision transformers.

Source: A. Dosovitskiy et al., "An Image is Worth 16x16 Words: Transformers for Image Recognition at Scale",
https://arxiv.org/abs/2010.11929.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping
from functools import partial
from typing import Any

import facula
from facula import Tensor, nn
from facula_vision.models.presets import preset
from facula_vision.models.weights import published

__all__ = [
    "ViT_B_16_Weights",
    "ViT_B_32_Weights",
    "ViT_H_14_Weights",
    "ViT_L_16_Weights",
    "ViT_L_32_Weights",
    "VisionTransformer",
    "vit_b_16",
    "vit_b_32",
    "vit_h_14",
    "vit_l_16",
    "vit_l_32",
]

_norm = partial(nn.LayerNorm, eps=1e-6)


class EncoderBlock(nn.Module):
    """Attention and two linear layers, each after a normalisation and added to its input.

    Shape: (N, L, hidden_dim) -> the same.
    """

    def __init__(self, num_heads: int, hidden_dim: int, mlp_dim: int, dropout: float, attention_dropout: float) -> None:
        super().__init__()
        self.ln_1 = _norm(hidden_dim)
        self.self_attention = nn.MultiheadAttention(hidden_dim, num_heads, dropout=attention_dropout, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.ln_2 = _norm(hidden_dim)
        first, second = nn.Linear(hidden_dim, mlp_dim), nn.Linear(mlp_dim, hidden_dim)
        self.mlp = nn.Sequential(first, nn.GELU(), nn.Dropout(dropout), second, nn.Dropout(dropout))
        for linear in (first, second):
            nn.init.xavier_uniform_(linear.weight)
            nn.init.normal_(linear.bias, std=1e-6)

    def forward(self, input: Tensor) -> Tensor:
        x = self.ln_1(input)
        x = self.dropout(self.self_attention(x, x, x, need_weights=False)[0]) + input
        return x + self.mlp(self.ln_2(x))


class Encoder(nn.Module):
    """Learned positions, `num_layers` blocks and a normalisation.   Shape: (N, seq_length, hidden_dim) -> the same."""

    def __init__(
        self,
        seq_length: int,
        num_layers: int,
        num_heads: int,
        hidden_dim: int,
        mlp_dim: int,
        dropout: float,
        attention_dropout: float,
    ) -> None:
        super().__init__()
        self.pos_embedding = nn.Parameter(facula.empty(1, seq_length, hidden_dim).normal_(std=0.02))
        self.dropout = nn.Dropout(dropout)
        self.layers = nn.Sequential(
            OrderedDict(
                (f"encoder_layer_{index}", EncoderBlock(num_heads, hidden_dim, mlp_dim, dropout, attention_dropout))
                for index in range(num_layers)
            )
        )
        self.ln = _norm(hidden_dim)

    def forward(self, input: Tensor) -> Tensor:
        return self.ln(self.layers(self.dropout(input + self.pos_embedding)))


class VisionTransformer(nn.Module):
    """Patches of a picture as words after a class token; the token's last state goes through a linear layer.

    Shape: (N, 3, image_size, image_size) -> (N, num_classes). ValueError for an image of another size.

    >>> import facula
    >>> from facula_vision.models import VisionTransformer
    >>> model = VisionTransformer(16, 4, num_layers=1, num_heads=2, hidden_dim=8, mlp_dim=16, num_classes=3)
    >>> model(facula.zeros(2, 3, 16, 16)).shape
    facula.Size([2, 3])
    """

    def __init__(
        self,
        image_size: int,
        patch_size: int,
        num_layers: int,
        num_heads: int,
        hidden_dim: int,
        mlp_dim: int,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        num_classes: int = 1000,
    ) -> None:
        super().__init__()
        if image_size % patch_size:
            raise ValueError(
                f"VisionTransformer: expected an image size divisible by the patch size, "
                f"got {image_size} and {patch_size}. Choose a multiple."
            )
        self.image_size = image_size
        self.class_token = nn.Parameter(facula.zeros(1, 1, hidden_dim))
        self.conv_proj = nn.Conv2d(3, hidden_dim, kernel_size=patch_size, stride=patch_size)
        length = (image_size // patch_size) ** 2 + 1
        self.encoder = Encoder(length, num_layers, num_heads, hidden_dim, mlp_dim, dropout, attention_dropout)
        self.heads = nn.Sequential(OrderedDict(head=nn.Linear(hidden_dim, num_classes)))
        nn.init.trunc_normal_(self.conv_proj.weight, std=math.sqrt(1 / (3 * patch_size**2)))
        nn.init.zeros_(self.conv_proj.bias)
        nn.init.zeros_(self.heads.head.weight)
        nn.init.zeros_(self.heads.head.bias)

    def forward(self, input: Tensor) -> Tensor:
        size = self.image_size
        if tuple(input.shape[2:]) != (size, size):
            raise ValueError(
                f"VisionTransformer: expected images of {size} by {size}, got {tuple(input.shape[2:])}. Resize them."
            )
        patches = self.conv_proj(input).flatten(2).transpose(1, 2)  # (N, L - 1, hidden_dim)
        token = self.class_token.expand(len(input), -1, -1)
        return self.heads(self.encoder(facula.cat([token, patches], dim=1))[:, 0])


def _vit(patch: int, layers: int, heads: int, hidden: int, mlp: int, config: dict[str, Any]) -> VisionTransformer:
    size = config.pop("image_size", None) or 224
    return VisionTransformer(size, patch, layers, heads, hidden, mlp, **config)


def _size(meta: Mapping[str, Any]) -> dict[str, int]:
    """The size of pictures for which the positions were learned."""
    return {"image_size": meta["min_size"][0]}


ViT_B_16_Weights = published("ViT_B_16_Weights")


@preset(ViT_B_16_Weights, needs=_size)
def vit_b_16(**config: Any) -> VisionTransformer:
    """ViT-Base on patches of 16 pixels (86,567,656 parameters)."""
    return _vit(16, 12, 12, 768, 3072, config)


ViT_B_32_Weights = published("ViT_B_32_Weights")


@preset(ViT_B_32_Weights, needs=_size)
def vit_b_32(**config: Any) -> VisionTransformer:
    """ViT-Base on patches of 32 pixels (88,224,232 parameters)."""
    return _vit(32, 12, 12, 768, 3072, config)


ViT_L_16_Weights = published("ViT_L_16_Weights")


@preset(ViT_L_16_Weights, needs=_size)
def vit_l_16(**config: Any) -> VisionTransformer:
    """ViT-Large on patches of 16 pixels (304,326,632 parameters)."""
    return _vit(16, 24, 16, 1024, 4096, config)


ViT_L_32_Weights = published("ViT_L_32_Weights")


@preset(ViT_L_32_Weights, needs=_size)
def vit_l_32(**config: Any) -> VisionTransformer:
    """ViT-Large on patches of 32 pixels (306,535,400 parameters)."""
    return _vit(32, 24, 16, 1024, 4096, config)


ViT_H_14_Weights = published("ViT_H_14_Weights")


@preset(ViT_H_14_Weights, needs=_size)
def vit_h_14(**config: Any) -> VisionTransformer:
    """ViT-Huge on patches of 14 pixels (632,045,800 parameters)."""
    return _vit(14, 32, 16, 1280, 5120, config)
