"""Metrics of classifiers, from a confusion matrix or from ranked scores."""

from __future__ import annotations

from typing import Any

import numpy as np

from facula_lightning.metrics.metric import Metric, array

__all__ = [
    "AUROC", "Accuracy", "AveragePrecision", "ConfusionMatrix", "F1Score", "JaccardIndex", "Precision", "Recall",
]  # fmt: skip


class ConfusionMatrix(Metric):
    """Counts of true classes (rows) by predicted ones (columns).

    Shape: predictions (N, C, ...) of scores or (N, ...) of classes, or of probabilities (logits are not) when `task` is
    "binary"; targets (N, ...). Targets equal to `ignore_index` do not count.

    >>> ConfusionMatrix("multiclass", num_classes=2)([0, 1, 1], [0, 0, 1]).tolist()
    [[1.0, 1.0], [0.0, 1.0]]
    """

    def __init__(
        self,
        task: str = "multiclass",
        num_classes: int | None = None,
        threshold: float = 0.5,
        average: str | None = "micro",
        ignore_index: int | None = None,
    ) -> None:
        if task not in ("binary", "multiclass") or (task == "multiclass" and not num_classes):
            raise ValueError(
                f"{type(self).__name__}: expected task 'binary', or 'multiclass' with num_classes, "
                f"got {task!r} with num_classes={num_classes}. Pass e.g. ('multiclass', num_classes=10)."
            )
        if average not in ("micro", "macro", "weighted", "none", None):
            raise ValueError(
                f"{type(self).__name__}: expected average 'micro', 'macro', 'weighted' or 'none', got {average!r}. Choose one."
            )
        self.task, self.classes = task, 2 if task == "binary" else int(num_classes or 0)
        self.threshold, self.average, self.ignore_index = threshold, average, ignore_index
        self.sums = {"matrix": np.zeros((self.classes, self.classes))}
        super().__init__()

    def update(self, preds: Any, target: Any) -> None:
        """Take one batch."""
        said, truth = array(preds), array(target)
        if said.ndim == truth.ndim + 1:
            said = said.argmax(axis=1)
        elif said.dtype.kind == "f":
            said = said > self.threshold
        if said.shape != truth.shape:
            raise ValueError(
                f"{type(self).__name__}: expected predictions (N, C, ...) or (N, ...) for targets (N, ...), "
                f"got {said.shape} and {truth.shape}. Make them fit."
            )
        said, truth = said.reshape(-1).astype(np.int64), truth.reshape(-1).astype(np.int64)
        if self.ignore_index is not None:
            said, truth = said[truth != self.ignore_index], truth[truth != self.ignore_index]
        counts = np.bincount(truth * self.classes + said, minlength=self.classes**2)
        self.add(matrix=counts.reshape(self.classes, self.classes))

    def compute(self) -> Any:
        """The matrix."""
        return self.matrix.copy()


class _Rate(ConfusionMatrix):
    """A rate per class, averaged as asked; binary tasks have the rate of class 1."""

    def rate(self, hit: Any, wrong: Any, missed: Any) -> Any:
        """The rate for counts of true positives, false positives and false negatives."""
        raise NotImplementedError

    def compute(self) -> Any:
        """The rate."""
        hit = np.diag(self.matrix)
        wrong, missed = self.matrix.sum(axis=0) - hit, self.matrix.sum(axis=1) - hit
        if self.task == "binary":
            return float(self.rate(hit[1:], wrong[1:], missed[1:])[0])
        if self.average == "micro":
            return float(self.rate(hit.sum(keepdims=True), wrong.sum(keepdims=True), missed.sum(keepdims=True))[0])
        rates, support = self.rate(hit, wrong, missed), hit + missed
        if self.average == "macro":
            return float(rates[hit + wrong + missed > 0].mean())
        return rates if self.average in ("none", None) else float((rates * support).sum() / support.sum())


def _divided(a: Any, b: Any) -> Any:
    return np.divide(a, b, out=np.zeros_like(a), where=b > 0)


class Precision(_Rate):
    """TP / (TP + FP): the part of what was found that is right."""

    def rate(self, hit: Any, wrong: Any, missed: Any) -> Any:
        return _divided(hit, hit + wrong)


class Recall(_Rate):
    """TP / (TP + FN): the part of what is there that was found."""

    def rate(self, hit: Any, wrong: Any, missed: Any) -> Any:
        return _divided(hit, hit + missed)


class F1Score(_Rate):
    """2 TP / (2 TP + FP + FN): the harmonic mean of precision and recall."""

    def rate(self, hit: Any, wrong: Any, missed: Any) -> Any:
        return _divided(2 * hit, 2 * hit + wrong + missed)


class JaccardIndex(_Rate):
    """TP / (TP + FP + FN): intersection over union; "macro" is the mean IoU of segmentation."""

    def rate(self, hit: Any, wrong: Any, missed: Any) -> Any:
        return _divided(hit, hit + wrong + missed)


class Accuracy(Recall):
    """The part that is right: over all ("micro"), or the mean of each class's part ("macro").

    >>> Accuracy("multiclass", num_classes=3)([0, 1, 2, 2], [0, 1, 1, 2])
    0.75
    """

    def compute(self) -> Any:
        """The rate."""
        return float(np.trace(self.matrix) / self.matrix.sum()) if self.task == "binary" else super().compute()


class AUROC(Metric):
    """The area under the curve of true over false positive rates; of several classes, the mean of one against the rest.

    Shape: scores (N,) of class 1, or (N, C); targets (N,).

    >>> AUROC()([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])
    0.75
    """

    lists = ("scores", "targets")

    def update(self, preds: Any, target: Any) -> None:
        """Take one batch."""
        self.scores.append(array(preds).astype(np.float64))
        self.targets.append(array(target).reshape(-1).astype(np.int64))

    def compute(self) -> Any:
        """The area."""
        scores, targets = np.concatenate(self.scores), np.concatenate(self.targets)
        if scores.ndim == 1:
            return self.area(scores, targets == 1)
        return float(np.mean([self.area(scores[:, c], targets == c) for c in np.unique(targets)]))

    @staticmethod
    def area(scores: Any, positive: Any) -> float:
        """The probability that a positive scores above a negative, ties counted half."""
        _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
        ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
        p, n = int(positive.sum()), int((~positive).sum())
        return float((ranks[positive].sum() - p * (p + 1) / 2) / (p * n)) if p and n else float("nan")


class AveragePrecision(AUROC):
    """sum over thresholds of (R_n - R_{n-1}) P_n, of one class or as the mean over classes."""

    @staticmethod
    def area(scores: Any, positive: Any) -> float:
        order = np.argsort(-scores, kind="stable")
        ends = np.append(np.diff(scores[order]) != 0, True)
        found = np.cumsum(positive[order])[ends]
        precision, recall = found / (np.flatnonzero(ends) + 1), found / max(int(positive.sum()), 1)
        return float((np.diff(recall, prepend=0.0) * precision).sum())
