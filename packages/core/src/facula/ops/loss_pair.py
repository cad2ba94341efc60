"""Losses of pairs, triplets and several labels: triplet_margin_loss, cosine_embedding_loss, multi_margin_loss, multilabel losses."""

from __future__ import annotations

import numpy as np

from facula.autograd.state import whole
from facula.devices import base as devices
from facula.errors import runtime_error, value_error
from facula.ops.activation import logsigmoid
from facula.ops.checks import legacy, reduction_of
from facula.ops.compare import where
from facula.ops.distance import pairwise_distance
from facula.ops.index import index_op
from facula.tensors.tensor import wrap


def _reduce(loss, reduction):
    return loss if reduction == "none" else loss.mean() if reduction == "mean" else loss.sum()


def _positive(x):
    return x.masked_fill(x <= 0, 0)


@whole
def cosine_embedding_loss(input1, input2, target, margin=0, size_average=None, reduce=None, reduction="mean"):
    """1 - cos(input1, input2) where target is 1, max(0, cos - margin) where it is -1.

    Shape: (N, D), (N, D), target (N) -> (), or (N) with reduction="none".

    >>> import facula
    >>> facula.nn.functional.cosine_embedding_loss(facula.eye(2), facula.eye(2), facula.tensor([1, -1]))
    tensor(0.5000)
    """
    reduction = reduction_of("cosine_embedding_loss", legacy(size_average, reduce, reduction))
    if target.ndim not in (0, 1):
        raise runtime_error(
            f"cosine_embedding_loss: 0D or 1D target tensor expected, multi-target not supported, got {target.ndim}D. "
            "Give one number per pair."
        )
    if input1.ndim != target.ndim + 1 or input2.ndim != target.ndim + 1:
        raise runtime_error(
            f"cosine_embedding_loss: {target.ndim}D target tensor expects {target.ndim + 1}D input tensors, but found "
            f"inputs with sizes {list(input1.shape)} and {list(input2.shape)}. Reshape them."
        )
    squares = ((input1 * input1).sum(-1) + 1e-12) * ((input2 * input2).sum(-1) + 1e-12)
    cosine = (input1 * input2).sum(-1) / squares.sqrt()
    loss = where(target == 1, 1 - cosine, 0.0) + where(target == -1, _positive(cosine - margin), 0.0)
    return _reduce(loss, reduction)


def _triplet(near, far, margin, reduction):
    return _reduce(_positive(near - far + margin), reduction)


@whole
def triplet_margin_loss(
    anchor, positive, negative, margin=1.0, p=2, eps=1e-6, swap=False, size_average=None, reduce=None, reduction="mean"
):
    """max(0, |anchor - positive| - |anchor - negative| + margin) (Balntas et al., 2016).

    swap takes the smaller of the negative's distances to anchor and positive.

    Shape: (N, D), (N, D), (N, D) -> (), or (N) with reduction="none".

    >>> import facula
    >>> facula.nn.functional.triplet_margin_loss(facula.zeros(1, 2), facula.zeros(1, 2), facula.ones(1, 2))
    tensor(0.)
    """
    if margin <= 0:
        raise value_error(f"triplet_margin_loss: margin must be greater than 0, got {margin}. Use e.g. margin=1.0.")
    if not anchor.ndim == positive.ndim == negative.ndim:
        raise runtime_error(
            "triplet_margin_loss: The anchor, positive, and negative tensors are expected to have the same number of "
            f"dimensions, but got: anchor {anchor.ndim}D, "
            f"positive {positive.ndim}D, and negative {negative.ndim}D inputs. Reshape them."
        )

    def distance(a, b):
        return pairwise_distance(a, b, p, eps)

    return triplet_margin_with_distance_loss(
        anchor,
        positive,
        negative,
        distance_function=distance,
        margin=margin,
        swap=swap,
        reduction=legacy(size_average, reduce, reduction),
    )


def triplet_margin_with_distance_loss(
    anchor, positive, negative, *, distance_function=None, margin=1.0, swap=False, reduction="mean"
):
    """`triplet_margin_loss` with any distance function of two tensors.

    Shape: (N, *), (N, *), (N, *) -> (), or (N) with reduction="none".

    >>> import facula
    >>> facula.nn.functional.triplet_margin_with_distance_loss(facula.zeros(1, 2), facula.zeros(1, 2), facula.ones(1, 2))
    tensor(0.)
    """
    reduction = reduction_of("triplet_margin_with_distance_loss", reduction)
    if margin <= 0:
        raise value_error(
            f"triplet_margin_with_distance_loss: margin must be greater than 0, got {margin}. Use e.g. margin=1.0."
        )
    distance = pairwise_distance if distance_function is None else distance_function
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        other = distance(positive, negative)
        far = where(other < far, other, far)
    return _triplet(near, far, margin, reduction)


def _rows_of(name, input, target):
    """Input and target as (N, C) and (N,) or (N, C), and whether a batch was given."""
    if input.ndim > 2 or (not input.numel() and input.ndim == 2 and not input.shape[1]):
        raise runtime_error(
            f"{name}: Expected non-empty vector or matrix with optional 0-dim batch size, but got: "
            f"{list(input.shape)}. Reshape it to (N, C)."
        )
    return input if input.ndim == 2 else input.reshape(1, -1)


@whole
def multi_margin_loss(input, target, p=1, margin=1.0, weight=None, size_average=None, reduce=None, reduction="mean"):
    """The mean over classes y' != target of max(0, margin - input[target] + input[y']) ** p.

    Shape: (N, C), target (N) -> (), or (N) with reduction="none".

    >>> import facula
    >>> facula.nn.functional.multi_margin_loss(facula.tensor([[0.5, 0.25]]), facula.tensor([0]))
    tensor(0.3750)
    """
    reduction = reduction_of("multi_margin_loss", legacy(size_average, reduce, reduction))
    if p not in (1, 2):
        raise value_error(f"multi_margin_loss: only p == 1 and p == 2 supported, got {p}. Use one of these.")
    if weight is not None and weight.ndim != 1:
        raise value_error(
            f"multi_margin_loss: weight must be one-dimensional, got {weight.ndim}D. Give one number per class."
        )
    rows = _rows_of("multi_margin_loss", input, target)
    wanted = target.reshape(-1)
    if wanted.shape[0] != rows.shape[0]:
        raise runtime_error(
            f"multi_margin_loss: inconsistent target size, expected {rows.shape[0]} but got {list(target.shape)}. "
            "Give one class per row."
        )
    n, c = rows.shape
    if wanted.array.dtype.kind not in "iu":
        raise runtime_error(
            f"multi_margin_loss: expected scalar type Long but found {target.dtype.name}. Convert the target with .long()."
        )
    if weight is not None and weight.shape[0] != c:
        raise runtime_error(
            f"multi_margin_loss: inconsistent weight size, expected {c} but got {list(weight.shape)}. Give one number per class."
        )
    at = np.arange(n)
    picked = index_op(rows, _beside(at, rows), wanted, positions=(0, 1)).unsqueeze(1)
    loss = _positive(margin - picked + rows) ** p
    if weight is not None:
        loss = loss * index_op(weight, wanted, positions=(0,)).unsqueeze(1)
    others = _beside(np.arange(c), rows).unsqueeze(0) != wanted.unsqueeze(1)
    loss = (loss * others).sum(1) / c
    return (
        _reduce(loss.reshape(target.shape) if input.ndim < 2 else loss, reduction)
        if reduction == "none"
        else _reduce(loss, reduction)
    )


def _beside(array, like):
    return wrap(devices.move(array, like.device))


@whole
def multilabel_margin_loss(input, target, size_average=None, reduce=None, reduction="mean"):
    """The sum over labels y and other classes y' of max(0, 1 - input[y] + input[y']), divided by the number of classes; -1 ends the labels.

    Shape: (N, C), (N, C) -> (), or (N) with reduction="none".

    >>> import facula
    >>> facula.nn.functional.multilabel_margin_loss(facula.tensor([[0.5, 0.25]]), facula.tensor([[0, -1]]))
    tensor(0.3750)
    """
    reduction = reduction_of("multilabel_margin_loss", legacy(size_average, reduce, reduction))
    if tuple(input.shape) != tuple(target.shape):
        raise runtime_error(
            f"multilabel_margin_loss: inconsistent target size: {list(target.shape)} for input of size: "
            f"{list(input.shape)}. Give one row of labels per row."
        )
    rows, labels = (
        _rows_of("multilabel_margin_loss", input, target),
        target.reshape(-1, target.shape[-1] if target.ndim else 1),
    )
    n, c = rows.shape
    raw = np.asarray(labels.cpu().array)
    used = np.logical_and.accumulate(raw >= 0, axis=1)  # up to the first -1
    is_label = np.zeros((n, c), bool)
    np.logical_or.at(is_label, (np.nonzero(used)[0], raw[used]), True)
    picked = index_op(
        rows, _beside(np.arange(n)[:, None], rows), _beside(np.where(used, raw, 0), rows), positions=(0, 1)
    )
    loss = _positive(1 - picked.unsqueeze(2) + rows.unsqueeze(1))
    counted = _beside(used[:, :, None] & ~is_label[:, None, :], rows)
    loss = (loss * counted).sum((1, 2)) / c
    return _reduce(loss.reshape(()) if input.ndim < 2 else loss, reduction)


def multilabel_soft_margin_loss(input, target, weight=None, size_average=None, reduce=None, reduction="mean"):
    """The mean over classes of -(target * log(sigmoid(input)) + (1 - target) * log(sigmoid(-input))).

    Shape: (N, C), (N, C) -> (), or (N) with reduction="none".

    >>> import facula
    >>> facula.nn.functional.multilabel_soft_margin_loss(facula.zeros(1, 2), facula.tensor([[1., 0.]]))
    tensor(0.6931)
    """
    reduction = reduction_of("multilabel_soft_margin_loss", legacy(size_average, reduce, reduction))
    loss = -(target * logsigmoid(input) + (1 - target) * logsigmoid(-input))
    if weight is not None:
        loss = loss * weight
    return _reduce(loss.sum(-1) / input.shape[-1], reduction)


def linear_cross_entropy(
    input, linear_weight, target, *, linear_bias=None, weight=None, reduction="mean", ignore_index=None, label_smoothing=0.0, options=None
):  # fmt: skip
    """cross_entropy(linear(input, linear_weight, linear_bias), target).

    Shape: (N, in) or (in), linear_weight (C, d1, ..., in) -> (), or (N, d1, ...) with reduction="none".

    `options` may ask for less memory; the result is the same with and without.
    """
    from facula.ops.loss_class import cross_entropy
    from facula.ops.matmul import linear

    name = "linear_cross_entropy"
    if input.ndim not in (1, 2):
        raise runtime_error(
            f"{name}: expected input with dimensionality 1 or 2, got {input.ndim}. Flatten it to (N, in_features)."
        )
    if linear_weight.ndim < 2:
        raise runtime_error(
            f"{name}: expected linear_weight with dimensionality at least 2, got {linear_weight.ndim}. Give one row "
            "per class."
        )
    if input.shape[-1] != linear_weight.shape[-1]:
        raise runtime_error(
            f"{name}: expected equal input and linear_weight last dimensions (in_features), got {input.shape[-1]} and "
            f"{linear_weight.shape[-1]}, respectively. Transpose one."
        )
    outs = tuple(linear_weight.shape[:-1])
    if len(outs) > 1 and input.ndim == 1:
        raise runtime_error(
            f"{name}: K-dimensional loss defined by linear_weight shape {tuple(linear_weight.shape)} requires batched "
            f"input, (N, {input.shape[0]}), got unbatched input with shape {tuple(input.shape)}. Add a dimension."
        )
    if linear_bias is not None and tuple(linear_bias.shape) != outs:
        raise runtime_error(
            f"{name}: expected linear_bias shape {outs}, got {tuple(linear_bias.shape)}. Give one number per row of "
            "linear_weight."
        )
    if ignore_index is not None and target.is_floating_point():
        raise runtime_error(
            f"{name}: ignore_index cannot be specified when target contains probabilities, got {ignore_index}. Leave "
            "it out."
        )
    bias = None if linear_bias is None else linear_bias.reshape(-1)
    scores = linear(input, linear_weight.reshape(-1, input.shape[-1]), bias).reshape(*input.shape[:-1], *outs)
    return cross_entropy(
        scores, target, weight, None, -100 if ignore_index is None else ignore_index, None, reduction, label_smoothing
    )
