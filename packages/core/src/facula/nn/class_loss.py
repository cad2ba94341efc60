"""Loss functions as layers: classes, ranking, distances and sequences."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from facula.errors import assertion_error, value_error
from facula.nn import functional as F
from facula.nn.distance import PairwiseDistance
from facula.nn.loss_base import _Loss, _WeightedLoss
from facula.tensors.tensor import Tensor


class CrossEntropyLoss(_WeightedLoss):
    """-log softmax(input)[target], averaged with the classes' weights; targets are classes or probabilities.

    Shape: (N, C, *) with (N, *) of classes or (N, C, *) of probabilities -> () or (N, *).

    `reduction` is "mean", "sum" or "none"; `size_average` and `reduce` are its older spelling.
    Targets that are `ignore_index` do not count; `weight` (C) weighs the classes, in the mean's divisor, too.

    >>> import facula
    >>> facula.nn.CrossEntropyLoss()(facula.zeros(3, 4), facula.tensor([1, 0, 3]))
    tensor(1.3863)
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: Any = None,
        ignore_index: int = -100,
        reduce: Any = None,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(
            input, target, weight=self.weight, ignore_index=self.ignore_index, reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )  # fmt: skip


class NLLLoss(_WeightedLoss):
    """-input[target], averaged with the classes' weights; input holds log-probabilities.

    Shape: (N, C, *), (N, *) -> () or (N, *).

    `reduction` is "mean", "sum" or "none"; `size_average` and `reduce` are its older spelling.
    Targets that are `ignore_index` do not count; `weight` (C) weighs the classes, in the mean's divisor, too.

    >>> import facula
    >>> facula.nn.NLLLoss()(facula.tensor([[-1.0, -2.0]]), facula.tensor([1]))
    tensor(2.)
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: Any = None,
        ignore_index: int = -100,
        reduce: Any = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.nll_loss(input, target, weight=self.weight, ignore_index=self.ignore_index, reduction=self.reduction)


class NLLLoss2d(NLLLoss):
    """`NLLLoss` under its older name for images; deprecated.

    Shape: (N, C, H, W), (N, H, W) -> () or (N, H, W).

    >>> import facula, warnings
    >>> with warnings.catch_warnings(action="ignore"):
    ...     facula.nn.NLLLoss2d()(facula.zeros(1, 2, 3, 3), facula.zeros(1, 3, 3, dtype=facula.int64)).item()
    0.0
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: Any = None,
        ignore_index: int = -100,
        reduce: Any = None,
        reduction: str = "mean",
    ) -> None:
        warnings.warn(
            "`NLLLoss2d` has been deprecated. Please use `NLLLoss` instead as a drop-in replacement.",
            FutureWarning,
            stacklevel=2,
        )
        super().__init__(weight, size_average, ignore_index, reduce, reduction)


class MultiLabelMarginLoss(_Loss):
    """Hinge loss of every wrong class against every right one; target lists classes, ended by -1.

    Shape: (N, C) or (C), same of integers -> () or (N).

    `reduction` is "mean", "sum" or "none"; `size_average` and `reduce` are its older spelling.

    >>> import facula
    >>> facula.nn.MultiLabelMarginLoss()(facula.tensor([[0.1, 0.2, 0.4, 0.8]]), facula.tensor([[3, 0, -1, 1]]))
    tensor(0.8500)
    """

    def __init__(
        self,
        size_average: Any = None,
        reduce: Any = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.multilabel_margin_loss(input, target, reduction=self.reduction)


class MultiLabelSoftMarginLoss(_WeightedLoss):
    """Binary cross entropy of sigmoid(input) averaged over the classes.

    Shape: (N, C), (N, C) -> () or (N).

    `reduction` is "mean", "sum" or "none"; `size_average` and `reduce` are its older spelling.

    >>> import facula
    >>> facula.nn.MultiLabelSoftMarginLoss()(facula.zeros(1, 2), facula.ones(1, 2))
    tensor(0.6931)
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: Any = None,
        reduce: Any = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.multilabel_soft_margin_loss(input, target, weight=self.weight, reduction=self.reduction)


class MultiMarginLoss(_WeightedLoss):
    """mean over classes of max(0, margin - input[target] + input[i])^p (Crammer & Singer, 2001).

    Shape: (N, C) or (C), (N) or () -> () or (N).

    `reduction` is "mean", "sum" or "none"; `size_average` and `reduce` are its older spelling.

    >>> import facula
    >>> facula.nn.MultiMarginLoss()(facula.tensor([[0.1, 0.2, 0.4, 0.8]]), facula.tensor([3]))
    tensor(0.3250)
    """

    def __init__(
        self,
        p: int = 1,
        margin: float = 1.0,
        weight: Tensor | None = None,
        size_average: Any = None,
        reduce: Any = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        if p not in (1, 2):
            raise value_error(f"MultiMarginLoss: only p == 1 and p == 2 are supported, got {p}. Use 1 or 2.")
        if weight is not None and weight.ndim != 1:
            raise assertion_error(f"MultiMarginLoss: weight must be None or have 1 dimension, got {weight.ndim}.")
        self.p = p
        self.margin = margin

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.multi_margin_loss(
            input, target, p=self.p, margin=self.margin, weight=self.weight, reduction=self.reduction
        )


class CosineEmbeddingLoss(_Loss):
    """1 - cos(x1, x2) where target is 1, max(0, cos(x1, x2) - margin) where it is -1.

    Shape: (N, D) or (D), the same, (N) or () -> () or (N).

    `reduction` is "mean", "sum" or "none"; `size_average` and `reduce` are its older spelling.

    >>> import facula
    >>> facula.nn.CosineEmbeddingLoss()(facula.ones(2, 3), facula.ones(2, 3), facula.ones(2))
    tensor(0.)
    """

    def __init__(
        self,
        margin: float = 0.0,
        size_average: Any = None,
        reduce: Any = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        return F.cosine_embedding_loss(input1, input2, target, margin=self.margin, reduction=self.reduction)


class MarginRankingLoss(_Loss):
    """mean of max(0, -target (input1 - input2) + margin).

    Shape: (*), (*), (*) -> () or (*).

    `reduction` is "mean", "sum" or "none"; `size_average` and `reduce` are its older spelling.

    >>> import facula
    >>> facula.nn.MarginRankingLoss()(facula.tensor([1.0, 2.0]), facula.tensor([0.0, 4.0]), facula.tensor([-1.0, -1.0]))
    tensor(0.5000)
    """

    def __init__(
        self,
        margin: float = 0.0,
        size_average: Any = None,
        reduce: Any = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        return F.margin_ranking_loss(input1, input2, target, margin=self.margin, reduction=self.reduction)


class TripletMarginLoss(_Loss):
    """mean of max(0, d(anchor, positive) - d(anchor, negative) + margin), d the p-distance (Balntas et al., 2016).

    Shape: (N, D) or (D), three times -> () or (N).

    `reduction` is "mean", "sum" or "none"; `size_average` and `reduce` are its older spelling.

    >>> import facula
    >>> facula.nn.TripletMarginLoss()(facula.zeros(1, 2), facula.zeros(1, 2), facula.ones(1, 2))
    tensor(0.)
    """

    def __init__(
        self,
        margin: float = 1.0,
        p: float = 2.0,
        eps: float = 1e-6,
        swap: bool = False,
        size_average: Any = None,
        reduce: Any = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        if margin <= 0:
            raise value_error(
                f"TripletMarginLoss: expected margin to be greater than 0, got {margin} instead. Use 1.0."
            )
        self.margin = margin
        self.p = p
        self.eps = eps
        self.swap = swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        return F.triplet_margin_loss(
            anchor, positive, negative, margin=self.margin, p=self.p, eps=self.eps, swap=self.swap,
            reduction=self.reduction,
        )  # fmt: skip


class TripletMarginWithDistanceLoss(_Loss):
    """mean of max(0, d(anchor, positive) - d(anchor, negative) + margin) with a distance of your own.

    Shape: (N, *), three times -> () or (N).

    >>> import facula
    >>> facula.nn.TripletMarginWithDistanceLoss()(facula.zeros(1, 2), facula.zeros(1, 2), facula.ones(1, 2))
    tensor(0.)
    """

    def __init__(
        self,
        *,
        distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
        margin: float = 1.0,
        swap: bool = False,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction=reduction)
        if margin <= 0:
            raise value_error(
                f"TripletMarginWithDistanceLoss: expected margin to be greater than 0, got {margin} instead. Use 1.0."
            )
        if distance_function is None:
            distance_function = PairwiseDistance()
        self.distance_function = distance_function
        self.margin = margin
        self.swap = swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        return F.triplet_margin_with_distance_loss(
            anchor, positive, negative, distance_function=self.distance_function, margin=self.margin, swap=self.swap,
            reduction=self.reduction,
        )  # fmt: skip


class CTCLoss(_Loss):
    """-log of the probability of all alignments of the target with the input (Graves et al., 2006).

    Shape: (T, N, C) log-probabilities, (N, S), (N), (N) -> () or (N).

    `blank` is the class of no label; the last two arguments are the lengths of inputs and targets; `zero_infinity` makes losses of
    targets that are too long zero. `reduction="mean"` divides each by its target's length first.

    >>> import facula
    >>> log_probs = facula.zeros(2, 1, 2).log_softmax(-1)
    >>> facula.nn.CTCLoss()(log_probs, facula.tensor([[1]]), facula.tensor([2]), facula.tensor([1]))
    tensor(0.2877)
    """

    def __init__(
        self,
        blank: int = 0,
        reduction: str = "mean",
        zero_infinity: bool = False,
    ) -> None:
        super().__init__(reduction=reduction)
        self.blank = blank
        self.zero_infinity = zero_infinity

    def forward(self, log_probs: Tensor, targets: Tensor, input_lengths: Any, target_lengths: Any) -> Tensor:
        return F.ctc_loss(
            log_probs, targets, input_lengths, target_lengths, self.blank, self.reduction, self.zero_infinity
        )
