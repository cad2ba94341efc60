"""The loss of transducers: over all ways to interleave the frames of a sound with the tokens of its text.

A. Graves, "Sequence transduction with recurrent neural networks" (2012).
"""

from __future__ import annotations

from typing import Any

import facula
from facula import Tensor
from facula.autograd.function import Function
from facula.nn import functional as F

__all__ = ["rnnt_loss"]


def _skewed(x: Tensor, steps: int) -> Tensor:
    """Entry [t, u] moved to [t + u, u], so that a diagonal is a row; -inf elsewhere.   Shape: (B, T, U) -> (B, steps, U)."""
    batch, frames, labels = x.shape
    wide = F.pad(x, (0, 0, 0, steps + 1 - frames), value=-float("inf"))  # (B, steps + 1, U)
    moved = wide.transpose(1, 2).reshape(batch, -1)[:, : labels * steps]
    return moved.reshape(batch, labels, steps).transpose(1, 2)


def _straight(x: Tensor, frames: int) -> Tensor:
    """The inverse of `_skewed`.   Shape: (B, steps, U) -> (B, frames, U)."""
    batch, steps, labels = x.shape
    flat = F.pad(x.transpose(1, 2).reshape(batch, -1), (0, labels))
    return flat.reshape(batch, labels, steps + 1)[:, :, :frames].transpose(1, 2)


class _Lattice(Function):
    """-log of the sum over all paths, from the log-probabilities of a blank and of the next token at each node.

    Shape: blanks (B, T, U + 1), tokens (B, T, U + 1) with -inf where there is none, last (B): the diagonal on which
    each path ends -> (B).
    """

    @staticmethod
    def forward(ctx: Any, blanks: Tensor, tokens: Tensor, frames: Tensor, labels: Tensor) -> Tensor:
        length, width = blanks.shape[1:]
        steps = length + width - 1
        blank, token = _skewed(blanks, steps), _skewed(tokens, steps)
        shifted = F.pad(token[:, :, :-1], (1, 0), value=-float("inf"))  # the token that leads to u
        ahead = [F.pad(blanks.new_zeros(blanks.shape[0], 1), (0, width - 1), value=-float("inf"))]
        for d in range(1, steps):
            before = ahead[-1]
            moved = F.pad(before[:, :-1], (1, 0), value=-float("inf"))
            ahead.append(facula.logaddexp(before + blank[:, d - 1], moved + shifted[:, d - 1]))
        alpha = facula.stack(ahead, dim=1)  # (B, steps, U + 1)
        ends = facula.arange(steps, device=blanks.device)[:, None] == (frames + labels - 1)[:, None, None]
        ends = ends & (facula.arange(width, device=blanks.device) == labels[:, None, None])
        final = facula.where(ends, blank, -float("inf"))
        behind = [final[:, -1]]
        for d in range(steps - 2, -1, -1):
            after = behind[-1]
            moved = F.pad(after[:, 1:], (0, 1), value=-float("inf"))
            way = facula.logaddexp(after + blank[:, d], moved + token[:, d])
            behind.append(facula.logaddexp(way, final[:, d]))
        beta = facula.stack(behind[::-1], dim=1)
        total = beta[:, 0, 0]
        next_up = F.pad(beta[:, 1:], (0, 0, 0, 1), value=-float("inf"))
        base = alpha - total[:, None, None]
        by_blank = (base + blank + facula.logaddexp(next_up, facula.where(ends, 0.0, -float("inf")))).exp()
        by_token = (base + token + F.pad(next_up[:, :, 1:], (0, 1), value=-float("inf"))).exp()
        ctx.save_for_backward(_straight(by_blank, length), _straight(by_token, length))
        return -total

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, Tensor, None, None]:
        at_blanks, at_tokens = ctx.saved_tensors
        return -g[:, None, None] * at_blanks, -g[:, None, None] * at_tokens, None, None


def rnnt_loss(
    logits: Tensor,
    targets: Tensor,
    logit_lengths: Tensor,
    target_lengths: Tensor,
    blank: int = -1,
    clamp: float = -1,
    reduction: str = "mean",
    fused_log_softmax: bool = True,
) -> Tensor:
    """-log P(targets | logits), summed over all alignments; `reduction` is "none", "mean" or "sum" over the batch.

    `clamp` above 0 bounds the gradient at the logits; without `fused_log_softmax`, they are log-probabilities already.
    Shape: logits (B, T, U + 1, classes), targets (B, U), lengths (B) -> () or (B).
    ValueError for another reduction, RuntimeError for shapes, types or lengths that do not fit.
    """
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f'rnnt_loss: reduction should be one of "none", "mean", or "sum", got {reduction!r}.')
    _check_lattice(logits, targets, logit_lengths, target_lengths, blank)
    given = targets, logit_lengths.to(facula.int64), target_lengths.to(facula.int64), blank, fused_log_softmax
    loss = _Clamped.apply(logits, clamp, *given) if clamp > 0 else _losses(logits, *given)
    return {"none": lambda: loss, "mean": loss.mean, "sum": loss.sum}[reduction]()


def _losses(
    logits: Tensor, targets: Tensor, frames: Tensor, labels: Tensor, blank: int, fused_log_softmax: bool
) -> Tensor:
    """The loss of each item of the batch."""
    scores = logits.log_softmax(-1) if fused_log_softmax else logits
    index = targets.to(facula.int64)[:, None, :, None].expand(-1, logits.shape[1], -1, -1)
    tokens = scores[:, :, :-1].gather(-1, index).squeeze(-1)
    beyond = facula.arange(targets.shape[1], device=logits.device) >= labels[:, None]
    tokens = F.pad(tokens.masked_fill(beyond[:, None, :], -float("inf")), (0, 1), value=-float("inf"))
    return _Lattice.apply(scores[..., blank], tokens, frames, labels)


class _Clamped(Function):
    """`_losses` whose gradient at the logits is bounded before it is scaled by what follows."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, clamp: float, *given: Any) -> Tensor:
        with facula.enable_grad():
            x = logits.detach().requires_grad_()
            loss = _losses(x, *given)
            (slope,) = facula.autograd.grad(loss.sum(), x)
        ctx.save_for_backward(slope.clamp(-clamp, clamp))
        return loss.detach()

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        (slope,) = ctx.saved_tensors
        return (g[:, None, None, None] * slope, *[None] * 6)


def _check_lattice(logits: Tensor, targets: Tensor, frames: Tensor, labels: Tensor, blank: int) -> None:
    if logits.dim() != 4 or targets.dim() != 2 or targets.shape[0] != logits.shape[0]:
        raise RuntimeError(
            "rnnt_loss: expected logits (B, T, U + 1, classes) and targets (B, U), got "
            f"{tuple(logits.shape)} and {tuple(targets.shape)}."
        )
    for name, tensor in (("targets", targets), ("logit_lengths", frames), ("target_lengths", labels)):
        if tensor.dtype not in (facula.int32, facula.int64):
            raise RuntimeError(f"rnnt_loss: {name} must be int32 type, expected that or int64, got {tensor.dtype}.")
    if not -logits.shape[-1] <= blank < logits.shape[-1]:
        raise RuntimeError(
            f"rnnt_loss: blank must be within [0, logits.shape[-1]), expected that or a negative index, got {blank}."
        )
    for name, lengths, most in (("input", frames, logits.shape[1]), ("output", labels, logits.shape[2] - 1)):
        if int(lengths.max()) != most:
            raise RuntimeError(
                f"rnnt_loss: {name} length mismatch, expected a greatest length of {most}, got {lengths.tolist()}. "
                "Cut off what is beyond all lengths."
            )
    if targets.shape[1] != logits.shape[2] - 1:
        raise RuntimeError(
            f"rnnt_loss: expected as many targets as logits have steps, {logits.shape[2] - 1}, got {targets.shape[1]}."
        )
