"""Text from a language model: one id after the other, each drawn from what the model says about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import facula
from facula import Tensor
from facula_text.sampling import penalize, select
from facula_text.tokenizers import Tokenizer

__all__ = ["beam_search", "generate", "select", "stream", "stream_text"]


class LanguageModel(Protocol):
    """A module that reads ids piece by piece."""

    @property
    def block_size(self) -> int | None: ...

    @property
    def training(self) -> bool: ...

    def train(self, mode: bool = True) -> Any: ...

    def make_cache(self, batch: int, capacity: int, padding: Tensor | None = None) -> Any: ...

    def __call__(self, input: Tensor, cache: Any = None) -> Tensor: ...


class Reader:
    """Growing rows of ids and the logits of what follows; each id is read once as long as the rows fit in the model."""

    def __init__(self, model: LanguageModel, input: Tensor, longest: int, padding: Tensor | None) -> None:
        self.model = model
        self.capacity = longest if model.block_size is None else min(longest, model.block_size)
        self.padding = padding
        self.pieces = [input]
        self.unread = input
        self.count = input.shape[1]
        self.cache: Any = None

    @property
    def ids(self) -> Tensor:
        """All ids so far.   Shape: (B, T)."""
        if len(self.pieces) > 1:
            self.pieces = [facula.cat(self.pieces, dim=1)]
        return self.pieces[0]

    def follow(self) -> Tensor:
        """The logits after the last id.   Shape: (B, vocab)."""
        cut = max(0, self.count - self.capacity)
        if self.cache is None or cut:
            padding = None if self.padding is None else (self.padding - cut).clamp(min=0)
            self.unread = self.ids[:, cut:]
            self.cache = self.model.make_cache(len(self.unread), self.capacity, padding)
        return self.model(self.unread, self.cache)[:, -1]

    def append(self, chosen: Tensor) -> None:
        """Go on with these ids (B, 1)."""
        self.pieces.append(chosen)
        self.unread = chosen
        self.count += 1

    def select(self, rows: Tensor) -> None:
        """Continue from other rows, e.g. the best beams."""
        self.cache.select(rows)
        self.pieces = [self.ids[rows]]


def stream(
    model: LanguageModel,
    input: Tensor,
    max_new_tokens: int,
    *,
    attention_mask: Tensor | None = None,
    eos_id: int | None = None,
    repetition_penalty: float = 1.0,
    **sampling: Any,
) -> Iterator[Tensor]:
    """Each next id (B, 1) as soon as it is known; options as of `generate`, which gathers them.

    >>> import facula
    >>> from facula_text import generation, models
    >>> model = models.GPT(vocab_size=10, block_size=8, n_layer=1, n_head=1, n_embd=4)
    >>> [ids.shape for ids in generation.stream(model, facula.tensor([[1], [2]]), 2)]
    [facula.Size([2, 1]), facula.Size([2, 1])]
    """
    padding = _padding(input, attention_mask)
    training = model.training
    model.train(False)
    try:
        reader = Reader(model, input, input.shape[1] + max_new_tokens, padding)
        ended = facula.zeros(len(input), 1, dtype=facula.bool, device=input.device)
        for _ in range(max_new_tokens):
            with facula.no_grad():
                logits = reader.follow()
                if repetition_penalty != 1.0:
                    logits = penalize(logits, _counted(reader.ids, attention_mask), repetition_penalty)
                chosen = select(logits, **sampling)
                if eos_id is not None:
                    chosen = facula.where(ended, eos_id, chosen)
                    ended = ended | (chosen == eos_id)
                reader.append(chosen)
            yield chosen
            if eos_id is not None and bool(ended.all()):
                return
    finally:
        model.train(training)


def generate(
    model: LanguageModel,
    input: Tensor,
    max_new_tokens: int,
    *,
    num_beams: int = 1,
    length_penalty: float = 1.0,
    attention_mask: Tensor | None = None,
    eos_id: int | None = None,
    **options: Any,
) -> Tensor:
    """`input` and up to `max_new_tokens` ids more.

    Each is the likeliest or, with `do_sample=True`, drawn within `temperature`, `top_k`, `top_p` and `min_p` by
    `generator`; `repetition_penalty` counts what the row already holds; `num_beams` searches for the likeliest row instead.
    `attention_mask` (B, T) is 0 for filling, which stands on the left. The model reads each id once and keeps keys and values
    in memory taken once; when the text has grown past `block_size`, it reads the last `block_size` ids anew for each one. A
    row that has met `eos_id` is filled with it; once all have, the text ends.

    Shape: (B, T) -> (B, T + at most max_new_tokens), int64. ValueError for input of other dimensions or without ids, for
    filling elsewhere, and for options out of range.
    """
    common: dict[str, Any] = {"attention_mask": attention_mask, "eos_id": eos_id}
    if num_beams > 1:
        if options:
            raise ValueError(f"generate: expected no sampling beside num_beams, got {sorted(options)}. Leave one out.")
        return beam_search(model, input, max_new_tokens, num_beams, length_penalty=length_penalty, **common)
    return facula.cat([input, *stream(model, input, max_new_tokens, **common, **options)], dim=1)


def beam_search(
    model: LanguageModel,
    input: Tensor,
    max_new_tokens: int,
    num_beams: int,
    *,
    length_penalty: float = 1.0,
    attention_mask: Tensor | None = None,
    eos_id: int | None = None,
) -> Tensor:
    """`input` and what follows with the highest sum of log probabilities / length^length_penalty that the beams meet.

    The `num_beams` likeliest rows are kept at each step; one that has met `eos_id` is kept as it is.

    Shape: (B, T) -> (B, T + at most max_new_tokens), int64. Errors as of `generate`.
    """
    if num_beams < 1:
        raise ValueError(f"generate: expected num_beams of at least 1, got {num_beams}. Use 1 for the likeliest id.")
    padding = _padding(input, attention_mask)
    batch, training = len(input), model.training
    model.train(False)
    try:
        with facula.no_grad():
            rows, device = batch * num_beams, input.device
            if padding is not None:
                padding = padding.repeat_interleave(num_beams, 0)
            longest = input.shape[1] + max_new_tokens
            reader = Reader(model, input.repeat_interleave(num_beams, 0), longest, padding)
            first_row = facula.arange(0, rows, num_beams, device=device).unsqueeze(1)
            scores = facula.full((batch, num_beams), -facula.inf, device=device)
            scores[:, 0] = 0.0  # all beams are the same at first
            lengths = facula.zeros(rows, dtype=facula.int64, device=device)
            ended = facula.zeros(rows, dtype=facula.bool, device=device)
            for _ in range(max_new_tokens):
                gain = reader.follow().log_softmax(dim=-1)  # (B * beams, vocab)
                vocab = gain.shape[1]
                if eos_id is not None:
                    only_end = facula.full_like(gain, -facula.inf)
                    only_end[:, eos_id] = 0.0
                    gain = facula.where(ended.unsqueeze(1), only_end, gain)
                total = scores.unsqueeze(2) + gain.view(batch, num_beams, vocab)
                scores, best = total.view(batch, -1).topk(num_beams, dim=1)
                origin, chosen = (first_row + best // vocab).view(-1), (best % vocab).view(-1, 1)
                reader.select(origin)
                reader.append(chosen)
                lengths = lengths[origin] + (~ended[origin]).to(facula.int64)
                if eos_id is not None:
                    ended = ended[origin] | (chosen[:, 0] == eos_id)
                    if bool(ended.all()):
                        break
            normalised = scores / lengths.clamp(min=1).view(batch, num_beams) ** length_penalty
            return reader.ids[first_row.view(-1) + normalised.argmax(dim=1)]
    finally:
        model.train(training)


def stream_text(
    model: LanguageModel,
    tokenizer: Tokenizer,
    prompt: str,
    max_new_tokens: int,
    *,
    stop_strings: Sequence[str] = (),
    **options: Any,
) -> Iterator[str]:
    """Pieces of text that follow `prompt`, as soon as they are certain; the text ends before the first stop string.

    What could be the beginning of a stop string or of a character of several bytes is held back. Options as of `stream`.

    >>> import facula
    >>> from facula_text import generation, models, tokenizers
    >>> tokenizer = tokenizers.CharTokenizer("abc")
    >>> model = models.GPT(vocab_size=3, block_size=8, n_layer=1, n_head=1, n_embd=4)
    >>> len("".join(generation.stream_text(model, tokenizer, "ab", 5)))
    5
    """
    ids: list[int] = []
    given = 0
    text = ""
    for chosen in stream(model, facula.tensor([tokenizer.encode(prompt)]), max_new_tokens, **options):
        ids.append(int(chosen))
        text = tokenizer.decode(ids)
        stops = [place for stop in stop_strings if (place := text.find(stop)) >= 0]
        if stops:
            yield text[given : min(stops)]
            return
        certain = len(text) - max(_held_back(text, stop) for stop in ("\ufffd\ufffd", *stop_strings))
        if certain > given:
            yield text[given:certain]
            given = certain
    if len(text) > given:
        yield text[given:]


def _held_back(text: str, stop: str) -> int:
    """How many characters at the end of the text begin the stop string."""
    return next((size for size in range(len(stop) - 1, 0, -1) if text.endswith(stop[:size])), 0)


def _counted(ids: Tensor, attention_mask: Tensor | None) -> Tensor:
    """The ids of the text so far; what stands where there is filling is the last id that was given, which counts anyhow."""
    if attention_mask is None:
        return ids
    given = attention_mask.shape[1]
    kept = facula.where(attention_mask.bool(), ids[:, :given], ids[:, given - 1 : given])
    return facula.cat([kept, ids[:, given:]], dim=1)


def _padding(input: Tensor, attention_mask: Tensor | None) -> Tensor | None:
    """How many ids on the left of each row are filling (B,), None for none."""
    if input.dim() != 2 or not input.shape[1]:
        raise ValueError(
            f"generate: expected ids (B, T) with T of at least 1, got {tuple(input.shape)}. Give a first id."
        )
    if attention_mask is None:
        return None
    mask = attention_mask.to(facula.int64)
    if mask.shape != input.shape or bool((mask[:, 1:] < mask[:, :-1]).any()) or not bool(mask[:, -1].all()):
        raise ValueError(
            "generate: expected an attention_mask like the ids, 0 only on the left of each row, got one that is not. "
            "Fill on the left, e.g. pad_ids(rows, side='left')."
        )
    padding = input.shape[1] - mask.sum(1)
    return padding if bool((padding > 0).any()) else None
