"""Text from a language model: one id after the other, each drawn from what the model says about it."""

from __future__ import annotations

from typing import Any, Protocol

import facula
from facula import Tensor

__all__ = ["generate", "select"]


class LanguageModel(Protocol):
    """A module that reads ids piece by piece."""

    @property
    def block_size(self) -> int | None: ...

    @property
    def training(self) -> bool: ...

    def train(self, mode: bool = True) -> Any: ...

    def make_cache(self, batch: int, capacity: int, padding: Tensor | None = None) -> Any: ...

    def __call__(self, input: Tensor, cache: Any = None) -> Tensor: ...


def select(
    logits: Tensor,
    *,
    do_sample: bool = False,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    generator: Any = None,
) -> Tensor:
    """The next ids: the likeliest, or drawn from softmax(logits / temperature) if `do_sample`.

    `top_k` leaves the k likeliest, `top_p` the fewest likeliest whose probabilities add up to at least p
    (https://arxiv.org/abs/1904.09751). Shape: (B, vocab) -> (B, 1), int64. ValueError for limits out of range.

    >>> import facula
    >>> from facula_text.generation import select
    >>> select(facula.tensor([[0.1, 3.0, 0.2]])).tolist()
    [[1]]
    """
    if temperature <= 0:
        raise ValueError(
            f"generate: expected temperature above 0, got {temperature}. Use do_sample=False for the likeliest."
        )
    if top_k is not None and top_k < 1:
        raise ValueError(f"generate: expected top_k of at least 1, got {top_k}. Leave it out to keep all.")
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(f"generate: expected top_p above 0 and at most 1, got {top_p}. Leave it out to keep all.")
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
    kept = probabilities.masked_fill(dropped, 0.0)
    return ids.gather(-1, facula.multinomial(kept, 1, generator=generator))


def generate(
    model: LanguageModel,
    input: Tensor,
    max_new_tokens: int,
    *,
    do_sample: bool = False,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    eos_id: int | None = None,
    generator: Any = None,
) -> Tensor:
    """`input` and up to `max_new_tokens` ids more, each chosen by `select`.

    The model reads each id once and keeps keys and values; when the text has grown past `block_size`, it reads the last
    `block_size` ids anew for each one. A row that has met `eos_id` is filled with it; once all have, the text ends.

    Shape: (B, T) -> (B, T + at most max_new_tokens), int64. ValueError for input of other dimensions or without ids.
    """
    if input.dim() != 2 or not input.shape[1]:
        raise ValueError(
            f"generate: expected ids (B, T) with T of at least 1, got {tuple(input.shape)}. Give a first id."
        )
    training = model.training
    model.train(False)
    try:
        with facula.no_grad():
            capacity = input.shape[1] + max_new_tokens
            if model.block_size is not None:
                capacity = min(capacity, model.block_size)
            ids, unread = input, input[:, -capacity:]
            cache = model.make_cache(len(ids), capacity)
            for _ in range(max_new_tokens):
                logits = model(unread, cache)
                chosen = select(
                    logits[:, -1],
                    do_sample=do_sample,
                    temperature=temperature,
                    top_k=top_k,
                    top_p=top_p,
                    generator=generator,
                )
                if eos_id is not None:
                    ended = (ids[:, input.shape[1] :] == eos_id).any(dim=1, keepdim=True)
                    chosen = facula.where(ended, eos_id, chosen)
                ids = facula.cat([ids, chosen], dim=1)
                if eos_id is not None and bool((ids[:, input.shape[1] :] == eos_id).any(dim=1).all()):
                    break
                unread = chosen
                if ids.shape[1] > capacity:
                    unread, cache = ids[:, -capacity:], model.make_cache(len(ids), capacity)
            return ids
    finally:
        model.train(training)
