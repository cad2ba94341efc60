"""Metrics that are a sum over samples or words, divided by another: of predicted numbers and of language."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from facula.metrics.metric import Metric, array


class _Mean(Metric):
    """total / count."""

    sums = {"total": 0.0, "count": 0.0}  # noqa: RUF012

    def compute(self) -> float:
        return float(self.total / self.count)


class MeanSquaredError(_Mean):
    """mean((y - target)^2), or its root with `squared=False`.

    >>> from facula.metrics import MeanSquaredError
    >>> MeanSquaredError()([1.0, 2.0], [1.0, 4.0])
    2.0
    """

    def __init__(self, squared: bool = True) -> None:
        super().__init__()
        self.squared = squared

    def update(self, preds: Any, target: Any) -> None:
        error = np.asarray(array(preds), np.float64) - array(target)
        self.add(total=self.distance(error).sum(), count=error.size)

    def distance(self, error: Any) -> Any:
        """What is averaged."""
        return error**2

    def compute(self) -> float:
        return float(super().compute() ** (1.0 if self.squared else 0.5))


class MeanAbsoluteError(MeanSquaredError):
    """mean(|y - target|)."""

    def distance(self, error: Any) -> Any:
        return np.abs(error)


class R2Score(Metric):
    """1 - sum((y - target)^2) / sum((target - mean)^2)."""

    sums = {"error": 0.0}  # noqa: RUF012
    lists = ("targets",)

    def update(self, preds: Any, target: Any) -> None:
        truth = np.asarray(array(target), np.float64).reshape(-1)
        self.add(error=((np.asarray(array(preds), np.float64).reshape(-1) - truth) ** 2).sum())
        self.targets.append(truth)

    def compute(self) -> float:
        truth = np.concatenate(self.targets)
        spread = ((truth - truth.mean()) ** 2).sum()
        return float(1 - self.error / spread) if spread else float("nan")


class Perplexity(_Mean):
    """exp of the mean negative log-likelihood of the right tokens. Shape: logits (N, T, V), targets (N, T)."""

    def __init__(self, ignore_index: int | None = None) -> None:
        super().__init__()
        self.ignore_index = ignore_index

    def update(self, preds: Any, target: Any) -> None:
        logits, truth = array(preds).astype(np.float64), array(target).reshape(-1)
        logits = logits.reshape(len(truth), -1)
        kept = np.ones(len(truth), bool) if self.ignore_index is None else truth != self.ignore_index
        logits, truth = logits[kept] - logits[kept].max(axis=1, keepdims=True), truth[kept]
        nll = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(truth)), truth]
        self.add(total=nll.sum(), count=len(truth))

    def compute(self) -> float:
        return float(np.exp(super().compute()))


class WordErrorRate(_Mean):
    """Words to replace, insert or delete, over words that were said.

    >>> from facula.metrics import WordErrorRate
    >>> WordErrorRate()(["a dog runs"], ["the dog runs fast"])
    0.5
    """

    def update(self, preds: Sequence[str], target: Sequence[str]) -> None:
        for said, truth in zip(preds, target, strict=True):
            a, b = said.split(), truth.split()
            row = list(range(len(b) + 1))
            for i, word in enumerate(a, 1):
                before, row[0] = row[0], i
                for j, other in enumerate(b, 1):
                    before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (word != other))
            self.add(total=row[-1], count=len(b))


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
        if not self.hits.all():
            return 0.0
        penalty = min(0.0, 1 - self.lengths[1] / self.lengths[0])
        return float(np.exp(penalty + np.log(self.hits / self.grams).mean()))


def _grams(words: list[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))
