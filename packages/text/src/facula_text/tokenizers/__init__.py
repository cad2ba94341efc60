"""Tokenizers: byte-pair encoding, WordPiece and Unigram by the `tokenizers` library, and characters."""

from __future__ import annotations

from facula_text.tokenizers.base import Tokenizer, pad_ids
from facula_text.tokenizers.bpe import BPETokenizer
from facula_text.tokenizers.character import CharTokenizer
from facula_text.tokenizers.library import LibraryTokenizer
from facula_text.tokenizers.pieces import UnigramTokenizer, WordPieceTokenizer

__all__ = [
    "BPETokenizer",
    "CharTokenizer",
    "LibraryTokenizer",
    "Tokenizer",
    "UnigramTokenizer",
    "WordPieceTokenizer",
    "pad_ids",
]
