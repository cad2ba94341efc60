"""torchtext's `data`: its functions under the module paths that old programs import."""

from __future__ import annotations

from facula_text.data.functional import numericalize_tokens_from_iterator, simple_space_split, to_map_style_dataset
from facula_text.data.metrics import bleu_score
from facula_text.data.utils import get_tokenizer, ngrams_iterator

__all__ = [
    "bleu_score",
    "get_tokenizer",
    "ngrams_iterator",
    "numericalize_tokens_from_iterator",
    "simple_space_split",
    "to_map_style_dataset",
]
