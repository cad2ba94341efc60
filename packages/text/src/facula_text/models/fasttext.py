"""A classifier of texts by the mean of their words' vectors.

Source: A. Joulin et al., "Bag of Tricks for Efficient Text Classification", https://arxiv.org/abs/1607.01759.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from zlib import crc32

from facula import Tensor, nn

__all__ = ["FastText", "fasttext", "hashed_ngrams"]


def hashed_ngrams(tokens: Iterable[str], buckets: int, n: int = 2) -> list[int]:
    """Ids of the tokens and of what stands together, up to n at once: crc32 of the text, modulo `buckets`.

    >>> from facula_text.models.fasttext import hashed_ngrams
    >>> hashed_ngrams(["good", "film"], buckets=1000)
    [194, 202, 326]
    """
    words = list(tokens)
    grams = (
        " ".join(words[first : first + size]) for size in range(1, n + 1) for first in range(len(words) - size + 1)
    )
    return [crc32(gram.encode()) % buckets for gram in grams]


class FastText(nn.Module):
    """linear(mean of the embeddings of a text's ids).

    Shape: ids of all texts (N,), where each text starts (B,) -> (B, classes); or ids (B, T) -> (B, classes).

    >>> import facula
    >>> from facula_text.models import FastText
    >>> FastText(vocab_size=10, classes=2)(facula.tensor([1, 2, 3, 4]), facula.tensor([0, 3])).shape
    facula.Size([2, 2])
    """

    def __init__(self, vocab_size: int, classes: int, n_embd: int = 64) -> None:
        super().__init__()
        self.embedding = nn.EmbeddingBag(vocab_size, n_embd, mode="mean")
        self.head = nn.Linear(n_embd, classes)
        nn.init.uniform_(self.embedding.weight, -1 / n_embd, 1 / n_embd)  # small, so that rare words say little

    def forward(self, input: Tensor, offsets: Tensor | None = None) -> Tensor:
        return self.head(self.embedding(input, offsets))


def fasttext(*, vocab_size: int = 100_000, classes: int = 2, **config: Any) -> FastText:
    """A classifier of 100,000 buckets, 64 wide, unless the configuration says otherwise."""
    return FastText(vocab_size, classes, **config)
