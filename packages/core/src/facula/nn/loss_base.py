"""What loss layers share: the reduction, and class or batch weights."""

from __future__ import annotations

from typing import Any

from facula.nn.module import Module
from facula.tensors.tensor import Tensor


def reduction_of(size_average: Any, reduce: Any, reduction: str) -> str:
    """`reduction`, unless one of the two old flags is given, which then decides."""
    if size_average is None and reduce is None:
        return reduction
    if reduce is False:
        return "none"
    return "sum" if size_average is False else "mean"


class _Loss(Module):
    """A loss whose numbers are averaged ("mean"), added ("sum") or kept ("none")."""

    def __init__(self, size_average: Any = None, reduce: Any = None, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = reduction_of(size_average, reduce, reduction)


class _WeightedLoss(_Loss):
    """A loss with a weight for each class (or each number of the batch) as a buffer."""

    weight: Tensor | None

    def __init__(
        self, weight: Tensor | None = None, size_average: Any = None, reduce: Any = None, reduction: str = "mean"
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
