"""Datasets of text: blocks of ids for language models, and readers of the usual file formats."""

from __future__ import annotations

from facula_text.datasets.blocks import CharDataset, TokenDataset
from facula_text.datasets.mapped import MappedTokens, write_tokens
from facula_text.datasets.readers import ConllTags, CsvRows, JsonLines, TextLines
from facula_text.datasets.sonnets import Sonnets

__all__ = [
    "CharDataset",
    "ConllTags",
    "CsvRows",
    "JsonLines",
    "MappedTokens",
    "Sonnets",
    "TextLines",
    "TokenDataset",
    "write_tokens",
]
