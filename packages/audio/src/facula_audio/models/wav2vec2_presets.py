"""The published sizes of wav2vec 2.0, HuBERT and WavLM, with their own rates of dropout.

`aux_num_out` adds a linear layer for so many classes, as recognisers have it.
"""

from __future__ import annotations

from typing import Any

from facula_audio.models.hubert import HuBERTPretrainModel, hubert_pretrain_model
from facula_audio.models.wav2vec2 import Wav2Vec2Model, wav2vec2_model, wavlm_model

__all__ = [
    "hubert_base",
    "hubert_large",
    "hubert_pretrain_base",
    "hubert_pretrain_large",
    "hubert_pretrain_xlarge",
    "hubert_xlarge",
    "wav2vec2_base",
    "wav2vec2_large",
    "wav2vec2_large_lv60k",
    "wav2vec2_xlsr_1b",
    "wav2vec2_xlsr_2b",
    "wav2vec2_xlsr_300m",
    "wavlm_base",
    "wavlm_large",
]


def _size(width: int, layers: int, heads: int, hidden: int, **other: Any) -> dict[str, Any]:
    """Arguments of `wav2vec2_model` for a transformer of this size that normalises first, unless `other` says otherwise."""
    return {
        "extractor_mode": "layer_norm",
        "extractor_conv_layer_config": None,
        "extractor_conv_bias": False,
        "encoder_embed_dim": width,
        "encoder_pos_conv_kernel": 128,
        "encoder_pos_conv_groups": 16,
        "encoder_num_layers": layers,
        "encoder_num_heads": heads,
        "encoder_ff_interm_features": hidden,
        "encoder_layer_norm_first": True,
        **other,
    }


_LAST = {"extractor_mode": "group_norm", "encoder_layer_norm_first": False}
_BASE = _size(768, 12, 12, 3072, **_LAST)
_LARGE = _size(1024, 24, 16, 4096, **_LAST)
_LARGE_FIRST = _size(1024, 24, 16, 4096)
_LARGE_BIASED = _size(1024, 24, 16, 4096, extractor_conv_bias=True)
_XLARGE = _size(1280, 48, 16, 5120)
_1B_BIASED = _size(1280, 48, 16, 5120, extractor_conv_bias=True)
_2B_BIASED = _size(1920, 48, 16, 7680, extractor_conv_bias=True)
_DISTANCES: dict[str, Any] = {"encoder_num_buckets": 320, "encoder_max_distance": 800}
_MASKS: dict[str, Any] = {
    "mask_selection": "static",
    "mask_other": 0.0,
    "mask_length": 10,
    "no_mask_overlap": False,
    "mask_min_space": 1,
    "mask_channel_selection": "static",
    "mask_channel_other": 0.0,
    "no_mask_channel_overlap": False,
    "mask_channel_min_space": 1,
    "skip_masked": False,
    "skip_nomask": False,
}


def wav2vec2_base(
    encoder_projection_dropout: float = 0.1,
    encoder_attention_dropout: float = 0.1,
    encoder_ff_interm_dropout: float = 0.1,
    encoder_dropout: float = 0.1,
    encoder_layer_drop: float = 0.1,
    aux_num_out: int | None = None,
) -> Wav2Vec2Model:
    """wav2vec 2.0 of 12 layers: 94,370,944 parameters."""
    return wav2vec2_model(
        **_BASE,
        encoder_projection_dropout=encoder_projection_dropout,
        encoder_attention_dropout=encoder_attention_dropout,
        encoder_ff_interm_dropout=encoder_ff_interm_dropout,
        encoder_dropout=encoder_dropout,
        encoder_layer_drop=encoder_layer_drop,
        aux_num_out=aux_num_out,
    )


def wav2vec2_large(
    encoder_projection_dropout: float = 0.1,
    encoder_attention_dropout: float = 0.1,
    encoder_ff_interm_dropout: float = 0.1,
    encoder_dropout: float = 0.1,
    encoder_layer_drop: float = 0.1,
    aux_num_out: int | None = None,
) -> Wav2Vec2Model:
    """wav2vec 2.0 of 24 layers: 315,427,968 parameters."""
    return wav2vec2_model(
        **_LARGE,
        encoder_projection_dropout=encoder_projection_dropout,
        encoder_attention_dropout=encoder_attention_dropout,
        encoder_ff_interm_dropout=encoder_ff_interm_dropout,
        encoder_dropout=encoder_dropout,
        encoder_layer_drop=encoder_layer_drop,
        aux_num_out=aux_num_out,
    )


def wav2vec2_large_lv60k(
    encoder_projection_dropout: float = 0.1,
    encoder_attention_dropout: float = 0.0,
    encoder_ff_interm_dropout: float = 0.1,
    encoder_dropout: float = 0.0,
    encoder_layer_drop: float = 0.1,
    aux_num_out: int | None = None,
) -> Wav2Vec2Model:
    """wav2vec 2.0 of 24 layers, normalised first, as trained on Libri-Light: 315,437,696 parameters."""
    return wav2vec2_model(
        **_LARGE_BIASED,
        encoder_projection_dropout=encoder_projection_dropout,
        encoder_attention_dropout=encoder_attention_dropout,
        encoder_ff_interm_dropout=encoder_ff_interm_dropout,
        encoder_dropout=encoder_dropout,
        encoder_layer_drop=encoder_layer_drop,
        aux_num_out=aux_num_out,
    )


def wav2vec2_xlsr_300m(
    encoder_projection_dropout: float = 0.0,
    encoder_attention_dropout: float = 0.0,
    encoder_ff_interm_dropout: float = 0.0,
    encoder_dropout: float = 0.0,
    encoder_layer_drop: float = 0.0,
    aux_num_out: int | None = None,
) -> Wav2Vec2Model:
    """XLS-R, wav2vec 2.0 for 128 languages: 315,437,696 parameters."""
    return wav2vec2_model(
        **_LARGE_BIASED,
        encoder_projection_dropout=encoder_projection_dropout,
        encoder_attention_dropout=encoder_attention_dropout,
        encoder_ff_interm_dropout=encoder_ff_interm_dropout,
        encoder_dropout=encoder_dropout,
        encoder_layer_drop=encoder_layer_drop,
        aux_num_out=aux_num_out,
    )


def wav2vec2_xlsr_1b(
    encoder_projection_dropout: float = 0.1,
    encoder_attention_dropout: float = 0.0,
    encoder_ff_interm_dropout: float = 0.0,
    encoder_dropout: float = 0.0,
    encoder_layer_drop: float = 0.0,
    aux_num_out: int | None = None,
) -> Wav2Vec2Model:
    """XLS-R of 48 layers: 962,496,128 parameters."""
    return wav2vec2_model(
        **_1B_BIASED,
        encoder_projection_dropout=encoder_projection_dropout,
        encoder_attention_dropout=encoder_attention_dropout,
        encoder_ff_interm_dropout=encoder_ff_interm_dropout,
        encoder_dropout=encoder_dropout,
        encoder_layer_drop=encoder_layer_drop,
        aux_num_out=aux_num_out,
    )


def wav2vec2_xlsr_2b(
    encoder_projection_dropout: float = 0.1,
    encoder_attention_dropout: float = 0.0,
    encoder_ff_interm_dropout: float = 0.0,
    encoder_dropout: float = 0.0,
    encoder_layer_drop: float = 0.0,
    aux_num_out: int | None = None,
) -> Wav2Vec2Model:
    """XLS-R of 48 wider layers: 2,159,257,728 parameters."""
    return wav2vec2_model(
        **_2B_BIASED,
        encoder_projection_dropout=encoder_projection_dropout,
        encoder_attention_dropout=encoder_attention_dropout,
        encoder_ff_interm_dropout=encoder_ff_interm_dropout,
        encoder_dropout=encoder_dropout,
        encoder_layer_drop=encoder_layer_drop,
        aux_num_out=aux_num_out,
    )


def hubert_base(
    encoder_projection_dropout: float = 0.1,
    encoder_attention_dropout: float = 0.1,
    encoder_ff_interm_dropout: float = 0.0,
    encoder_dropout: float = 0.1,
    encoder_layer_drop: float = 0.05,
    aux_num_out: int | None = None,
) -> Wav2Vec2Model:
    """HuBERT of 12 layers: 94,370,944 parameters."""
    return wav2vec2_model(
        **_BASE,
        encoder_projection_dropout=encoder_projection_dropout,
        encoder_attention_dropout=encoder_attention_dropout,
        encoder_ff_interm_dropout=encoder_ff_interm_dropout,
        encoder_dropout=encoder_dropout,
        encoder_layer_drop=encoder_layer_drop,
        aux_num_out=aux_num_out,
    )


def hubert_large(
    encoder_projection_dropout: float = 0.0,
    encoder_attention_dropout: float = 0.0,
    encoder_ff_interm_dropout: float = 0.0,
    encoder_dropout: float = 0.0,
    encoder_layer_drop: float = 0.0,
    aux_num_out: int | None = None,
) -> Wav2Vec2Model:
    """HuBERT of 24 layers: 315,434,112 parameters."""
    return wav2vec2_model(
        **_LARGE_FIRST,
        encoder_projection_dropout=encoder_projection_dropout,
        encoder_attention_dropout=encoder_attention_dropout,
        encoder_ff_interm_dropout=encoder_ff_interm_dropout,
        encoder_dropout=encoder_dropout,
        encoder_layer_drop=encoder_layer_drop,
        aux_num_out=aux_num_out,
    )


def hubert_xlarge(
    encoder_projection_dropout: float = 0.0,
    encoder_attention_dropout: float = 0.0,
    encoder_ff_interm_dropout: float = 0.0,
    encoder_dropout: float = 0.0,
    encoder_layer_drop: float = 0.0,
    aux_num_out: int | None = None,
) -> Wav2Vec2Model:
    """HuBERT of 48 layers: 962,492,544 parameters."""
    return wav2vec2_model(
        **_XLARGE,
        encoder_projection_dropout=encoder_projection_dropout,
        encoder_attention_dropout=encoder_attention_dropout,
        encoder_ff_interm_dropout=encoder_ff_interm_dropout,
        encoder_dropout=encoder_dropout,
        encoder_layer_drop=encoder_layer_drop,
        aux_num_out=aux_num_out,
    )


def wavlm_base(
    encoder_projection_dropout: float = 0.1,
    encoder_attention_dropout: float = 0.1,
    encoder_ff_interm_dropout: float = 0.1,
    encoder_dropout: float = 0.1,
    encoder_layer_drop: float = 0.1,
    aux_num_out: int | None = None,
) -> Wav2Vec2Model:
    """WavLM of 12 layers: 94,381,168 parameters."""
    return wavlm_model(
        **_BASE,
        **_DISTANCES,
        encoder_projection_dropout=encoder_projection_dropout,
        encoder_attention_dropout=encoder_attention_dropout,
        encoder_ff_interm_dropout=encoder_ff_interm_dropout,
        encoder_dropout=encoder_dropout,
        encoder_layer_drop=encoder_layer_drop,
        aux_num_out=aux_num_out,
    )


def wavlm_large(
    encoder_projection_dropout: float = 0.1,
    encoder_attention_dropout: float = 0.1,
    encoder_ff_interm_dropout: float = 0.0,
    encoder_dropout: float = 0.1,
    encoder_layer_drop: float = 0.1,
    aux_num_out: int | None = None,
) -> Wav2Vec2Model:
    """WavLM of 24 layers: 315,452,096 parameters."""
    return wavlm_model(
        **_LARGE_FIRST,
        **_DISTANCES,
        encoder_projection_dropout=encoder_projection_dropout,
        encoder_attention_dropout=encoder_attention_dropout,
        encoder_ff_interm_dropout=encoder_ff_interm_dropout,
        encoder_dropout=encoder_dropout,
        encoder_layer_drop=encoder_layer_drop,
        aux_num_out=aux_num_out,
    )


def hubert_pretrain_base(
    encoder_projection_dropout: float = 0.1,
    encoder_attention_dropout: float = 0.1,
    encoder_ff_interm_dropout: float = 0.0,
    encoder_dropout: float = 0.1,
    encoder_layer_drop: float = 0.05,
    mask_prob: float = 0.8,
    mask_channel_prob: float = 0.0,
    mask_channel_length: int = 10,
    feature_grad_mult: float | None = 0.1,
    num_classes: int = 100,
) -> HuBERTPretrainModel:
    """HuBERT base for pretraining: 94,594,176 parameters."""
    return hubert_pretrain_model(
        **_BASE,
        **_MASKS,
        encoder_projection_dropout=encoder_projection_dropout,
        encoder_attention_dropout=encoder_attention_dropout,
        encoder_ff_interm_dropout=encoder_ff_interm_dropout,
        encoder_dropout=encoder_dropout,
        encoder_layer_drop=encoder_layer_drop,
        mask_prob=mask_prob,
        mask_channel_prob=mask_channel_prob,
        mask_channel_length=mask_channel_length,
        feature_grad_mult=feature_grad_mult,
        num_classes=num_classes,
        final_dim=256,
    )


def hubert_pretrain_large(
    encoder_projection_dropout: float = 0.0,
    encoder_attention_dropout: float = 0.0,
    encoder_ff_interm_dropout: float = 0.0,
    encoder_dropout: float = 0.0,
    encoder_layer_drop: float = 0.0,
    mask_prob: float = 0.8,
    mask_channel_prob: float = 0.0,
    mask_channel_length: int = 10,
    feature_grad_mult: float | None = None,
) -> HuBERTPretrainModel:
    """HuBERT large for pretraining on 500 clusters: 316,606,336 parameters."""
    return hubert_pretrain_model(
        **_LARGE_FIRST,
        **_MASKS,
        encoder_projection_dropout=encoder_projection_dropout,
        encoder_attention_dropout=encoder_attention_dropout,
        encoder_ff_interm_dropout=encoder_ff_interm_dropout,
        encoder_dropout=encoder_dropout,
        encoder_layer_drop=encoder_layer_drop,
        mask_prob=mask_prob,
        mask_channel_prob=mask_channel_prob,
        mask_channel_length=mask_channel_length,
        feature_grad_mult=feature_grad_mult,
        num_classes=500,
        final_dim=768,
    )


def hubert_pretrain_xlarge(
    encoder_projection_dropout: float = 0.0,
    encoder_attention_dropout: float = 0.0,
    encoder_ff_interm_dropout: float = 0.0,
    encoder_dropout: float = 0.0,
    encoder_layer_drop: float = 0.0,
    mask_prob: float = 0.8,
    mask_channel_prob: float = 0.0,
    mask_channel_length: int = 10,
    feature_grad_mult: float | None = None,
) -> HuBERTPretrainModel:
    """HuBERT x-large for pretraining on 500 clusters: 964,317,568 parameters."""
    return hubert_pretrain_model(
        **_XLARGE,
        **_MASKS,
        encoder_projection_dropout=encoder_projection_dropout,
        encoder_attention_dropout=encoder_attention_dropout,
        encoder_ff_interm_dropout=encoder_ff_interm_dropout,
        encoder_dropout=encoder_dropout,
        encoder_layer_drop=encoder_layer_drop,
        mask_prob=mask_prob,
        mask_channel_prob=mask_channel_prob,
        mask_channel_length=mask_channel_length,
        feature_grad_mult=feature_grad_mult,
        num_classes=500,
        final_dim=1024,
    )
