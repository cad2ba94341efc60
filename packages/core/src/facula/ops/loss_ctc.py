"""Connectionist temporal classification: the loss of label sequences without alignment (Graves et al., 2006)."""

from __future__ import annotations

import numpy as np

from facula.autograd.engine import grad
from facula.autograd.op import arg, op, sample
from facula.autograd.state import enable_grad, state, whole
from facula.devices import base as devices
from facula.devices.meta import Meta
from facula.errors import runtime_error
from facula.ops.checks import floating, reduction_of
from facula.ops.compare import where
from facula.ops.index import index_op
from facula.ops.join import stack
from facula.ops.pad import pad
from facula.ops.softmax import log_softmax_op
from facula.tensors.tensor import Tensor, wrap

_NEVER = -1e30  # the logarithm of an impossible path where infinities would make nan


def _shift(xp, a, n):
    """Each row moved n states to the right."""
    out = xp.full(a.shape, -np.inf, a.dtype)
    out[:, n:] = a[:, : a.shape[1] - n]
    return out


def _skips(xp, labels):
    """Whether a state may be reached from two states before: a label that differs from the one before it."""
    out = xp.zeros(labels.shape, bool)
    out[:, 3::2] = labels[:, 3::2] != labels[:, 1:-2:2]
    return out


def _logsumexp(xp, *parts):
    top = parts[0]
    for part in parts[1:]:
        top = xp.maximum(top, part)
    safe = xp.where(xp.isfinite(top), top, 0)
    return xp.log(sum(xp.exp(part - safe) for part in parts)) + safe


def _emissions(xp, log_probs, labels):
    return log_probs[:, xp.arange(labels.shape[0])[:, None], labels]


def _forwards(xp, emitted, labels):
    """alpha[t, n, s]: the log-probability of all beginnings that are in state s at time t."""
    skips = _skips(xp, labels)
    alpha = xp.empty(emitted.shape, emitted.dtype)
    now = xp.full(emitted.shape[1:], -np.inf, emitted.dtype)
    now[:, :2] = emitted[0, :, :2]
    alpha[0] = now
    for t in range(1, emitted.shape[0]):
        now = _logsumexp(xp, now, _shift(xp, now, 1), xp.where(skips, _shift(xp, now, 2), -np.inf)) + emitted[t]
        alpha[t] = now
    return alpha


def _ends(xp, alpha, input_lengths, target_lengths):
    """The log-probability of each whole sequence."""
    n = xp.arange(alpha.shape[1])
    time = xp.maximum(input_lengths - 1, 0)
    last = alpha[time, n, 2 * target_lengths]
    before = xp.where(target_lengths > 0, alpha[time, n, xp.maximum(2 * target_lengths - 1, 0)], -np.inf)
    total = _logsumexp(xp, last, before)
    return xp.where(input_lengths > 0, total, xp.where(target_lengths == 0, 0, -np.inf)).astype(alpha.dtype)


def _ctc_shape(log_probs, labels, input_lengths, target_lengths):
    return Meta((log_probs.shape[1],), log_probs.dtype)


@op(_ctc_shape, onnx=None, samples=[
    sample((5, 2, 3), arg(values=[[0, 1, 0, 2, 0], [0, 2, 0, 2, 0]]), arg(values=[5, 4]), arg(values=[2, 2])),
    sample((3, 2, 3), arg(values=[[0, 1, 0], [0, 2, 0]]), arg(values=[3, 2]), arg(values=[1, 0])),
])  # fmt: skip
def ctc_op(xp, log_probs, labels, input_lengths, target_lengths, /):
    """-log of the probability of all alignments of each label sequence (with blanks between its labels)."""
    floating("ctc_loss", log_probs)
    alpha = _forwards(xp, _emissions(xp, log_probs, labels), labels)
    return -_ends(xp, alpha, input_lengths, target_lengths)


def _ctc_array(g, log_probs, labels, input_lengths, target_lengths, xp):
    times, batch, states = log_probs.shape[0], labels.shape[0], labels.shape[1]
    emitted = _emissions(xp, log_probs, labels)
    alpha = _forwards(xp, emitted, labels)
    total = _ends(xp, alpha, input_lengths, target_lengths)
    skips = _skips(xp, labels)
    place = xp.arange(states)[None, :]
    final = (place == 2 * target_lengths[:, None]) | (
        (place == 2 * target_lengths[:, None] - 1) & (target_lengths[:, None] > 0)
    )
    beta = xp.full((batch, states), -np.inf, emitted.dtype)
    slope = xp.zeros(log_probs.shape, log_probs.dtype)
    rows = xp.arange(batch)[:, None]
    for t in range(times - 1, -1, -1):
        if t < times - 1:
            inner = beta + emitted[t + 1]
            back = inner[:, ::-1]
            one, two = _shift(xp, back, 1)[:, ::-1], _shift(xp, xp.where(skips, inner, -np.inf)[:, ::-1], 2)[:, ::-1]
            beta = _logsumexp(xp, inner, one, two)
        beta = xp.where((input_lengths - 1 == t)[:, None], xp.where(final, 0, -np.inf), beta).astype(emitted.dtype)
        posterior = xp.exp(alpha[t] + beta - total[:, None])
        posterior = xp.where((t < input_lengths)[:, None], posterior, 0)
        np.add.at(slope[t], (rows, labels), posterior)
    return slope * -g[None, :, None]


def _scan(log_probs, labels, input_lengths, target_lengths):
    """`ctc_op` in tensor ops: slower, and differentiable as often as one likes."""
    host = [np.asarray(t.cpu().array) for t in (labels, input_lengths, target_lengths)]
    skips = wrap(devices.move(_skips(np, host[0]), log_probs.device))
    n = np.arange(host[0].shape[0])
    beside = lambda a: wrap(devices.move(np.asarray(a), log_probs.device))
    emitted = index_op(log_probs, beside(n[:, None]), labels, positions=(1, 2))
    start = beside(np.broadcast_to(np.arange(host[0].shape[1]) < 2, host[0].shape).copy())
    now = where(start, emitted[0], _NEVER)
    steps = [now]
    for t in range(1, log_probs.shape[0]):
        moved = [pad(now, (k, -k), value=_NEVER) for k in (1, 2)]
        now = _add(now, moved[0], where(skips, moved[1], _NEVER)) + emitted[t]
        steps.append(now)
    alpha = stack(steps)
    time = beside(np.maximum(host[1] - 1, 0))
    last = index_op(alpha, time, beside(n), beside(2 * host[2]), positions=(0, 1, 2))
    before = index_op(alpha, time, beside(n), beside(np.maximum(2 * host[2] - 1, 0)), positions=(0, 1, 2))
    return -_add(last, where(beside(host[2] > 0), before, _NEVER))


def _add(*parts):
    """log(sum(exp(parts)))."""
    every = stack(list(parts))
    top = every.detach().amax(0)
    return (every - top).exp().sum(0).log() + top


def _ctc_slope(g, log_probs, labels, input_lengths, target_lengths):
    recorded = state.grad
    with enable_grad():
        source = log_probs if recorded else log_probs.detach().requires_grad_()
        loss = _scan(source, labels, input_lengths, target_lengths)
    return grad(loss, source, g, create_graph=recorded)[0]


ctc_op.vjp(log_probs=_ctc_slope)
ctc_op.array_vjp(log_probs=_ctc_array)


def _lengths(value, name, like):
    array = np.asarray(value.cpu().array if isinstance(value, Tensor) else value, dtype=np.int64).reshape(-1)
    if array.size != like:
        raise runtime_error(
            f"ctc_loss: {name} must be of size batch_size, expected {like} numbers, got {array.size}. Give one length "
            "per sequence."
        )
    return array


def _padded_labels(targets, lengths, blank):
    """Targets (N, S) or one after the other as (N, 2 max + 1), with blanks between, before and after."""
    array = np.asarray(targets.cpu().array)
    longest = int(lengths.max()) if lengths.size else 0
    out = np.full((lengths.size, 2 * longest + 1), blank, np.int64)
    at = 0
    for i, n in enumerate(lengths):
        if array.ndim == 2:
            if n > array.shape[1]:
                raise runtime_error(
                    f"ctc_loss: Expected tensor to have size at least {n} at dimension 1, but got size "
                    f"{array.shape[1]} for argument targets. Check target_lengths."
                )
            out[i, 1 : 2 * n : 2] = array[i, :n]
        else:
            out[i, 1 : 2 * n : 2] = array[at : at + n]
            at += n
    if array.ndim == 1 and at != array.size:
        raise runtime_error(
            f"ctc_loss: expected targets of length {at}, the sum of target_lengths, got {array.size}. Check "
            "target_lengths."
        )
    return out


@whole
def ctc_loss(log_probs, targets, input_lengths, target_lengths, blank=0, reduction="mean", zero_infinity=False):
    """-log of the probability that `log_probs` spell `targets`, summed over all alignments.

    The mean divides each loss by its target's length first; zero_infinity replaces losses of impossible targets by 0.
    Shape: log_probs (T, N, C) or (T, C), targets (N, S) or (sum of target_lengths), lengths (N) -> scalar or (N).

    >>> import facula
    >>> facula.nn.functional.ctc_loss(facula.zeros(1, 1, 2), facula.tensor([[1]]), facula.tensor([1]), facula.tensor([1]))
    tensor(0.)
    """
    reduction = reduction_of("ctc_loss", reduction)
    batched = log_probs.ndim == 3
    if log_probs.ndim not in (2, 3):
        raise runtime_error(f"ctc_loss: log_probs must be (T, N, C) or (T, C), got {log_probs.ndim}D. Reshape it.")
    if not 0 <= blank < log_probs.shape[-1]:
        raise runtime_error(
            f"ctc_loss: blank must be in label range, expected 0 to {log_probs.shape[-1] - 1}, got {blank}. Choose "
            "one of the classes."
        )
    if not batched:
        log_probs = log_probs.unsqueeze(1)
    batch = log_probs.shape[1]
    inputs, lengths = _lengths(input_lengths, "input_lengths", batch), _lengths(target_lengths, "target_lengths", batch)
    if inputs.size and inputs.max() > log_probs.shape[0]:
        raise runtime_error(
            f"ctc_loss: Expected input_lengths to have value at most {log_probs.shape[0]}, but got value "
            f"{inputs.max()}. Check the lengths."
        )
    labels = _padded_labels(targets, lengths, blank)
    beside = [wrap(devices.move(a, log_probs.device)) for a in (labels, inputs, lengths)]
    # The gradient that callers of log_softmax know is that of normalised scores; what normalising takes away is put back.
    normal = log_softmax_op(log_probs, 2)
    missing = (log_probs.detach() - normal.detach())[:, :, 0]
    inside = np.arange(log_probs.shape[0])[:, None] < inputs[None, :]
    loss = ctc_op(normal, *beside) - missing.masked_fill(~wrap(devices.move(inside, log_probs.device)), 0).sum(0)
    if zero_infinity:
        impossible = loss.detach() == float("inf")
        loss = loss.masked_fill(impossible, 0)
    if reduction == "mean":
        return (loss / wrap(devices.move(np.maximum(lengths, 1), log_probs.device)).to(loss.dtype)).mean()
    if reduction == "sum":
        return loss.sum()
    return loss if batched else loss.squeeze(0)
