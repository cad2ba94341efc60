"""Beam search for a transducer: the most likely symbols of a sound, whole or as it comes.

Source: A. Graves, https://arxiv.org/abs/1211.3711, section 2.4, with as many symbols for each frame as `step_max_tokens`.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import facula
from facula import Tensor, nn
from facula_audio.models.emformer import State
from facula_audio.models.rnnt import RNNT

__all__ = ["Hypothesis", "RNNTBeamSearch"]

Hypothesis = tuple[list[int], Tensor, list[list[Tensor]], float]
"""Symbols (a blank first), what the predictor expects after them, its state, and the logarithm of their probability."""


def _per_symbol(hypothesis: Hypothesis) -> float:
    return hypothesis[3] / (len(hypothesis[0]) + 1)


class RNNTBeamSearch(nn.Module):
    """The best `beam_width` sequences of symbols for features (time, width) and their length.

    `blank` is the symbol of silence, `hypo_sort_key` ranks finished sequences (default: score for each symbol).
    ValueError for more than one sound.
    """

    def __init__(
        self,
        model: RNNT,
        blank: int,
        temperature: float = 1.0,
        hypo_sort_key: Callable[[Hypothesis], float] | None = None,
        step_max_tokens: int = 100,
    ) -> None:
        super().__init__()
        self.model = model
        self.blank = blank
        self.temperature = temperature
        self.hypo_sort_key = hypo_sort_key or _per_symbol
        self.step_max_tokens = step_max_tokens

    def _start(self, device: facula.device) -> list[Hypothesis]:
        one = facula.tensor([1], device=device)
        expected, _, state = self.model.predict(facula.tensor([[self.blank]], device=device), one, None)
        return [([self.blank], expected[0].detach(), state, 0.0)]

    def _scores(self, frame: Tensor, beam: list[Hypothesis]) -> Tensor:
        """Logarithms of the probabilities of all symbols after each hypothesis.   Shape: (beam, symbols)."""
        expected = facula.stack([hypothesis[1] for hypothesis in beam])  # (beam, 1, width)
        one, many = facula.tensor([1], device=frame.device), facula.tensor([1] * len(beam), device=frame.device)
        joined, _, _ = self.model.join(frame, one, expected, many)
        return facula.log_softmax(joined[:, 0, 0] / self.temperature, dim=1)

    def _extended(self, chosen: list[tuple[Hypothesis, int, float]], device: facula.device) -> list[Hypothesis]:
        """Each hypothesis with one symbol more; the predictor reads them all at once."""
        layers = range(len(chosen[0][0][2]))
        state = [
            [facula.cat([hypothesis[2][layer][part] for hypothesis, _, _ in chosen]) for part in range(2)]
            for layer in layers
        ]
        symbols = facula.tensor([[symbol] for _, symbol, _ in chosen], device=device)
        expected, _, states = self.model.predict(symbols, facula.tensor([1] * len(chosen), device=device), state)
        return [
            (
                [*hypothesis[0], symbol],
                expected[index].detach(),
                [[part[index : index + 1] for part in states[layer]] for layer in layers],
                score,
            )
            for index, (hypothesis, symbol, score) in enumerate(chosen)
        ]

    def _advanced(self, frame: Tensor, beam: list[Hypothesis], beam_width: int) -> list[Hypothesis]:
        """The hypotheses after one frame more, (1, 1, width)."""
        open_ones = beam
        finished: dict[tuple[int, ...], Hypothesis] = {}
        for count in range(self.step_max_tokens + 1):
            scores = self._scores(frame, open_ones)
            blanks = scores[:, self.blank].tolist()
            for hypothesis, blank in zip(open_ones, blanks, strict=True):
                total, key = hypothesis[3] + blank, tuple(hypothesis[0])
                if key in finished:
                    total = _log_add(finished[key][3], total)
                finished[key] = (hypothesis[0], hypothesis[1], hypothesis[2], total)
            if count == self.step_max_tokens:
                break
            bar = -math.inf
            if len(finished) >= beam_width:
                bar = sorted((hypothesis[3] for hypothesis in finished.values()), reverse=True)[beam_width - 1]
            scores = scores + facula.tensor([hypothesis[3] for hypothesis in open_ones], device=frame.device)[:, None]
            scores[:, self.blank] = -math.inf
            symbols = scores.shape[1]
            best, places = scores.flatten().topk(min(beam_width, len(open_ones) * (symbols - 1)))
            chosen = [
                (open_ones[place // symbols], place % symbols, score)
                for score, place in zip(best.tolist(), places.tolist(), strict=True)
                if score > bar
            ]
            if not chosen:
                break
            open_ones = self._extended(chosen, frame.device)
        ranked = sorted(finished.values(), key=self.hypo_sort_key, reverse=True)
        return ranked[:beam_width]

    def _search(self, encoded: Tensor, beam: list[Hypothesis], beam_width: int) -> list[Hypothesis]:
        for t in range(encoded.shape[1]):
            beam = self._advanced(encoded[:, t : t + 1], beam, beam_width)
        return beam

    def forward(self, input: Tensor, length: Tensor, beam_width: int) -> list[Hypothesis]:
        """The best sequences for a whole sound, (time, width) or (1, time, width), best first."""
        input, length = _one(input, length)
        with facula.no_grad():
            encoded, _ = self.model.transcribe(input, length)
            return self._search(encoded, self._start(input.device), beam_width)

    def infer(
        self,
        input: Tensor,
        length: Tensor,
        beam_width: int,
        state: list[State] | None = None,
        hypothesis: list[Hypothesis] | None = None,
    ) -> tuple[list[Hypothesis], list[State]]:
        """The best sequences after one segment more, and the encoder's state; both go into the next call."""
        input, length = _one(input, length)
        with facula.no_grad():
            encoded, _, found = self.model.transcribe_streaming(input, length, state)
            beam = self._start(input.device) if hypothesis is None else hypothesis
            return self._search(encoded, beam, beam_width), found


def _one(input: Tensor, length: Tensor) -> tuple[Tensor, Tensor]:
    """One sound as a batch."""
    if input.dim() != 2 and not (input.dim() == 3 and input.shape[0] == 1):
        raise ValueError(
            f"RNNTBeamSearch: input must be of shape (T, D) or (1, T, D), expected that, got {tuple(input.shape)}."
        )
    if length.numel() != 1:
        raise ValueError(
            f"RNNTBeamSearch: length must be of shape () or (1,), expected that, got {tuple(length.shape)}."
        )
    return (input.unsqueeze(0) if input.dim() == 2 else input), length.reshape(1)


def _log_add(a: float, b: float) -> float:
    """log(exp(a) + exp(b))."""
    high, low = max(a, b), min(a, b)
    return high + math.log1p(math.exp(low - high))
