"""Tokenizers: byte-pair encoding by the `tokenizers` library, and characters."""

from __future__ import annotations

from facula_text.tokenizers.base import Tokenizer, pad_ids
from facula_text.tokenizers.bpe import BPETokenizer
from facula_text.tokenizers.character import CharTokenizer

__all__ = ["BPETokenizer", "CharTokenizer", "Tokenizer", "pad_ids"]
