"""Tokenizers: byte-pair encoding, WordPiece and Unigram by the `tokenizers` library, characters and words."""

from __future__ import annotations

from facula_text.tokenizers.base import Tokenizer, pad_ids
from facula_text.tokenizers.bpe import BPETokenizer
from facula_text.tokenizers.character import CharTokenizer
from facula_text.tokenizers.library import LibraryTokenizer
from facula_text.tokenizers.pieces import UnigramTokenizer, WordPieceTokenizer
from facula_text.tokenizers.words import WordTokenizer

__all__ = [
    "BPETokenizer",
    "CharTokenizer",
    "LibraryTokenizer",
    "Tokenizer",
    "UnigramTokenizer",
    "WordPieceTokenizer",
    "WordTokenizer",
    "pad_ids",
]
