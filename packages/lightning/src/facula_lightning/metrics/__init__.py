"""Metrics that add up over batches and processes: update, compute, reset, or simply `self.log("acc", self.acc)`."""

from facula_lightning.metrics.classification import (
    AUROC,
    Accuracy,
    AveragePrecision,
    ConfusionMatrix,
    F1Score,
    JaccardIndex,
    Precision,
    Recall,
)
from facula_lightning.metrics.detection import MeanAveragePrecision
from facula_lightning.metrics.metric import Metric
from facula_lightning.metrics.sums import (
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
