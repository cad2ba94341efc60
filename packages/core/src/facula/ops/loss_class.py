"""Losses of classes: cross_entropy, nll_loss, multi_margin_loss, multilabel losses, kl_div."""

from __future__ import annotations

import numpy as np

from facula import dtypes
from facula.autograd.op import arg, op, sample
from facula.autograd.state import whole
from facula.devices.meta import Meta
from facula.errors import index_error, runtime_error, value_error
from facula.ops.arithmetic import mul
from facula.ops.checks import floating, legacy, reduction_of
from facula.ops.index import index_op, put_op
from facula.ops.softmax import log_softmax_op, softmax_op

_IDS = arg(values=[1, 3, 0])
_REDUCED = [sample((3, 4), _IDS, ignore_index=-100, reduction=r) for r in ("mean", "sum", "none")]


def _wrong_target(name, target, classes, ignore_index):
    bad = target[(target != ignore_index) & ((target < 0) | (target >= classes))]
    return index_error(
        f"{name}: Target {bad.flat[0]} is out of bounds, expected classes from 0 to {classes - 1}. Count "
        "classes from 0."
    )


def _class_rule(input, target, ignore_index, reduction):
    _check_targets("cross_entropy", input, target)
    return Meta(target.shape if reduction == "none" else (), input.dtype)


def _check_targets(name, input, target):
    if input.ndim not in (1, 2) or target.ndim != input.ndim - 1:
        raise runtime_error(
            f"{name}: expected class indices of shape {tuple(input.shape[:-1])} for input {tuple(input.shape)}, got "
            f"{tuple(target.shape)}. Reshape the target, e.g. with .squeeze(1) if it is a column."
        )
    if target.dtype.kind not in "iu":
        raise runtime_error(
            f"{name}: expected scalar type Long but found {target.dtype.name}. Convert the target with .long()."
        )
    if input.ndim == 2 and input.shape[0] != target.shape[0]:
        raise value_error(
            f"{name}: Expected input batch_size ({input.shape[0]}) to match target batch_size ({target.shape[0]}). "
            "Give one class per row."
        )


def class_rows(xp, input, target, ignore_index, name):
    """(rows, picked columns, whether each counts or None for all), with the targets checked."""
    classes = input.shape[-1]
    if xp is np and target.size and target.min() >= 0 and target.max() < classes and not 0 <= ignore_index < classes:
        return xp.arange(target.shape[0]), target, None
    counted = target != ignore_index
    picked = xp.where(counted, target, 0)
    if picked.size and (picked.min() < 0 or picked.max() >= classes):
        raise _wrong_target(name, target, classes, ignore_index)
    return xp.arange(target.shape[0]), picked, counted


@op(_class_rule, onnx="SoftmaxCrossEntropyLoss", samples=_REDUCED)
def cross_entropy_op(xp, input, target, /, ignore_index, reduction):
    """-log(softmax(input))[target], in one pass over the rows of a matrix."""
    floating("cross_entropy", input)
    if target.dtype.kind not in "iu" or target.ndim != 1 or input.ndim != 2 or target.shape[0] != input.shape[0]:
        _check_targets("cross_entropy", input, target)
    rows, picked, counted = class_rows(xp, input, target, ignore_index, "cross_entropy")
    shifted = input - input.max(axis=1, keepdims=True)
    loss = -shifted[rows, picked]
    loss += xp.log(xp.exp(shifted, out=shifted).sum(axis=1))
    return reduced(xp, loss, counted, reduction)


def reduced(xp, loss, counted, reduction):
    """The losses of rows as `reduction` says; those of rows that do not count are 0."""
    if counted is not None:
        loss = xp.where(counted, loss, loss.dtype.type(0))
    if reduction == "none":
        return loss
    total = loss.sum(dtype=loss.dtype)
    if reduction == "mean":
        return total / (loss.dtype.type(len(loss) if counted is None else counted.sum()))
    return total


def class_scale(g, target, ignore_index, reduction):
    """What each row's gradient is multiplied with, (N, 1) (arrays and tensors)."""
    if reduction == "none":
        return (g * (target != ignore_index))[:, None]
    counted = target != ignore_index
    if reduction == "mean":
        g = g / counted.sum()
    return (g * counted)[:, None]


def _cross_entropy_slope(g, input, target, ignore_index, reduction):
    soft = softmax_op(input, 1)
    hot = put_op(
        input.new_zeros(input.shape),
        input.new_ones(target.shape),
        *_at(target, ignore_index),
        positions=(0, 1),
        accumulate=False,
    )
    return mul(soft - hot, class_scale(g, target, ignore_index, reduction).to(input.dtype))


def _at(target, ignore_index):
    from facula.ops.create import arange

    return arange(target.shape[0], device=target.device), target.masked_fill(target == ignore_index, 0)


def cross_entropy_array(g, input, target, ignore_index, reduction, xp):
    """The gradient on arrays."""
    rows, picked, counted = class_rows(xp, input, target, ignore_index, "cross_entropy")
    soft = softmax_op.forward(xp, input, 1)
    soft[rows, picked] -= 1
    if reduction != "none" and counted is None:
        soft *= g / input.dtype.type(target.shape[0]) if reduction == "mean" else g
        return soft
    soft *= class_scale(g, target, ignore_index, reduction).astype(input.dtype)
    return soft


cross_entropy_op.vjp(input=_cross_entropy_slope)
cross_entropy_op.array_vjp(input=cross_entropy_array)


def _classes_last(input):
    """(N, C, d1, ...) as (N * d1 * ..., C)."""
    if input.ndim == 2:
        return input
    order = (0, *range(2, input.ndim), 1)
    return input.permute(order).reshape(-1, input.shape[1])


@whole
def cross_entropy(
    input, target, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean", label_smoothing=0.0
):
    """-log(softmax(input))[target]: how badly scores predict classes.

    target holds class indices, or the probability of each class; weight counts classes more or less, ignore_index names the
    class that does not count, label_smoothing mixes the target with the uniform distribution (Szegedy et al., 2016).
    Shape: (C), (N, C) or (N, C, d1, ...) with targets (), (N), (N, d1, ...) -> scalar, or the targets' shape with reduction="none".

    >>> import facula
    >>> facula.nn.functional.cross_entropy(facula.tensor([[0., 0.]]), facula.tensor([1]))
    tensor(0.6931)
    """
    reduction = reduction_of("cross_entropy", legacy(size_average, reduce, reduction))
    if input.ndim == 2 and weight is None and not label_smoothing and not dtypes.is_float(target.array.dtype):
        return cross_entropy_op(input, target, ignore_index, reduction)
    if not 0 <= label_smoothing <= 1:
        raise runtime_error(
            f"cross_entropy: label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}. Use e.g. 0.1."
        )
    axis = 0 if input.ndim == 1 else 1
    if not input.ndim:
        raise runtime_error(
            "cross_entropy: Dimension out of range, expected input (C), (N, C) or (N, C, d1, ...), got a scalar. Add "
            "the class dimension."
        )
    if target.array.dtype.kind not in "iub":
        return _probability_loss(input, target, weight, reduction, label_smoothing, axis)
    _check_dense("cross_entropy", input, target)
    if weight is None and not label_smoothing:
        flat = cross_entropy_op(
            _classes_last(input) if axis else input.reshape(1, -1), target.reshape(-1), ignore_index, reduction
        )
        return flat.reshape(target.shape) if reduction == "none" else flat
    log_p = log_softmax_op(input, axis)
    loss = nll_loss(log_p, target, weight, ignore_index=ignore_index, reduction=reduction)
    if not label_smoothing:
        return loss
    return loss * (1 - label_smoothing) + _smoothing(log_p, target, weight, ignore_index, reduction, axis) * (
        label_smoothing / input.shape[axis]
    )


def _check_dense(name, input, target):
    want = input.shape[:0] if input.ndim == 1 else (input.shape[0], *input.shape[2:])
    if tuple(target.shape) != tuple(want):
        if input.ndim > 1 and target.ndim and target.shape[0] != input.shape[0]:
            raise value_error(
                f"{name}: Expected input batch_size ({input.shape[0]}) to match target batch_size "
                f"({target.shape[0]}). Give one class per row."
            )
        raise runtime_error(
            f"{name}: Expected target size {list(want)}, got {list(target.shape)}. Reshape the target, e.g. with .squeeze(1) if it is a column."
        )


def _along(weight, ndim, axis):
    return weight.reshape(tuple(-1 if d == axis else 1 for d in range(ndim)))


def _smoothing(log_p, target, weight, ignore_index, reduction, axis):
    """The part of the loss that comes from the uniform distribution."""
    spread = log_p if weight is None else log_p * _along(weight, log_p.ndim, axis)
    loss = (-spread.sum(axis)).masked_fill(target == ignore_index, 0)
    if reduction == "none":
        return loss
    if reduction == "sum":
        return loss.sum()
    counted = target != ignore_index
    if weight is None:
        return loss.sum() / counted.sum()
    picked = index_op(weight, target.masked_fill(~counted, 0), positions=(0,))
    return loss.sum() / picked.masked_fill(~counted, 0).sum()


def _probability_loss(input, target, weight, reduction, label_smoothing, axis):
    if tuple(target.shape) != tuple(input.shape):
        raise runtime_error(
            "cross_entropy: Expected floating point type for target with class probabilities of shape "
            f"{tuple(input.shape)}, got {tuple(target.shape)}. Convert class indices with .long()."
        )
    if label_smoothing:
        target = target * (1 - label_smoothing) + label_smoothing / input.shape[axis]
    product = log_softmax_op(input, axis) * target
    if weight is not None:
        product = product * _along(weight, input.ndim, axis)
    if reduction == "none":
        return -product.sum(axis)
    total = -product.sum()
    return (
        total
        if reduction == "sum"
        else total / max(input.numel() // input.shape[axis], 1)
        if input.shape[axis]
        else total / 0
    )


@whole
def nll_loss(input, target, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean"):
    """-weight[target] * input[target] for log-probabilities input; the mean divides by the sum of the weights.

    Shape: (N, C), (C) or (N, C, d1, ...) with targets (N), () or (N, d1, ...) -> (), or the targets' shape with reduction="none".

    >>> import facula
    >>> facula.nn.functional.nll_loss(facula.tensor([[-1., -2.]]), facula.tensor([1]))
    tensor(2.)
    """
    reduction = reduction_of("nll_loss", legacy(size_average, reduce, reduction))
    if not input.ndim:
        raise runtime_error("nll_loss: input tensor should be 1D or 2D, got a scalar. Add the class dimension.")
    if target.array.dtype.kind not in "iu":
        raise runtime_error(
            f"nll_loss: expected scalar type Long but found {target.dtype.name}. Convert the target with .long()."
        )
    _check_dense("nll_loss", input, target)
    flat = _classes_last(input) if input.ndim > 1 else input.reshape(1, -1)
    wanted = target.reshape(-1)
    counted = wanted != ignore_index
    _check_range(wanted, flat.shape[1], ignore_index)
    rows, columns = _at(wanted, ignore_index)
    loss = -index_op(flat, rows, columns, positions=(0, 1))
    if weight is None:
        factor = counted.to(input.dtype)
    elif weight.array.shape != (flat.shape[1],):
        raise runtime_error(
            f"nll_loss: weight tensor should be defined either for all {flat.shape[1]} classes or no classes but got weight tensor of shape: "
            f"{list(weight.shape)}. Give one number per class."
        )
    else:
        factor = index_op(weight, columns, positions=(0,)).masked_fill(~counted, 0)
    loss = (loss * factor).masked_fill(~counted, 0)
    if reduction == "none":
        return loss.reshape(target.shape)
    return loss.sum() if reduction == "sum" else loss.sum() / factor.sum()


def _check_range(target, classes, ignore_index):
    array = target.array
    if type(array) is np.ndarray and ((array != ignore_index) & ((array < 0) | (array >= classes))).any():
        raise _wrong_target("nll_loss", array, classes, ignore_index)


@whole
def kl_div(input, target, size_average=None, reduce=None, reduction="mean", log_target=False):
    """target * (log(target) - input) for log-probabilities input: the Kullback-Leibler divergence.

    reduction="batchmean" divides the sum by the batch size, which is the mathematical definition.

    Shape: (*), (*) -> (), or (*) with reduction="none".

    >>> import facula
    >>> facula.nn.functional.kl_div(facula.tensor([[0.5, 0.5]]).log(), facula.tensor([[1., 0.]]), reduction="batchmean")
    tensor(0.6931)
    """
    reduction = legacy(size_average, reduce, reduction)
    if reduction != "batchmean":
        reduction = reduction_of("kl_div", reduction)
    if log_target:
        loss = target.exp() * (target - input)
    else:
        positive = target > 0
        loss = (target * target.masked_fill(target == 0, 1).log()).masked_fill(
            ~positive & (target == 0), 0
        ) - target * input
    if reduction == "batchmean":
        return loss.sum() / input.shape[0] if input.ndim else loss.sum()
    return loss if reduction == "none" else loss.mean() if reduction == "mean" else loss.sum()
