"""Losses of numbers: mse_loss, l1_loss, huber_loss, smooth_l1_loss, binary cross-entropies, and those of embeddings."""

from __future__ import annotations

import math
import warnings

from facula import dtypes
from facula.autograd.op import arg, op, sample
from facula.autograd.state import whole
from facula.devices.meta import Meta
from facula.errors import runtime_error, value_error
from facula.ops.checks import floating, legacy, reduction_of
from facula.ops.compare import where
from facula.ops.rules import broadcast, broadcast_shapes

_TWO = [sample((3, 4), (3, 4), reduction=r) for r in ("mean", "sum", "none")]


def _reduce(loss, reduction):
    return loss if reduction == "none" else loss.mean() if reduction == "mean" else loss.sum()


def _sizes(name, input, target):
    """The warning that broadcasting a target deserves."""
    if input.array.shape != target.array.shape:
        warnings.warn(
            f"{name}: Using a target size ({tuple(target.shape)}) that is different to the input size "
            f"({tuple(input.shape)}). "
            "This will likely lead to incorrect results due to broadcasting. Please ensure they have the same size.",
            UserWarning,
            stacklevel=3,
        )


def _reduced_shape(input, target, reduction):
    shape = broadcast_shapes(input.shape, target.shape, name="mse_loss")
    return Meta(shape if reduction == "none" else (), input.dtype)


@op(_reduced_shape, onnx="mse_loss", promote="common", samples=_TWO)
def mse_loss_op(xp, input, target, /, reduction):
    """(input - target) ** 2, reduced."""
    difference = input - target
    floating("mse_loss", difference, "fc")
    if reduction == "none":
        return difference * difference
    flat = difference.reshape(-1)
    total = xp.dot(flat, flat)
    return total / max(flat.size, 0) if reduction == "mean" else total


def _mse_slope(g, input, target, reduction):
    difference = input - target
    count = difference.numel() if hasattr(difference, "numel") else difference.size
    return difference * (g * (2 / count if reduction == "mean" else 2)) if count else difference


mse_loss_op.vjp(input=_mse_slope, target=lambda g, input, target, reduction: -_mse_slope(g, input, target, reduction))
mse_loss_op.array_vjp()


@whole
def mse_loss(input, target, size_average=None, reduce=None, reduction="mean", weight=None):
    """The mean of (input - target) ** 2.   Shape: (*), (*) -> (), or (*) with reduction="none".

    >>> import facula
    >>> facula.nn.functional.mse_loss(facula.tensor([1., 3.]), facula.tensor([1., 1.]))
    tensor(2.)
    """
    reduction = reduction_of("mse_loss", legacy(size_average, reduce, reduction))
    if input.array.shape != target.array.shape:
        _sizes("mse_loss", input, target)
    if weight is None:
        return mse_loss_op(input, target, reduction)
    return _weighted(mse_loss_op(input, target, "none"), weight, reduction)


def _weighted(loss, weight, reduction):
    loss = loss * weight
    return loss.sum() / weight.expand(loss.shape).sum() if reduction == "mean" else _reduce(loss, reduction)


@whole
def l1_loss(input, target, size_average=None, reduce=None, reduction="mean", weight=None):
    """The mean of |input - target|.   Shape: (*), (*) -> (), or (*) with reduction="none".

    >>> import facula
    >>> facula.nn.functional.l1_loss(facula.tensor([1., 4.]), facula.zeros(2))
    tensor(2.5000)
    """
    reduction = reduction_of("l1_loss", legacy(size_average, reduce, reduction))
    _sizes("l1_loss", input, target)
    loss = (input - target).abs()
    return _reduce(loss, reduction) if weight is None else _weighted(loss, weight, reduction)


@op(broadcast, onnx="huber", samples=[sample((3, 4), (3, 4), delta=1.0), sample((3, 4), (4,), delta=0.5)])
def huber_op(xp, input, target, /, delta):
    """difference ** 2 / 2 where |difference| <= delta, delta * (|difference| - delta / 2) elsewhere."""
    size = xp.abs(input - target)
    floating("huber_loss", size)
    near = xp.minimum(size, delta)
    return near * (size - near * 0.5)


def _clipped(difference, delta):
    """difference held between -delta and delta."""
    far = difference.abs() > delta
    return where(far, difference.sign() * delta, difference)


huber_op.vjp(
    input=lambda g, input, target, delta: g * _clipped(input - target, delta),
    target=lambda g, input, target, delta: -g * _clipped(input - target, delta),
)


@whole
def huber_loss(input, target, reduction="mean", delta=1.0, weight=None):
    """difference ** 2 / 2 where |difference| <= delta, delta * (|difference| - delta / 2) elsewhere (Huber, 1964).

    Shape: (*), (*) -> (), or (*) with reduction="none".

    >>> import facula
    >>> facula.nn.functional.huber_loss(facula.tensor([1., 4.]), facula.zeros(2))
    tensor(2.)
    """
    if delta <= 0:
        raise runtime_error(
            f"huber_loss: huber_loss does not support non-positive values for delta, got {delta}. Pass e.g. delta=1.0."
        )
    reduction = reduction_of("huber_loss", reduction)
    _sizes("huber_loss", input, target)
    loss = huber_op(input, target, delta)
    return _reduce(loss, reduction) if weight is None else _weighted(loss, weight, reduction)


@whole
def smooth_l1_loss(input, target, size_average=None, reduce=None, reduction="mean", beta=1.0):
    """difference ** 2 / (2 beta) where |difference| < beta, |difference| - beta / 2 elsewhere (Girshick, 2015).

    Shape: (*), (*) -> (), or (*) with reduction="none".

    >>> import facula
    >>> facula.nn.functional.smooth_l1_loss(facula.tensor([1., 4.]), facula.zeros(2))
    tensor(2.)
    """
    reduction = reduction_of("smooth_l1_loss", legacy(size_average, reduce, reduction))
    if beta < 0:
        raise runtime_error(
            f"smooth_l1_loss: smooth_l1_loss does not support negative values for beta, got {beta}. Pass e.g. beta=1.0."
        )
    _sizes("smooth_l1_loss", input, target)
    if beta == 0:
        return _reduce((input - target).abs(), reduction)
    return _reduce(huber_op(input, target, beta) / beta, reduction)


@op(
    broadcast,
    onnx="binary_cross_entropy",
    samples=[
        sample(arg((3, 4), low=0.1, high=0.9), arg((3, 4), low=0.0, high=1.0)),
        sample(arg((3,), low=0.1, high=0.9), arg((3,), low=0.0, high=1.0)),
    ],
)
def binary_cross_entropy_op(xp, input, target, /):
    """-(target * log(input) + (1 - target) * log(1 - input)), logarithms not below -100."""
    floating("binary_cross_entropy", input)
    if xp.any((input < 0) | (input > 1)):
        raise runtime_error(
            "binary_cross_entropy: all elements of input should be between 0 and 1, got others. Give scores to "
            "binary_cross_entropy_with_logits()."
        )
    return (target - 1) * xp.maximum(xp.log1p(-input), -100) - target * xp.maximum(xp.log(input), -100)


def _bce_slope(g, input, target):
    product = (1 - input) * input
    return g * (input - target) / where(product > 1e-12, product, 1e-12)


def _bce_target(g, input):
    low, high = (1 - input).log(), input.log()
    return g * (where(low > -100, low, -100.0) - where(high > -100, high, -100.0))


binary_cross_entropy_op.vjp(input=_bce_slope, target=_bce_target)


@whole
def binary_cross_entropy(input, target, weight=None, size_average=None, reduce=None, reduction="mean"):
    """-(target * log(input) + (1 - target) * log(1 - input)) for probabilities input.

    Shape: (*), (*) -> (), or (*) with reduction="none".

    >>> import facula
    >>> facula.nn.functional.binary_cross_entropy(facula.tensor([0.5]), facula.tensor([1.]))
    tensor(0.6931)
    """
    reduction = reduction_of("binary_cross_entropy", legacy(size_average, reduce, reduction))
    if tuple(input.shape) != tuple(target.shape):
        raise value_error(
            f"binary_cross_entropy: Using a target size {tuple(target.shape)} that is different to the input size "
            f"{tuple(input.shape)} is deprecated. Please ensure they have the same size, e.g. with .view_as()."
        )
    if not dtypes.is_float(target.array.dtype):
        raise runtime_error(
            f"binary_cross_entropy: Found dtype {target.dtype.name} but expected {input.dtype.name} for the target. Convert it with .float()."
        )
    loss = binary_cross_entropy_op(input, target)
    return _reduce(loss if weight is None else loss * weight, reduction)


@op(broadcast, onnx="binary_cross_entropy_with_logits", samples=[sample((3, 4), (3, 4)), sample((3,), (3,))])
def binary_cross_entropy_with_logits_op(xp, input, target, /):
    """(1 - target) * input + softplus(-input)."""
    floating("binary_cross_entropy_with_logits", input)
    return xp.maximum(input, 0) - input * target + xp.log1p(xp.exp(-xp.abs(input)))


binary_cross_entropy_with_logits_op.vjp(
    input=lambda g, input, target: g * (input.sigmoid() - target), target=lambda g, input: -g * input
)


@whole
def binary_cross_entropy_with_logits(
    input, target, weight=None, size_average=None, reduce=None, reduction="mean", pos_weight=None
):
    """binary_cross_entropy(sigmoid(input), target), computed without overflow; pos_weight counts positives more.

    Shape: (*), (*) -> (), or (*) with reduction="none".

    >>> import facula
    >>> facula.nn.functional.binary_cross_entropy_with_logits(facula.tensor([0.]), facula.tensor([1.]))
    tensor(0.6931)
    """
    reduction = reduction_of("binary_cross_entropy_with_logits", legacy(size_average, reduce, reduction))
    if tuple(input.shape) != tuple(target.shape):
        raise value_error(
            f"binary_cross_entropy_with_logits: Target size {tuple(target.shape)} must be the same as input size "
            f"{tuple(input.shape)}. Reshape one with .view_as()."
        )
    if pos_weight is None:
        loss = binary_cross_entropy_with_logits_op(input, target)
    else:
        from facula.ops.activation import logsigmoid

        loss = (1 - target) * input - (1 + (pos_weight - 1) * target) * logsigmoid(input)
    return _reduce(loss if weight is None else loss * weight, reduction)


def gaussian_nll_loss(input, target, var, full=False, eps=1e-6, reduction="mean"):
    """(log(var) + (input - target) ** 2 / var) / 2, var held above eps.

    Shape: (*), (*), var (*) or (*, 1) or a number -> (), or (*) with reduction="none".

    >>> import facula
    >>> facula.nn.functional.gaussian_nll_loss(facula.tensor([2.]), facula.tensor([0.]), facula.tensor([1.]))
    tensor(2.)
    """
    reduction = reduction_of("gaussian_nll_loss", reduction)
    var = _variances(input, var)
    if not input.is_meta and (var.array < 0).any():
        raise value_error(
            "gaussian_nll_loss: var has negative entry/entries, expected variances. Pass exp() of a log-variance."
        )
    held = var.detach()
    var = var + (where(held >= eps, held, eps) - held)
    loss = (var.log() + (input - target) ** 2 / var) * 0.5
    if full:
        loss = loss + 0.5 * math.log(2 * math.pi)
    return _reduce(loss, reduction)


def _variances(input, var):
    """`var` as a tensor that broadcasts with the input."""
    if not hasattr(var, "array"):
        if var < 0:
            raise value_error(f"gaussian_nll_loss: var has negative entry/entries, got {var}. Pass a variance.")
        return input.new_ones(input.shape) * var
    if tuple(var.shape) == tuple(input.shape):
        return var
    if tuple(input.shape[:-1]) == tuple(var.shape):
        return var.unsqueeze(-1)
    if input.ndim == var.ndim and [m for n, m in zip(input.shape, var.shape, strict=True) if n != m] == [1]:
        return var
    raise value_error(
        f"gaussian_nll_loss: var is of incorrect size, expected {tuple(input.shape)} or one number per row, got "
        f"{tuple(var.shape)}. Reshape it."
    )


@whole
def poisson_nll_loss(
    input, target, log_input=True, full=False, size_average=None, eps=1e-8, reduce=None, reduction="mean"
):
    """exp(input) - target * input, or input - target * log(input + eps) without log_input; full adds Stirling's term.

    Shape: (*), (*) -> (), or (*) with reduction="none".

    >>> import facula
    >>> facula.nn.functional.poisson_nll_loss(facula.tensor([0.]), facula.tensor([2.]))
    tensor(1.)
    """
    reduction = reduction_of("poisson_nll_loss", legacy(size_average, reduce, reduction))
    loss = input.exp() - target * input if log_input else input - target * (input + eps).log()
    if full:
        held = target.masked_fill(target <= 1, 1)
        stirling = held * held.log() - held + (held * (2 * math.pi)).log() * 0.5
        loss = loss + stirling.masked_fill(target <= 1, 0)
    return _reduce(loss, reduction)


@whole
def soft_margin_loss(input, target, size_average=None, reduce=None, reduction="mean"):
    """log(1 + exp(-target * input)), target 1 or -1.   Shape: (*), (*) -> (), or (*) with reduction="none".

    >>> import facula
    >>> facula.nn.functional.soft_margin_loss(facula.tensor([0.]), facula.tensor([1.]))
    tensor(0.6931)
    """
    from facula.ops.activation import softplus

    return _reduce(softplus(-target * input), reduction_of("soft_margin_loss", legacy(size_average, reduce, reduction)))


def _positive(x):
    return x.masked_fill(x <= 0, 0)


@whole
def hinge_embedding_loss(input, target, margin=1.0, size_average=None, reduce=None, reduction="mean"):
    """input where target is 1, max(0, margin - input) where it is -1 (0 elsewhere each part).

    Shape: (*), (*) -> (), or (*) with reduction="none".

    >>> import facula
    >>> facula.nn.functional.hinge_embedding_loss(facula.tensor([0.25, 0.25]), facula.tensor([1., -1.]))
    tensor(0.5000)
    """
    reduction = reduction_of("hinge_embedding_loss", legacy(size_average, reduce, reduction))
    loss = _positive(margin - input).masked_fill(target == 1, 0) + input.masked_fill(target == -1, 0)
    return _reduce(loss, reduction)


@whole
def margin_ranking_loss(input1, input2, target, margin=0, size_average=None, reduce=None, reduction="mean"):
    """max(0, -target * (input1 - input2) + margin).

    Shape: (*), (*), (*) that broadcast together -> (), or their common shape with reduction="none".

    >>> import facula
    >>> facula.nn.functional.margin_ranking_loss(facula.tensor([1.]), facula.tensor([3.]), facula.tensor([1.]))
    tensor(2.)
    """
    reduction = reduction_of("margin_ranking_loss", legacy(size_average, reduce, reduction))
    if input1.ndim != input2.ndim or input1.ndim != target.ndim:
        raise runtime_error(
            "margin_ranking_loss: margin_ranking_loss : All input tensors should have same dimension but got sizes: "
            f"input1: {tuple(input1.shape)}, "
            f"input2: {tuple(input2.shape)}, target: {tuple(target.shape)}. Reshape them."
        )
    value = -target * (input1 - input2) + margin
    return _reduce(value.masked_fill(value < 0, 0), reduction)
