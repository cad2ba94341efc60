"""Losses over very many classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from facula.errors import runtime_error, value_error
from facula.nn import functional as F
from facula.nn.container import ModuleList, Sequential
from facula.nn.linear import Linear
from facula.nn.loss_base import _Loss
from facula.nn.module import Module
from facula.ops import cat
from facula.tensors.tensor import Tensor


@dataclass(frozen=True)
class LinearCrossEntropyOptions:
    """How PyTorch may cut the computation into chunks; here the loss is computed in one piece, with the same result.

    >>> import facula
    >>> facula.nn.LinearCrossEntropyOptions(batch_chunk_size=64).chunking_method
    'auto'
    """

    allow_retain_graph: bool = False
    batch_chunk_size: int | None = None
    chunking_method: str | None = "auto"
    acc_policy: str = "auto"
    acc_dtype: Any = None


class _ASMoutput(NamedTuple):
    output: Tensor
    loss: Tensor


class AdaptiveLogSoftmaxWithLoss(Module):
    """log p(target), with frequent classes in a head and rarer ones in ever smaller clusters (Grave et al., 2017).

    Shape: (N, in_features), (N) -> output (N) and loss (); without N for one sample.

    `cutoffs` are the first classes of each cluster, most frequent classes first; `div_value` divides the width from cluster to
    cluster.

    >>> import facula
    >>> layer = facula.nn.AdaptiveLogSoftmaxWithLoss(16, 20, cutoffs=[4, 10])
    >>> layer(facula.ones(3, 16), facula.tensor([0, 5, 19])).output.shape
    facula.Size([3])
    """

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        bounds = list(cutoffs)
        fits = bounds and bounds == sorted(set(bounds)) and bounds[0] > 0 and bounds[-1] <= n_classes - 1
        if not fits or any(int(bound) != bound for bound in bounds):
            raise value_error(
                "AdaptiveLogSoftmaxWithLoss: cutoffs should be a sequence of unique, positive integers sorted in an "
                f"increasing order, where each value is between 1 and n_classes-1, got {bounds}. Sort them."
            )
        self.in_features = in_features
        self.n_classes = n_classes
        self.cutoffs = [*bounds, n_classes]
        self.div_value = div_value
        self.head_bias = head_bias
        self.shortlist_size = self.cutoffs[0]
        self.n_clusters = len(self.cutoffs) - 1
        self.head_size = self.shortlist_size + self.n_clusters
        make = {"device": device, "dtype": dtype}
        self.head = Linear(in_features, self.head_size, bias=head_bias, **make)
        self.tail = ModuleList()
        for i in range(self.n_clusters):
            width = int(in_features // (div_value ** (i + 1)))
            size = self.cutoffs[i + 1] - self.cutoffs[i]
            self.tail.append(
                Sequential(Linear(in_features, width, bias=False, **make), Linear(width, size, bias=False, **make))
            )

    def reset_parameters(self) -> None:
        """Draw new weights."""
        self.head.reset_parameters()
        for first, second in self.tail:
            first.reset_parameters()
            second.reset_parameters()

    def forward(self, input_: Tensor, target_: Tensor) -> _ASMoutput:
        if target_.ndim > 1:
            raise runtime_error(
                f"AdaptiveLogSoftmaxWithLoss: 0D or 1D target tensor expected, got {target_.ndim}D. Flatten it."
            )
        if target_.ndim + 1 != input_.ndim or (target_.ndim == 1 and input_.shape[0] != target_.shape[0]):
            raise runtime_error(
                "AdaptiveLogSoftmaxWithLoss: Input and target should have the same size in the batch dimension, got "
                f"{tuple(input_.shape)} and {tuple(target_.shape)}. Check both."
            )
        input, target = (input_, target_) if target_.ndim else (input_.unsqueeze(0), target_.unsqueeze(0))
        low, high = int(target.min().item()), int(target.max().item())
        if low < 0 or high >= self.n_classes:
            raise runtime_error(
                f"AdaptiveLogSoftmaxWithLoss: Target values should be in [0, {self.n_classes - 1}], but values in "
                f"range [{low}, {high}] were found. Check the labels."
            )
        output = self.log_prob(input).gather(1, target.unsqueeze(1)).squeeze(1)
        loss = (-output).mean()
        return _ASMoutput(output if target_.ndim else output.squeeze(0), loss)

    def log_prob(self, input: Tensor) -> Tensor:
        """log p of every class.

        Shape: (N, in_features) -> (N, n_classes).
        """
        head = F.log_softmax(self.head(input), dim=1)
        parts = [head[:, : self.shortlist_size]]
        for i, cluster in enumerate(self.tail):
            parts.append(F.log_softmax(cluster(input), dim=1) + head[:, self.shortlist_size + i].unsqueeze(1))
        return cat(parts, 1)

    def predict(self, input: Tensor) -> Tensor:
        """The most probable class of each row."""
        return self.log_prob(input).argmax(1)


class LinearCrossEntropyLoss(_Loss):
    """cross_entropy(linear(input), target): a classifier's last layer and its loss in one.

    Shape: (N, in_features) with (N, *out_features) of classes or (N, num_classes, *out_features) of probabilities -> ()
    or (N, *out_features).

    >>> import facula
    >>> loss = facula.nn.LinearCrossEntropyLoss(8, 4)
    >>> loss(facula.zeros(3, 8), facula.tensor([0, 1, 2])).detach()
    tensor(1.3863)
    """

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        *,
        out_features: tuple[int, ...] = (),
        bias: bool = False,
        device: Any = None,
        dtype: Any = None,
        reduction: str = "mean",
        weight: Tensor | None = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
        options: Any = None,
    ) -> None:
        super().__init__(reduction=reduction)
        self.in_features = in_features
        self.num_classes = num_classes
        self.out_features = tuple(out_features)
        self.bias = bias
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing
        self.options = options
        self.register_buffer("weight", weight)
        size = num_classes
        for n in self.out_features:
            size *= n
        self.linear = Linear(in_features, size, bias=bias, device=device, dtype=dtype)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        logits = self.linear(input)
        logits = logits.reshape((*logits.shape[:-1], self.num_classes, *self.out_features))
        return F.cross_entropy(
            logits, target, weight=self.weight,
            ignore_index=-100 if self.ignore_index is None else self.ignore_index,
            reduction=self.reduction, label_smoothing=self.label_smoothing,
        )  # fmt: skip

    def extra_repr(self) -> str:
        return (
            f"in_features={self.in_features}, num_classes={self.num_classes}, out_features={self.out_features}, "
            f"bias={self.bias}, reduction={self.reduction}, ignore_index={self.ignore_index}, "
            f"label_smoothing={self.label_smoothing}, options={self.options}"
        )
