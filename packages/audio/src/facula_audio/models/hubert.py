"""What HuBERT learns from: some frames are hidden, and the clusters to which they belong are to be told.

Source: W.-N. Hsu et al., "HuBERT: Self-Supervised Speech Representation Learning by Masked Prediction of Hidden Units",
https://arxiv.org/abs/2106.07447.
"""

from __future__ import annotations

import math

import facula
from facula import Tensor, nn
from facula.nn import functional as F
from facula_audio.models.padding import padding_mask
from facula_audio.models.wav2vec2 import ConvConfig, Wav2Vec2Model, wav2vec2_model

__all__ = ["HuBERTPretrainModel", "hubert_pretrain_model"]

_TEMPERATURE = 0.1


def _span_lengths(count: int, selection: str, length: int, other: float) -> list[int]:
    """Lengths of `count` spans: all `length`, or drawn around it."""
    if selection == "static":
        return [length] * count
    if selection == "uniform":
        drawn = facula.randint(int(other), 2 * length + 1, (count,))
    elif selection == "normal":
        drawn = (facula.randn(count) * other + length).round().clamp(min=1)
    elif selection == "poisson":
        drawn = facula.poisson(facula.full((count,), float(length)))
    else:
        raise ValueError(
            f"HuBERT: unknown mask selection {selection!r}, expected 'static', 'uniform', 'normal' or 'poisson'."
        )
    return [int(value) for value in drawn.tolist()]


def _places(size: int, lengths: list[int], no_overlap: bool, min_space: int) -> set[int]:
    """The places below `size` that spans of these lengths cover, each span set down at random."""
    if not no_overlap:
        shortest = min(lengths)
        if size - shortest <= len(lengths):
            shortest = size - len(lengths) - 1
        starts = facula.randperm(max(size - shortest, 0))[: len(lengths)].tolist()
        covered = (range(start, start + length) for start, length in zip(starts, lengths, strict=False))
        return {place for span in covered for place in span if place < size}
    while lengths and sum(lengths) + min_space * (len(lengths) - 1) > size:
        lengths = lengths[:-1]
    spare = size - sum(lengths) - min_space * (len(lengths) - 1)
    shifts = sorted(facula.randint(0, spare + 1, (len(lengths),)).tolist()) if lengths else []
    found: set[int] = set()
    taken = 0
    for shift, length in zip(shifts, lengths, strict=True):
        found.update(range(shift + taken, shift + taken + length))
        taken += length + min_space
    return found


def compute_mask_indices(
    shape: tuple[int, int],
    padding: Tensor | None,
    mask_prob: float,
    mask_length: int,
    mask_type: str = "static",
    mask_other: float = 0.0,
    min_masks: int = 0,
    no_overlap: bool = False,
    min_space: int = 0,
) -> Tensor:
    """Spans hidden at random: so many that they would cover `mask_prob` of a row if none met another.

    All rows hide as many places. Shape: (rows, size), bool.
    """
    rows, size = shape
    covered: list[list[int]] = []
    for row in range(rows):
        valid = size if padding is None else size - int(padding[row].sum())
        count = max(min_masks, int(mask_prob * valid / mask_length + float(facula.rand(1))))
        lengths = _span_lengths(count, mask_type, mask_length, mask_other)
        if sum(lengths) == 0:
            lengths = [min(mask_length, valid - 1)]
        covered.append(sorted(_places(valid, lengths, no_overlap, min_space)))
    fewest = min(map(len, covered))
    mask = facula.zeros(rows, size, dtype=facula.bool)
    for row, places in enumerate(covered):
        chosen = facula.tensor(places, dtype=facula.int64)[facula.randperm(len(places))[:fewest]]
        mask[row, chosen] = True
    return mask


class MaskGenerator(nn.Module):
    """Frames replaced by one learned vector, and channels by zeros, in spans drawn at random.

    Shape: (N, frames, width) -> the same, and which frames are hidden (N, frames) or None.
    """

    def __init__(
        self,
        encoder_embed_dim: int,
        mask_prob: float,
        mask_selection: str,
        mask_other: float,
        mask_length: int,
        no_mask_overlap: bool,
        mask_min_space: int,
        mask_channel_prob: float,
        mask_channel_selection: str,
        mask_channel_other: float,
        mask_channel_length: int,
        no_mask_channel_overlap: bool,
        mask_channel_min_space: int,
    ) -> None:
        super().__init__()
        self.mask_prob = mask_prob
        self.mask_selection = mask_selection
        self.mask_other = mask_other
        self.mask_length = mask_length
        self.no_mask_overlap = no_mask_overlap
        self.mask_min_space = mask_min_space
        self.mask_channel_prob = mask_channel_prob
        self.mask_channel_selection = mask_channel_selection
        self.mask_channel_other = mask_channel_other
        self.mask_channel_length = mask_channel_length
        self.no_mask_channel_overlap = no_mask_channel_overlap
        self.mask_channel_min_space = mask_channel_min_space
        self.mask_embedding = nn.Parameter(facula.empty(encoder_embed_dim))
        nn.init.uniform_(self.mask_embedding)

    def forward(self, x: Tensor, padding: Tensor | None) -> tuple[Tensor, Tensor | None]:
        batch, frames, width = x.shape
        hidden: Tensor | None = None
        if self.mask_prob > 0:
            hidden = compute_mask_indices(
                (batch, frames),
                padding,
                self.mask_prob,
                self.mask_length,
                self.mask_selection,
                self.mask_other,
                2,
                self.no_mask_overlap,
                self.mask_min_space,
            ).to(x.device)
            x = facula.where(hidden.unsqueeze(2), self.mask_embedding, x)
        if self.mask_channel_prob > 0:
            channels = compute_mask_indices(
                (batch, width),
                None,
                self.mask_channel_prob,
                self.mask_channel_length,
                self.mask_channel_selection,
                self.mask_channel_other,
                0,
                self.no_mask_channel_overlap,
                self.mask_channel_min_space,
            ).to(x.device)
            x = x.masked_fill(channels.unsqueeze(1), 0.0)
        return x, hidden


class LogitGenerator(nn.Module):
    """Likeness of frames to the embedding of the right cluster (first) and of all clusters (the right one: -inf).

    cos(projected frame, embedding) / 0.1.   Shape: (N, frames, width), labels (N, frames) -> (hidden frames, classes + 1)
    and (seen frames, classes + 1), or None for what is skipped.
    """

    def __init__(
        self, encoder_embed_dim: int, num_classes: int, final_dim: int, skip_masked: bool, skip_nomask: bool
    ) -> None:
        super().__init__()
        self.label_embeddings = nn.Parameter(facula.empty(num_classes, final_dim))
        nn.init.uniform_(self.label_embeddings)
        self.final_proj = nn.Linear(encoder_embed_dim, final_dim)
        self.skip_masked = skip_masked
        self.skip_nomask = skip_nomask

    def _logits(self, projected: Tensor, labels: Tensor) -> Tensor:
        likeness = F.cosine_similarity(projected.unsqueeze(1), self.label_embeddings, dim=-1) / _TEMPERATURE
        right = labels.unsqueeze(1)
        return facula.cat([likeness.gather(1, right), likeness.scatter(1, right, -math.inf)], dim=1)

    def forward(self, x: Tensor, label: Tensor, mask_m: Tensor, mask_u: Tensor) -> tuple[Tensor | None, Tensor | None]:
        projected = self.final_proj(x)
        hidden = None if self.skip_masked else self._logits(projected[mask_m], label[mask_m])
        seen = None if self.skip_nomask else self._logits(projected[mask_u], label[mask_u])
        return hidden, seen


class HuBERTPretrainModel(nn.Module):
    """A wav2vec 2.0 model that tells clusters of hidden frames; convolutions learn at `feature_grad_mult` of the pace.

    Shape: waveforms (N, time), labels (N, frames), lengths (N,) -> logits of hidden and of seen frames (see
    `LogitGenerator`), and the mean square of the features. ValueError for labels of another number of frames.
    """

    def __init__(
        self,
        wav2vec2: Wav2Vec2Model,
        mask_generator: nn.Module,
        logit_generator: nn.Module,
        feature_grad_mult: float | None,
    ) -> None:
        super().__init__()
        self.wav2vec2 = wav2vec2
        self.mask_generator = mask_generator
        self.logit_generator = logit_generator
        if feature_grad_mult is not None and not 0.0 < feature_grad_mult < 1.0:
            raise ValueError(
                f"HuBERT: the value of `feature_grad_mult` must be between (0, 1), expected that, got "
                f"{feature_grad_mult}. Use None for 1."
            )
        self.feature_grad_mult = feature_grad_mult

    def forward(
        self, waveforms: Tensor, labels: Tensor, audio_lengths: Tensor | None = None
    ) -> tuple[Tensor | None, Tensor | None, Tensor]:
        x, lengths = self.wav2vec2.feature_extractor(waveforms, audio_lengths)
        if self.feature_grad_mult is not None and x.requires_grad:
            pace = self.feature_grad_mult
            x.register_hook(lambda gradient: gradient * pace)
        energy = x.float().pow(2).mean()
        padding = None if lengths is None else padding_mask(lengths, x.shape[1])
        x, attention_mask = self.wav2vec2.encoder.preprocess(x, lengths)
        x, hidden = self.mask_generator(x, padding)
        x = self.wav2vec2.encoder.transformer(x, attention_mask=attention_mask)
        if x.shape[1] != labels.shape[1]:
            raise ValueError(
                f"HuBERT: the length of label must match that of HuBERT model output, expected {x.shape[1]} labels, got "
                f"{labels.shape[1]}. Cluster features of the same rate."
            )
        if hidden is None:
            hidden = facula.zeros(x.shape[:2], dtype=facula.bool, device=x.device)
        valid = facula.ones_like(hidden) if padding is None else ~padding
        logits_hidden, logits_seen = self.logit_generator(x, labels, hidden & valid, ~hidden & valid)
        return logits_hidden, logits_seen, energy


def hubert_pretrain_model(
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
    mask_prob: float,
    mask_selection: str,
    mask_other: float,
    mask_length: int,
    no_mask_overlap: bool,
    mask_min_space: int,
    mask_channel_prob: float,
    mask_channel_selection: str,
    mask_channel_other: float,
    mask_channel_length: int,
    no_mask_channel_overlap: bool,
    mask_channel_min_space: int,
    skip_masked: bool,
    skip_nomask: bool,
    num_classes: int,
    final_dim: int,
    feature_grad_mult: float | None,
) -> HuBERTPretrainModel:
    """A HuBERT model of any size with what it needs for pretraining."""
    wav2vec2 = wav2vec2_model(
        extractor_mode,
        extractor_conv_layer_config,
        extractor_conv_bias,
        encoder_embed_dim,
        encoder_projection_dropout,
        encoder_pos_conv_kernel,
        encoder_pos_conv_groups,
        encoder_num_layers,
        encoder_num_heads,
        encoder_attention_dropout,
        encoder_ff_interm_features,
        encoder_ff_interm_dropout,
        encoder_dropout,
        encoder_layer_norm_first,
        encoder_layer_drop,
        aux_num_out=None,
    )
    for module in wav2vec2.encoder.modules():
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.02)
            nn.init.zeros_(module.bias)
    masks = MaskGenerator(
        encoder_embed_dim,
        mask_prob,
        mask_selection,
        mask_other,
        mask_length,
        no_mask_overlap,
        mask_min_space,
        mask_channel_prob,
        mask_channel_selection,
        mask_channel_other,
        mask_channel_length,
        no_mask_channel_overlap,
        mask_channel_min_space,
    )
    logits = LogitGenerator(encoder_embed_dim, num_classes, final_dim, skip_masked, skip_nomask)
    return HuBERTPretrainModel(wav2vec2, masks, logits, feature_grad_mult)
