"""Metrics that add up over batches and processes: call with each batch, `compute` over all, `reset`.

>>> from facula.metrics import Accuracy
>>> accuracy = Accuracy("multiclass", num_classes=3)
>>> for predictions, targets in [([0, 1], [0, 2]), ([2, 2], [2, 2])]:
...     value_of_the_batch = accuracy(predictions, targets)
>>> accuracy.compute()
0.75
"""

from facula.metrics.classification import (
    AUROC,
    Accuracy,
    AveragePrecision,
    ConfusionMatrix,
    F1Score,
    JaccardIndex,
    Precision,
    Recall,
)
from facula.metrics.detection import MeanAveragePrecision
from facula.metrics.metric import Metric
from facula.metrics.sums import (
    BLEUScore,
    MeanAbsoluteError,
    MeanSquaredError,
    Perplexity,
    R2Score,
    WordErrorRate,
)

__all__ = [
    "AUROC", "Accuracy", "AveragePrecision", "BLEUScore", "ConfusionMatrix", "F1Score", "JaccardIndex",
    "MeanAbsoluteError", "MeanAveragePrecision", "MeanSquaredError", "Metric", "Perplexity", "Precision", "R2Score",
    "Recall", "WordErrorRate",
]  # fmt: skip
