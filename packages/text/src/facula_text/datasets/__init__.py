"""Datasets of text: blocks of ids for language models, readers of the usual file formats, and published ones by name."""

from __future__ import annotations

from facula_text.datasets.blocks import CharDataset, TokenDataset
from facula_text.datasets.mapped import MappedTokens, write_tokens
from facula_text.datasets.named import (
    AG_NEWS,
    IMDB,
    SST2,
    CoNLL2000Chunking,
    DBpedia,
    Multi30k,
    PennTreebank,
    SQuAD1,
    SQuAD2,
    WikiText2,
    WikiText103,
    YelpReviewFull,
    YelpReviewPolarity,
)
from facula_text.datasets.readers import (
    ConllTags,
    CsvRows,
    JsonLines,
    LabelledFiles,
    ParallelLines,
    SquadQuestions,
    TextLines,
)
from facula_text.datasets.sonnets import Sonnets

__all__ = [
    "AG_NEWS",
    "IMDB",
    "SST2",
    "CharDataset",
    "CoNLL2000Chunking",
    "ConllTags",
    "CsvRows",
    "DBpedia",
    "JsonLines",
    "LabelledFiles",
    "MappedTokens",
    "Multi30k",
    "ParallelLines",
    "PennTreebank",
    "SQuAD1",
    "SQuAD2",
    "Sonnets",
    "SquadQuestions",
    "TextLines",
    "TokenDataset",
    "WikiText2",
    "WikiText103",
    "YelpReviewFull",
    "YelpReviewPolarity",
    "write_tokens",
]
