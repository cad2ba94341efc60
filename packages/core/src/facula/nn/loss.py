"""Loss functions as layers: regression, probabilities of one or many labels, and counts."""

from __future__ import annotations

from typing import Any

from facula.nn import functional as F
from facula.nn.loss_base import _Loss, _WeightedLoss
from facula.tensors.tensor import Tensor


class L1Loss(_Loss):
    """mean of abs(input - target).

    Shape: (*), (*) -> () or (*).

    `reduction` is "mean", "sum" or "none"; `size_average` and `reduce` are its older spelling.

    >>> import facula
    >>> facula.nn.L1Loss()(facula.tensor([1.0, 2.0]), facula.tensor([0.0, 4.0]))
    tensor(1.5000)
    """

    def __init__(
        self,
        size_average: Any = None,
        reduce: Any = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.l1_loss(input, target, reduction=self.reduction)


class MSELoss(_Loss):
    """mean of (input - target)^2.

    Shape: (*), (*) -> () or (*).

    `reduction` is "mean", "sum" or "none"; `size_average` and `reduce` are its older spelling.

    >>> import facula
    >>> facula.nn.MSELoss()(facula.tensor([1.0, 2.0]), facula.tensor([0.0, 4.0]))
    tensor(2.5000)
    """

    def __init__(
        self,
        size_average: Any = None,
        reduce: Any = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.mse_loss(input, target, reduction=self.reduction)


class SmoothL1Loss(_Loss):
    """mean of d^2 / (2 beta) where d = abs(input - target) < beta, else d - beta / 2 (Girshick, 2015).

    Shape: (*), (*) -> () or (*).

    `reduction` is "mean", "sum" or "none"; `size_average` and `reduce` are its older spelling.

    >>> import facula
    >>> facula.nn.SmoothL1Loss()(facula.tensor([1.0, 2.0]), facula.tensor([0.0, 4.0]))
    tensor(1.)
    """

    def __init__(
        self,
        size_average: Any = None,
        reduce: Any = None,
        reduction: str = "mean",
        beta: float = 1.0,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.beta = beta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)


class HuberLoss(_Loss):
    """mean of d^2 / 2 where d = abs(input - target) < delta, else delta (d - delta / 2) (Huber, 1964).

    Shape: (*), (*) -> () or (*).

    >>> import facula
    >>> facula.nn.HuberLoss()(facula.tensor([1.0, 2.0]), facula.tensor([0.0, 4.0]))
    tensor(1.)
    """

    def __init__(
        self,
        reduction: str = "mean",
        delta: float = 1.0,
    ) -> None:
        super().__init__(reduction=reduction)
        self.delta = delta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.huber_loss(input, target, reduction=self.reduction, delta=self.delta)


class BCELoss(_WeightedLoss):
    """mean of -(target log(input) + (1 - target) log(1 - input)), each logarithm at least -100.

    Shape: (*) in [0, 1], (*) -> () or (*).

    `weight` multiplies each number's loss. `reduction` is "mean", "sum" or "none"; `size_average` and `reduce` are its older spelling.

    >>> import facula
    >>> facula.nn.BCELoss()(facula.tensor([0.5, 0.5]), facula.tensor([0.0, 1.0]))
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
        return F.binary_cross_entropy(input, target, weight=self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(_Loss):
    """Binary cross entropy of sigmoid(input), computed without overflow.

    Shape: (*), (*) -> () or (*).

    `weight` multiplies each number's loss, `pos_weight` that of the target 1, e.g. negatives / positives of each class.
    `reduction` is "mean", "sum" or "none"; `size_average` and `reduce` are its older spelling.

    >>> import facula
    >>> facula.nn.BCEWithLogitsLoss()(facula.tensor([0.0, 0.0]), facula.tensor([0.0, 1.0]))
    tensor(0.6931)
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: Any = None,
        reduce: Any = None,
        reduction: str = "mean",
        pos_weight: Tensor | None = None,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(
            input, target, self.weight, pos_weight=self.pos_weight, reduction=self.reduction
        )


class PoissonNLLLoss(_Loss):
    """mean of exp(input) - target * input (or input - target log(input)), up to a constant.

    Shape: (*), (*) -> () or (*).

    `reduction` is "mean", "sum" or "none"; `size_average` and `reduce` are its older spelling.

    >>> import facula
    >>> facula.nn.PoissonNLLLoss()(facula.tensor([0.0, 0.0]), facula.tensor([1.0, 2.0]))
    tensor(1.)
    """

    def __init__(
        self,
        log_input: bool = True,
        full: bool = False,
        size_average: Any = None,
        eps: float = 1e-8,
        reduce: Any = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.log_input = log_input
        self.full = full
        self.eps = eps

    def forward(self, log_input: Tensor, target: Tensor) -> Tensor:
        return F.poisson_nll_loss(
            log_input, target, log_input=self.log_input, full=self.full, eps=self.eps, reduction=self.reduction
        )


class GaussianNLLLoss(_Loss):
    """mean of (log(var) + (input - target)^2 / var) / 2, var at least eps (Nix & Weigend, 1994).

    Shape: (*), (*), (*) or a number -> () or (*).

    >>> import facula
    >>> facula.nn.GaussianNLLLoss()(facula.tensor([1.0, 2.0]), facula.tensor([0.0, 4.0]), facula.ones(2))
    tensor(1.2500)
    """

    def __init__(
        self,
        *,
        full: bool = False,
        eps: float = 1e-6,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction=reduction)
        self.full = full
        self.eps = eps

    def forward(self, input: Tensor, target: Tensor, var: Tensor | float) -> Tensor:
        return F.gaussian_nll_loss(input, target, var, full=self.full, eps=self.eps, reduction=self.reduction)


class KLDivLoss(_Loss):
    """mean of target * (log(target) - input), input being log-probabilities; `log_target` if the target is, too.

    Shape: (*), (*) -> () or (*).

    `reduction` may also be "batchmean", which divides the sum by N: the divergence itself.

    >>> import facula
    >>> facula.nn.KLDivLoss(reduction="sum")(facula.tensor([0.5, 0.5]).log(), facula.tensor([0.5, 0.5]))
    tensor(0.)
    """

    def __init__(
        self,
        size_average: Any = None,
        reduce: Any = None,
        reduction: str = "mean",
        log_target: bool = False,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.log_target = log_target

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.kl_div(input, target, reduction=self.reduction, log_target=self.log_target)


class SoftMarginLoss(_Loss):
    """mean of log(1 + exp(-target * input)), target -1 or 1.

    Shape: (*), (*) -> () or (*).

    `reduction` is "mean", "sum" or "none"; `size_average` and `reduce` are its older spelling.

    >>> import facula
    >>> facula.nn.SoftMarginLoss()(facula.tensor([0.0]), facula.tensor([1.0]))
    tensor(0.6931)
    """

    def __init__(
        self,
        size_average: Any = None,
        reduce: Any = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.soft_margin_loss(input, target, reduction=self.reduction)


class HingeEmbeddingLoss(_Loss):
    """mean of input where target is 1, max(0, margin - input) where it is -1.

    Shape: (*), (*) -> () or (*).

    `reduction` is "mean", "sum" or "none"; `size_average` and `reduce` are its older spelling.

    >>> import facula
    >>> facula.nn.HingeEmbeddingLoss()(facula.tensor([0.5, 0.5]), facula.tensor([1.0, -1.0]))
    tensor(0.5000)
    """

    def __init__(
        self,
        margin: float = 1.0,
        size_average: Any = None,
        reduce: Any = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.hinge_embedding_loss(input, target, margin=self.margin, reduction=self.reduction)
