"""Which id comes next: the likeliest, or a draw from what is left after limits."""

from __future__ import annotations

from typing import Any

import facula
from facula import Tensor

__all__ = ["penalize", "select"]


def penalize(logits: Tensor, ids: Tensor, penalty: float) -> Tensor:
    """Make ids that occur less likely: logits above 0 are divided by the penalty, others multiplied.

    Shape: (B, vocab), (B, T) -> (B, vocab). Source: N. Keskar et al., https://arxiv.org/abs/1909.05858.
    ValueError for a penalty that is not above 0.

    >>> import facula
    >>> from facula_text.sampling import penalize
    >>> penalize(facula.tensor([[2.0, -1.0, 3.0]]), facula.tensor([[0, 1, 1]]), 2.0).tolist()
    [[1.0, -2.0, 3.0]]
    """
    if penalty <= 0:
        raise ValueError(f"generate: expected repetition_penalty above 0, got {penalty}. Use 1.0 for none.")
    seen = logits.gather(1, ids)
    return logits.scatter(1, ids, facula.where(seen > 0, seen / penalty, seen * penalty))


def select(
    logits: Tensor,
    *,
    do_sample: bool = False,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
    generator: Any = None,
) -> Tensor:
    """The next ids: the likeliest, or drawn from softmax(logits / temperature) if `do_sample`.

    `top_k` leaves the k likeliest, `top_p` the fewest likeliest whose probabilities add up to at least p
    (https://arxiv.org/abs/1904.09751), `min_p` those at least p times as likely as the likeliest
    (https://arxiv.org/abs/2407.01082). Shape: (B, vocab) -> (B, 1), int64. ValueError for limits out of range.

    >>> import facula
    >>> from facula_text.sampling import select
    >>> select(facula.tensor([[0.1, 3.0, 0.2]])).tolist()
    [[1]]
    """
    _check(temperature, top_k, top_p, min_p)
    if not do_sample:
        return logits.argmax(dim=-1, keepdim=True)
    ordered, ids = (logits / temperature).sort(dim=-1, descending=True)
    probabilities = facula.softmax(ordered, dim=-1)
    dropped = facula.zeros_like(probabilities, dtype=facula.bool)
    if top_k is not None:
        dropped[:, top_k:] = True
    if top_p is not None:
        within_k = probabilities.masked_fill(dropped, 0.0)
        within_k = within_k / within_k.sum(dim=-1, keepdim=True)
        dropped = dropped | (within_k.cumsum(dim=-1) - within_k >= top_p)  # what comes before already suffices
    if min_p is not None:
        dropped = dropped | (probabilities < min_p * probabilities[:, :1])
    kept = probabilities.masked_fill(dropped, 0.0)
    return ids.gather(-1, facula.multinomial(kept, 1, generator=generator))


def _check(temperature: float, top_k: int | None, top_p: float | None, min_p: float | None) -> None:
    if temperature <= 0:
        raise ValueError(
            f"generate: expected temperature above 0, got {temperature}. Use do_sample=False for the likeliest."
        )
    if top_k is not None and top_k < 1:
        raise ValueError(f"generate: expected top_k of at least 1, got {top_k}. Leave it out to keep all.")
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(f"generate: expected top_p above 0 and at most 1, got {top_p}. Leave it out to keep all.")
    if min_p is not None and not 0 <= min_p <= 1:
        raise ValueError(f"generate: expected min_p from 0 to 1, got {min_p}. Leave it out to keep all.")
