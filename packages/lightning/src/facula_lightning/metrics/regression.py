"""Metrics of predicted numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from facula_lightning.metrics.metric import Metric, array

__all__ = ["MeanAbsoluteError", "MeanSquaredError", "R2Score"]


class MeanSquaredError(Metric):
    """mean((y - target)^2), or its root with `squared=False`.

    >>> MeanSquaredError()([1.0, 2.0], [1.0, 4.0])
    2.0
    """

    sums = {"total": 0.0, "count": 0.0}  # noqa: RUF012

    def __init__(self, squared: bool = True) -> None:
        super().__init__()
        self.squared = squared

    def update(self, preds: Any, target: Any) -> None:
        """Take one batch."""
        error = np.asarray(array(preds), np.float64) - array(target)
        self.add(total=self.distance(error).sum(), count=error.size)

    def distance(self, error: Any) -> Any:
        """What is averaged."""
        return error**2

    def compute(self) -> float:
        """The mean."""
        return float(self.total / self.count) ** (1.0 if self.squared else 0.5)


class MeanAbsoluteError(MeanSquaredError):
    """mean(|y - target|)."""

    def distance(self, error: Any) -> Any:
        return np.abs(error)


class R2Score(Metric):
    """1 - sum((y - target)^2) / sum((target - mean)^2)."""

    sums = {"error": 0.0}  # noqa: RUF012
    lists = ("targets",)

    def update(self, preds: Any, target: Any) -> None:
        """Take one batch."""
        truth = np.asarray(array(target), np.float64).reshape(-1)
        self.add(error=((np.asarray(array(preds), np.float64).reshape(-1) - truth) ** 2).sum())
        self.targets.append(truth)

    def compute(self) -> float:
        """The score."""
        truth = np.concatenate(self.targets)
        spread = ((truth - truth.mean()) ** 2).sum()
        return float(1 - self.error / spread) if spread else float("nan")
