"""Datasets of text for language models: blocks of ids and what follows each."""

from __future__ import annotations

from facula_text.datasets.blocks import CharDataset, TokenDataset
from facula_text.datasets.sonnets import Sonnets

__all__ = ["CharDataset", "Sonnets", "TokenDataset"]
