"""Metrics of language."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from facula_lightning.metrics.metric import Metric, array

__all__ = ["BLEUScore", "Perplexity", "WordErrorRate"]


class Perplexity(Metric):
    """exp of the mean negative log-likelihood of the right tokens. Shape: logits (N, T, V), targets (N, T)."""

    sums = {"total": 0.0, "count": 0.0}  # noqa: RUF012

    def __init__(self, ignore_index: int | None = None) -> None:
        super().__init__()
        self.ignore_index = ignore_index

    def update(self, preds: Any, target: Any) -> None:
        """Take one batch."""
        logits, truth = array(preds).astype(np.float64), array(target).reshape(-1)
        logits = logits.reshape(len(truth), -1)
        kept = np.ones(len(truth), bool) if self.ignore_index is None else truth != self.ignore_index
        logits, truth = logits[kept] - logits[kept].max(axis=1, keepdims=True), truth[kept]
        nll = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(truth)), truth]
        self.add(total=nll.sum(), count=len(truth))

    def compute(self) -> float:
        """The perplexity."""
        return float(np.exp(self.total / self.count))


class WordErrorRate(Metric):
    """Words to replace, insert or delete, over words that were said.

    >>> WordErrorRate()(["a dog runs"], ["the dog runs fast"])
    0.5
    """

    sums = {"errors": 0.0, "words": 0.0}  # noqa: RUF012

    def update(self, preds: Sequence[str], target: Sequence[str]) -> None:
        """Take one batch of sentences."""
        for said, truth in zip(preds, target, strict=True):
            a, b = said.split(), truth.split()
            row = list(range(len(b) + 1))
            for i, word in enumerate(a, 1):
                before, row[0] = row[0], i
                for j, other in enumerate(b, 1):
                    before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (word != other))
            self.add(errors=row[-1], words=len(b))

    def compute(self) -> float:
        """The rate."""
        return float(self.errors / self.words)


class BLEUScore(Metric):
    """Geometric mean of n-gram precisions times the brevity penalty, over the corpus.

    Source: Papineni et al., "BLEU: a method for automatic evaluation of machine translation", 2002.
    """

    def __init__(self, n_gram: int = 4) -> None:
        self.n_gram = n_gram
        self.sums = {"hits": np.zeros(n_gram), "grams": np.zeros(n_gram), "lengths": np.zeros(2)}
        super().__init__()

    def update(self, preds: Sequence[str], target: Sequence[Sequence[str]]) -> None:
        """Take one batch: sentences, and for each a list of references."""
        for said, references in zip(preds, target, strict=True):
            words, truths = said.split(), [reference.split() for reference in references]
            nearest = min((abs(len(truth) - len(words)), len(truth)) for truth in truths)[1]
            self.add(lengths=np.array([len(words), nearest]))
            for n in range(1, self.n_gram + 1):
                found, allowed = _grams(words, n), Counter[tuple[str, ...]]()
                for truth in truths:
                    allowed |= _grams(truth, n)
                self.hits[n - 1] += (found & allowed).total()
                self.grams[n - 1] += found.total()

    def compute(self) -> float:
        """The score."""
        if not self.hits.all():
            return 0.0
        penalty = min(0.0, 1 - self.lengths[1] / self.lengths[0])
        return float(np.exp(penalty + np.log(self.hits / self.grams).mean()))


def _grams(words: list[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))
