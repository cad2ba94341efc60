"""Metrics of classifiers, from a confusion matrix or from ranked scores."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from facula.errors import value_error
from facula.metrics.metric import Metric, array


class ConfusionMatrix(Metric):
    """Counts of true classes (rows) by predicted ones (columns); of "multilabel" tasks one such table a label.

    Shape: "multiclass": predictions (N, C, ...) of scores or (N, ...) of classes; "binary" and "multilabel" (N, L, ...):
    0, 1 or probabilities (logits are not), which `threshold` divides. Targets equal to `ignore_index` do not count. With
    `top_k` a class is right that is among the k of highest scores.

    >>> from facula.metrics import ConfusionMatrix
    >>> ConfusionMatrix("multiclass", num_classes=2)([0, 1, 1], [0, 0, 1]).tolist()
    [[1.0, 1.0], [0.0, 1.0]]
    """

    def __init__(
        self,
        task: str = "multiclass",
        threshold: float = 0.5,
        num_classes: int | None = None,
        num_labels: int | None = None,
        average: str | None = "micro",
        ignore_index: int | None = None,
        top_k: int = 1,
    ) -> None:
        classes = {"binary": 2, "multiclass": num_classes, "multilabel": num_labels}.get(task)
        if not classes:
            raise value_error(
                f"{type(self).__name__}: expected task 'binary', or 'multiclass' with num_classes, or 'multilabel' with "
                f"num_labels, got {task!r} with num_classes={num_classes}, num_labels={num_labels}. Pass e.g. ('multiclass', num_classes=10)."
            )
        _check_average(self, average, "micro", "macro", "weighted", "none", None)
        self.task, self.classes, self.threshold, self.top_k = task, classes, threshold, top_k
        self.average, self.ignore_index = average, ignore_index
        self.sums = {"matrix": np.zeros((classes, 2, 2) if task == "multilabel" else (classes, classes))}
        super().__init__()

    def update(self, preds: Any, target: Any) -> None:
        said, truth = array(preds), array(target)
        if self.task == "multiclass" and said.ndim == truth.ndim + 1:
            best, first = said.argmax(axis=1), np.argsort(-said, axis=1, kind="stable")[:, : self.top_k]
            said = np.where((first == truth[:, None]).any(axis=1), truth, best) if self.top_k > 1 else best
        elif said.dtype.kind == "f":
            said = said > self.threshold
        if said.shape != truth.shape:
            raise value_error(
                f"{type(self).__name__}: expected predictions (N, C, ...) or (N, ...) for targets (N, ...), "
                f"got {said.shape} and {truth.shape}. Make them fit."
            )
        kept = np.ones(truth.shape, bool) if self.ignore_index is None else truth != self.ignore_index
        wide = 2 if self.task == "multilabel" else self.classes
        cells = truth.astype(np.int64) * wide + said.astype(np.int64)
        if self.task == "multilabel":
            cells += 4 * np.arange(self.classes).reshape(1, -1, *[1] * (truth.ndim - 2))
        counts = np.bincount(cells[kept], minlength=self.matrix.size)
        self.add(matrix=counts.reshape(self.matrix.shape))

    def compute(self) -> Any:
        return self.matrix.copy()


class _Rate(ConfusionMatrix):
    """A rate per class, averaged as asked; binary tasks have the rate of class 1.

    With `shares` (a, b, c) it is a TP / (a TP + b FP + c FN), of true positives, false positives and false negatives.
    """

    shares: ClassVar[tuple[int, int, int]]

    def _rate(self, hit: Any, wrong: Any, missed: Any) -> Any:
        a, b, c = self.shares
        return _divided(a * hit, a * hit + b * wrong + c * missed)

    def compute(self) -> Any:
        if self.task == "multilabel":
            hit, wrong, missed = self.matrix[:, 1, 1], self.matrix[:, 0, 1], self.matrix[:, 1, 0]
        else:
            hit = np.diag(self.matrix)
            wrong, missed = self.matrix.sum(axis=0) - hit, self.matrix.sum(axis=1) - hit
        if self.task == "binary":
            return float(self._rate(hit[1], wrong[1], missed[1]))
        if self.average == "micro":
            return float(self._rate(hit.sum(), wrong.sum(), missed.sum()))
        rates, seen = self._rate(hit, wrong, missed), hit + wrong + missed > 0
        if self.average == "macro" and self.task == "multiclass":  # of the classes that there are
            return _averaged(rates[seen], (hit + missed)[seen], self.average)
        return _averaged(rates, hit + missed, self.average)


def _check_average(metric: Metric, given: Any, *known: str | None) -> None:
    if given not in known:
        *most, last = map(repr, known)
        raise value_error(
            f"{type(metric).__name__}: expected average {', '.join(most)} or {last}, got {given!r}. Choose one."
        )


def _divided(a: Any, b: Any) -> Any:
    return np.divide(a, b, out=np.zeros_like(a), where=np.asarray(b) > 0)


def _averaged(rates: Any, support: Any, average: str | None) -> Any:
    """The mean of the rates ("macro"), by their support ("weighted"), or the rates; NaN without any."""
    if average in ("none", None):
        return rates
    weights = support if average == "weighted" else np.ones_like(rates)
    return float((rates * weights).sum() / weights.sum()) if weights.sum() else float("nan")


class Precision(_Rate):
    """TP / (TP + FP): the part of what was found that is right."""

    shares = (1, 1, 0)


class Recall(_Rate):
    """TP / (TP + FN): the part of what is there that was found."""

    shares = (1, 0, 1)


class F1Score(_Rate):
    """2 TP / (2 TP + FP + FN): the harmonic mean of precision and recall."""

    shares = (2, 1, 1)


class JaccardIndex(_Rate):
    """TP / (TP + FP + FN): intersection over union; "macro" is the mean IoU of segmentation."""

    shares = (1, 1, 1)


class Accuracy(Recall):
    """The part that is right: over all ("micro"), or the mean of each class's or label's part ("macro").

    >>> from facula.metrics import Accuracy
    >>> Accuracy("multiclass", num_classes=3)([0, 1, 2, 2], [0, 1, 1, 2])
    0.75
    """

    def compute(self) -> Any:
        if self.task == "multiclass":
            return super().compute()
        right = np.trace(self.matrix, axis1=-2, axis2=-1)
        if self.task == "binary" or self.average == "micro":
            return float(_divided(right.sum(), self.matrix.sum()))
        return _averaged(_divided(right, self.matrix.sum(axis=(1, 2))), self.matrix[:, 1].sum(axis=1), self.average)


class AUROC(Metric):
    """The area under the curve of true over false positive rates; of several classes, the mean of one against the rest.

    Shape: scores (N,) of class 1, or (N, C); targets (N,) of classes, or (N, C) of 0 and 1 for every label. `average` is
    "macro", "weighted" by how often a class is there, "micro" over all labels at once, or "none". Targets equal to
    `ignore_index` do not count. The task is seen from the shapes; its name and sizes are accepted for programs that pass them.

    >>> from facula.metrics import AUROC
    >>> AUROC()([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])
    0.75
    """

    lists = ("scores", "targets")

    def __init__(
        self,
        task: str | None = None,
        num_classes: int | None = None,
        num_labels: int | None = None,
        average: str | None = "macro",
        ignore_index: int | None = None,
    ) -> None:
        super().__init__()
        _check_average(self, average, "macro", "weighted", "micro", "none", None)
        self.average, self.ignore_index = average, ignore_index

    def update(self, preds: Any, target: Any) -> None:
        self.scores.append(array(preds).astype(np.float64))
        self.targets.append(array(target).astype(np.int64))

    def compute(self) -> Any:
        scores, targets = np.concatenate(self.scores), np.concatenate(self.targets)
        kept = np.ones(targets.shape, bool) if self.ignore_index is None else targets != self.ignore_index
        if targets.ndim == 1 and scores.ndim == 2:  # of classes: each against the rest
            scores, targets = scores[kept], targets[kept]
            targets = (targets[:, None] == np.arange(scores.shape[1])).astype(np.int64)
            kept = np.broadcast_to(targets.any(axis=0), targets.shape)
        if scores.ndim == 1 or self.average == "micro":
            return self.area(scores[kept], targets[kept] == 1)
        columns = [c for c in range(scores.shape[1]) if kept[:, c].any()]
        areas = np.array([self.area(scores[kept[:, c], c], targets[kept[:, c], c] == 1) for c in columns])
        support = np.array([(targets[kept[:, c], c] == 1).sum() for c in columns])
        return _averaged(areas, support, self.average)

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
