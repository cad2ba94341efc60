"""wav2vec 2.0, HuBERT and WavLM: a transformer over features that convolutions find in a waveform.

Sources: A. Baevski et al., "wav2vec 2.0: A Framework for Self-Supervised Learning of Speech Representations",
https://arxiv.org/abs/2006.11477; W.-N. Hsu et al., "HuBERT", https://arxiv.org/abs/2106.07447; S. Chen et al., "WavLM",
https://arxiv.org/abs/2110.13900. The sizes of models stand in `wav2vec2_presets`.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import facula
from facula import Tensor, nn
from facula.nn import functional as F
from facula_audio.models.padding import padding_mask

__all__ = ["Wav2Vec2Model", "wav2vec2_model", "wavlm_model"]

ConvConfig = list[tuple[int, int, int]]
_CONVOLUTIONS: ConvConfig = [(512, 10, 5), *[(512, 3, 2)] * 4, *[(512, 2, 2)] * 2]  # channels, kernel, stride


class ConvLayerBlock(nn.Module):
    """A convolution, perhaps normalisation, GELU.   Shape: (N, inputs, time) -> (N, outputs, frames)."""

    def __init__(
        self, inputs: int, outputs: int, kernel_size: int, stride: int, bias: bool, layer_norm: nn.Module | None
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride
        self.layer_norm = layer_norm
        self.conv = nn.Conv1d(inputs, outputs, kernel_size, stride, bias=bias)

    def forward(self, x: Tensor, length: Tensor | None) -> tuple[Tensor, Tensor | None]:
        x = self.conv(x)
        if isinstance(self.layer_norm, nn.LayerNorm):
            x = self.layer_norm(x.transpose(1, 2)).transpose(1, 2)
        elif self.layer_norm is not None:
            x = self.layer_norm(x)
        if length is not None:
            length = (length - self.kernel_size).div(self.stride, rounding_mode="floor") + 1
            length = length.clamp(min=0)
        return F.gelu(x), length


class FeatureExtractor(nn.Module):
    """Features at a fiftieth of a second from samples at 16 kHz.   Shape: (N, time) -> (N, frames, features)."""

    def __init__(self, norm_mode: str, shapes: ConvConfig, bias: bool) -> None:
        super().__init__()
        if norm_mode not in ("group_norm", "layer_norm"):
            raise ValueError(
                f"wav2vec2: expected extractor_mode 'group_norm' or 'layer_norm', got {norm_mode!r}. Invalid norm mode."
            )
        blocks, inputs = [], 1
        for index, (outputs, kernel, stride) in enumerate(shapes):
            norm: nn.Module | None = None
            if norm_mode == "layer_norm":
                norm = nn.LayerNorm(outputs)
            elif index == 0:
                norm = nn.GroupNorm(outputs, outputs)
            blocks.append(ConvLayerBlock(inputs, outputs, kernel, stride, bias, norm))
            inputs = outputs
        self.conv_layers = nn.ModuleList(blocks)

    def forward(self, x: Tensor, length: Tensor | None) -> tuple[Tensor, Tensor | None]:
        if x.dim() != 2:
            raise ValueError(
                f"wav2vec2: expected the input Tensor to be 2D (batch, time), got {x.dim()}D. Use waveform.view(1, -1)."
            )
        x = x.unsqueeze(1)
        for layer in self.conv_layers:
            x, length = layer(x, length)
        return x.transpose(1, 2), length


class FeatureProjection(nn.Module):
    """Normalisation, a linear layer, dropout.   Shape: (N, frames, features) -> (N, frames, width)."""

    def __init__(self, in_features: int, out_features: int, dropout: float) -> None:
        super().__init__()
        self.layer_norm = nn.LayerNorm(in_features)
        self.projection = nn.Linear(in_features, out_features)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        return self.dropout(self.projection(self.layer_norm(x)))


class ConvolutionalPositionalEmbedding(nn.Module):
    """GELU of a wide convolution, which tells frames where they are.   Shape: (N, frames, width), unchanged."""

    def __init__(self, embed_dim: int, kernel_size: int, groups: int) -> None:
        super().__init__()
        self.embed_dim = embed_dim
        self.kernel_size = kernel_size
        conv = nn.Conv1d(embed_dim, embed_dim, kernel_size, padding=kernel_size // 2, groups=groups)
        self.conv = nn.utils.parametrizations.weight_norm(conv, name="weight", dim=2)

    def forward(self, x: Tensor) -> Tensor:
        frames = x.shape[1]
        return F.gelu(self.conv(x.transpose(1, 2))[..., :frames]).transpose(1, 2)


class SelfAttention(nn.Module):
    """Attention of several heads.   Shape: (N, frames, embed_dim), unchanged; mask (N, 1, frames, frames), added."""

    def __init__(self, embed_dim: int, num_heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        if embed_dim % num_heads:
            raise ValueError(
                f"SelfAttention: expected `embed_dim ({embed_dim})` divisible by `num_heads ({num_heads})`, got a rest. "
                "Change one of them."
            )
        self.num_heads = num_heads
        self.head_dim = embed_dim // num_heads
        self.dropout = dropout
        self.k_proj = nn.Linear(embed_dim, embed_dim)
        self.v_proj = nn.Linear(embed_dim, embed_dim)
        self.q_proj = nn.Linear(embed_dim, embed_dim)
        self.out_proj = nn.Linear(embed_dim, embed_dim)

    def _heads(self, x: Tensor) -> Tensor:
        return x.unflatten(2, (self.num_heads, self.head_dim)).transpose(1, 2)  # (N, heads, frames, head_dim)

    def forward(
        self, x: Tensor, attention_mask: Tensor | None = None, position_bias: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        query, key, value = (self._heads(layer(x)) for layer in (self.q_proj, self.k_proj, self.v_proj))
        dropout = self.dropout if self.training else 0.0
        attended = F.scaled_dot_product_attention(query, key, value, attention_mask, dropout)
        return self.out_proj(attended.transpose(1, 2).flatten(2)), position_bias


class WavLMSelfAttention(nn.Module):
    """Attention whose scores know the distance of two frames, in buckets, weighed by a gate that the query sets.

    The first layer's table of distances serves all layers. Shape: as `SelfAttention`.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        has_relative_attention_bias: bool = False,
        num_buckets: int = 32,
        max_distance: int = 128,
    ) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.head_dim = embed_dim // num_heads
        self.num_buckets = num_buckets
        self.max_distance = max_distance
        self.rel_attn_embed = nn.Embedding(num_buckets, num_heads) if has_relative_attention_bias else None
        self.attention = nn.MultiheadAttention(embed_dim, num_heads, dropout=dropout, batch_first=True)
        self.gru_rel_pos_linear = nn.Linear(self.head_dim, 8)
        self.gru_rel_pos_const = nn.Parameter(facula.ones(1, num_heads, 1, 1))

    def _buckets(self, frames: int, like: Tensor) -> Tensor:
        """Small distances have a bucket each, greater ones share on a logarithmic scale.   Shape: (frames, frames)."""
        place = facula.arange(frames, device=like.device)
        relative = place - place.unsqueeze(1)
        half = self.num_buckets // 2
        exact = half // 2
        distance = relative.abs()
        scale = (half - exact) / math.log(self.max_distance / exact)
        far = exact + (facula.log(distance.clamp(min=1).float() / exact) * scale).to(facula.int64)
        bucket = facula.where(distance < exact, distance, far.clamp(max=half - 1))
        return bucket + half * (relative > 0)

    def forward(
        self, x: Tensor, attention_mask: Tensor | None = None, position_bias: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        batch, frames, width = x.shape
        if self.rel_attn_embed is not None and position_bias is None:
            position_bias = self.rel_attn_embed(self._buckets(frames, x)).permute(2, 0, 1)  # (heads, frames, frames)
        heads = x.view(batch, frames, self.num_heads, self.head_dim).transpose(1, 2)
        gates = self.gru_rel_pos_linear(heads).view(batch, self.num_heads, frames, 2, 4).sum(dim=-1).sigmoid()
        gate_a, gate_b = gates[..., :1], gates[..., 1:]  # (N, heads, frames, 1)
        gate = gate_a * (gate_b * self.gru_rel_pos_const - 1.0) + 2.0
        bias = None if position_bias is None else gate * position_bias
        if attention_mask is not None:
            bias = attention_mask if bias is None else bias + attention_mask
        weight, shift = self.attention.in_proj_weight, self.attention.in_proj_bias
        projected = F.linear(x, weight, shift).view(batch, frames, 3, self.num_heads, self.head_dim)
        query, key, value = projected.permute(2, 0, 3, 1, 4).unbind(0)
        dropout = self.attention.dropout if self.training else 0.0
        attended = F.scaled_dot_product_attention(query, key, value, bias, dropout)
        return self.attention.out_proj(attended.transpose(1, 2).reshape(batch, frames, width)), position_bias


class FeedForward(nn.Module):
    """Two linear layers with GELU between them.   Shape: (*, features), unchanged."""

    def __init__(self, features: int, hidden: int, hidden_dropout: float, dropout: float) -> None:
        super().__init__()
        self.intermediate_dense = nn.Linear(features, hidden)
        self.intermediate_dropout = nn.Dropout(hidden_dropout)
        self.output_dense = nn.Linear(hidden, features)
        self.output_dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        x = self.intermediate_dropout(F.gelu(self.intermediate_dense(x)))
        return self.output_dropout(self.output_dense(x))


class EncoderLayer(nn.Module):
    """Attention and a feed-forward part, each added to its input; normalised before (`layer_norm_first`) or after."""

    def __init__(
        self,
        attention: nn.Module,
        embed_dim: int,
        dropout: float,
        layer_norm_first: bool,
        feed_forward: nn.Module,
    ) -> None:
        super().__init__()
        self.attention = attention
        self.dropout = nn.Dropout(dropout)
        self.layer_norm = nn.LayerNorm(embed_dim)
        self.layer_norm_first = layer_norm_first
        self.feed_forward = feed_forward
        self.final_layer_norm = nn.LayerNorm(embed_dim)

    def forward(
        self, x: Tensor, attention_mask: Tensor | None = None, position_bias: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        normed = self.layer_norm(x) if self.layer_norm_first else x
        attended, position_bias = self.attention(normed, attention_mask, position_bias)
        x = x + self.dropout(attended)
        if self.layer_norm_first:
            return x + self.feed_forward(self.final_layer_norm(x)), position_bias
        x = self.layer_norm(x)
        return self.final_layer_norm(x + self.feed_forward(x)), position_bias


class Transformer(nn.Module):
    """Positions, layers (each left out with the chance `layer_drop` in training), and one normalisation at an end."""

    def __init__(
        self,
        pos_conv_embed: nn.Module,
        embed_dim: int,
        dropout: float,
        layers: list[EncoderLayer],
        layer_norm_first: bool,
        layer_drop: float,
    ) -> None:
        super().__init__()
        self.pos_conv_embed = pos_conv_embed
        self.layer_norm = nn.LayerNorm(embed_dim)
        self.layer_norm_first = layer_norm_first
        self.layer_drop = layer_drop
        self.dropout = nn.Dropout(dropout)
        self.layers = nn.ModuleList(layers)

    def _placed(self, x: Tensor) -> Tensor:
        x = x + self.pos_conv_embed(x)
        return self.dropout(self.layer_norm(x) if self.layer_norm_first else x)

    def forward(self, x: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        x, bias = self._placed(x), None
        for layer in self.layers:
            if not (self.training and float(facula.rand(1)) <= self.layer_drop):
                x, bias = layer(x, attention_mask, bias)
        return x if self.layer_norm_first else self.layer_norm(x)

    def get_intermediate_outputs(
        self, x: Tensor, attention_mask: Tensor | None = None, num_layers: int | None = None
    ) -> list[Tensor]:
        """What each of the first `num_layers` layers gives; ValueError for a number of layers that it has not."""
        if num_layers is not None and not 0 < num_layers <= len(self.layers):
            raise ValueError(
                f"wav2vec2: `num_layers` must be between [1, {len(self.layers)}], expected that, got {num_layers}."
            )
        x, bias, found = self._placed(x), None, []
        for layer in self.layers[:num_layers]:
            x, bias = layer(x, attention_mask, bias)
            found.append(x)
        return found


class Encoder(nn.Module):
    """Features projected to the transformer's width, silence beyond each length, and the transformer."""

    def __init__(self, feature_projection: nn.Module, transformer: Transformer) -> None:
        super().__init__()
        self.feature_projection = feature_projection
        self.transformer = transformer

    def preprocess(self, features: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """The transformer's input and the mask of its attention, (N, 1, frames, frames)."""
        x = self.feature_projection(features)
        if lengths is None:
            return x, None
        batch, frames, _ = x.shape
        over = padding_mask(lengths, frames)
        mask = over.view(batch, 1, 1, frames).to(x.dtype) * -10000.0
        return x.masked_fill(over.unsqueeze(2), 0.0), mask.expand(batch, 1, frames, frames)

    def forward(self, features: Tensor, lengths: Tensor | None = None) -> Tensor:
        x, mask = self.preprocess(features, lengths)
        return self.transformer(x, attention_mask=mask)

    def extract_features(
        self, features: Tensor, lengths: Tensor | None = None, num_layers: int | None = None
    ) -> list[Tensor]:
        """What each layer of the transformer gives."""
        x, mask = self.preprocess(features, lengths)
        return self.transformer.get_intermediate_outputs(x, mask, num_layers)


class Wav2Vec2Model(nn.Module):
    """Convolutions, a transformer, and perhaps a linear layer for classes.

    Shape: waveforms (N, time) at 16 kHz, lengths (N,) -> (N, frames, features or classes), lengths of frames or None.
    """

    def __init__(self, feature_extractor: FeatureExtractor, encoder: Encoder, aux: nn.Module | None = None) -> None:
        super().__init__()
        self.feature_extractor = feature_extractor
        self.encoder = encoder
        self.aux = aux

    def extract_features(
        self, waveforms: Tensor, lengths: Tensor | None = None, num_layers: int | None = None
    ) -> tuple[list[Tensor], Tensor | None]:
        """What each of the first `num_layers` layers gives, (N, frames, features), and the lengths of frames."""
        x, lengths = self.feature_extractor(waveforms, lengths)
        return self.encoder.extract_features(x, lengths, num_layers), lengths

    def forward(self, waveforms: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        x, lengths = self.feature_extractor(waveforms, lengths)
        x = self.encoder(x, lengths)
        return x if self.aux is None else self.aux(x), lengths


def _assembled(
    attention: Callable[[int], nn.Module],
    extractor_mode: str,
    extractor_conv_layer_config: ConvConfig | None,
    extractor_conv_bias: bool,
    encoder_embed_dim: int,
    encoder_projection_dropout: float,
    encoder_pos_conv_kernel: int,
    encoder_pos_conv_groups: int,
    encoder_num_layers: int,
    encoder_ff_interm_features: int,
    encoder_ff_interm_dropout: float,
    encoder_dropout: float,
    encoder_layer_norm_first: bool,
    encoder_layer_drop: float,
    aux_num_out: int | None,
) -> Wav2Vec2Model:
    """The model whose layer of each number has the attention that `attention` makes."""
    convolutions = extractor_conv_layer_config or _CONVOLUTIONS
    width = encoder_embed_dim
    layers = [
        EncoderLayer(
            attention(index),
            width,
            encoder_dropout,
            encoder_layer_norm_first,
            FeedForward(width, encoder_ff_interm_features, encoder_ff_interm_dropout, encoder_dropout),
        )
        for index in range(encoder_num_layers)
    ]
    transformer = Transformer(
        ConvolutionalPositionalEmbedding(width, encoder_pos_conv_kernel, encoder_pos_conv_groups),
        width,
        encoder_dropout,
        layers,
        layer_norm_first=not encoder_layer_norm_first,
        layer_drop=encoder_layer_drop,
    )
    projection = FeatureProjection(convolutions[-1][0], width, encoder_projection_dropout)
    return Wav2Vec2Model(
        FeatureExtractor(extractor_mode, convolutions, extractor_conv_bias),
        Encoder(projection, transformer),
        None if aux_num_out is None else nn.Linear(width, aux_num_out),
    )


def wav2vec2_model(
    extractor_mode: str,
    extractor_conv_layer_config: ConvConfig | None,
    extractor_conv_bias: bool,
    encoder_embed_dim: int,
    encoder_projection_dropout: float,
    encoder_pos_conv_kernel: int,
    encoder_pos_conv_groups: int,
    encoder_num_layers: int,
    encoder_num_heads: int,
    encoder_attention_dropout: float,
    encoder_ff_interm_features: int,
    encoder_ff_interm_dropout: float,
    encoder_dropout: float,
    encoder_layer_norm_first: bool,
    encoder_layer_drop: float,
    aux_num_out: int | None,
) -> Wav2Vec2Model:
    """A wav2vec 2.0 or HuBERT model of any size; ValueError for an unknown `extractor_mode`."""
    return _assembled(
        lambda index: SelfAttention(encoder_embed_dim, encoder_num_heads, encoder_attention_dropout),
        extractor_mode,
        extractor_conv_layer_config,
        extractor_conv_bias,
        encoder_embed_dim,
        encoder_projection_dropout,
        encoder_pos_conv_kernel,
        encoder_pos_conv_groups,
        encoder_num_layers,
        encoder_ff_interm_features,
        encoder_ff_interm_dropout,
        encoder_dropout,
        encoder_layer_norm_first,
        encoder_layer_drop,
        aux_num_out,
    )


def wavlm_model(
    extractor_mode: str,
    extractor_conv_layer_config: ConvConfig | None,
    extractor_conv_bias: bool,
    encoder_embed_dim: int,
    encoder_projection_dropout: float,
    encoder_pos_conv_kernel: int,
    encoder_pos_conv_groups: int,
    encoder_num_layers: int,
    encoder_num_heads: int,
    encoder_num_buckets: int,
    encoder_max_distance: int,
    encoder_attention_dropout: float,
    encoder_ff_interm_features: int,
    encoder_ff_interm_dropout: float,
    encoder_dropout: float,
    encoder_layer_norm_first: bool,
    encoder_layer_drop: float,
    aux_num_out: int | None,
) -> Wav2Vec2Model:
    """A WavLM model of any size: attention knows the distances of frames."""
    return _assembled(
        lambda index: WavLMSelfAttention(
            encoder_embed_dim,
            encoder_num_heads,
            encoder_attention_dropout,
            index == 0,
            encoder_num_buckets,
            encoder_max_distance,
        ),
        extractor_mode,
        extractor_conv_layer_config,
        extractor_conv_bias,
        encoder_embed_dim,
        encoder_projection_dropout,
        encoder_pos_conv_kernel,
        encoder_pos_conv_groups,
        encoder_num_layers,
        encoder_ff_interm_features,
        encoder_ff_interm_dropout,
        encoder_dropout,
        encoder_layer_norm_first,
        encoder_layer_drop,
        aux_num_out,
    )
