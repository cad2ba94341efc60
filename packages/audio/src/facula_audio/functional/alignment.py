"""Sequences laid beside each other: tokens beside the frames that say them, one text beside another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

import facula
from facula import Tensor

__all__ = ["TokenSpan", "edit_distance", "forced_align", "merge_tokens"]


@dataclass
class TokenSpan:
    """A token, the frames [start, end) that it takes, and its mean score there."""

    token: int
    start: int
    end: int
    score: float

    def __len__(self) -> int:
        return self.end - self.start


def forced_align(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Tensor | None = None,
    target_lengths: Tensor | None = None,
    blank: int = 0,
) -> tuple[Tensor, Tensor]:
    """The likeliest way to say `targets` in these frames, by the rules of CTC, and the score of each frame's token.

    Shape: log_probs (1, T, C), targets (1, L), lengths (1) -> tokens (1, T), of the targets' type, and scores (1, T).
    RuntimeError for shapes, types or lengths that do not fit, ValueError for targets that are blank or no class.
    A. Graves et al., "Connectionist temporal classification" (2006); L. Kuerzinger et al., "CTC-segmentation" (2020).
    """
    _check_alignment(log_probs, targets, input_lengths, target_lengths, blank)
    scores, labels = log_probs[0].detach().cpu().numpy(), targets[0].cpu().numpy()
    states = np.full(2 * len(labels) + 1, blank, np.int64)  # each token between blanks
    states[1::2] = labels
    path = states[_likeliest_path(scores, states)]
    tokens = facula.from_numpy(path.astype(labels.dtype))[None].to(log_probs.device)
    return tokens, log_probs.gather(-1, tokens[..., None].to(facula.int64)).squeeze(-1)


def _check_alignment(
    log_probs: Tensor, targets: Tensor, input_lengths: Tensor | None, target_lengths: Tensor | None, blank: int
) -> None:
    if targets.dtype not in (facula.int32, facula.int64):
        raise RuntimeError(f"forced_align: targets must be int32 or int64 type, expected that, got {targets.dtype}.")
    if log_probs.dim() != 3 or targets.dim() != 2 or log_probs.shape[0] != 1 or targets.shape[0] != 1:
        raise RuntimeError(
            "forced_align: The batch dimension for log_probs must be 1, expected log_probs (1, T, C) and targets (1, L), "
            f"got {tuple(log_probs.shape)} and {tuple(targets.shape)}. Align one at a time."
        )
    frames, classes = log_probs.shape[1:]
    if not 0 <= blank < classes:
        raise RuntimeError(f"forced_align: blank must be within [0, num classes), expected that, got {blank}.")
    for name, lengths, most in (("input", input_lengths, frames), ("target", target_lengths, targets.shape[1])):
        if lengths is not None and [int(n) for n in lengths.reshape(-1)] != [most]:
            raise RuntimeError(f"forced_align: {name} length mismatch, expected [{most}], got {lengths.tolist()}.")
    labels = targets[0].cpu().numpy()
    if (labels == blank).any():
        raise ValueError(
            f"forced_align: targets Tensor shouldn't contain blank index, expected none of {blank}, got {labels.tolist()}."
        )
    if labels.size and (labels.max() >= classes or labels.min() < 0):
        raise ValueError(
            "forced_align: targets values must be less than the CTC dimension, expected classes from 0 to "
            f"{classes - 1}, got {labels.tolist()}."
        )
    repeats = int((labels[1:] == labels[:-1]).sum())
    if len(labels) + repeats > frames:
        raise RuntimeError(
            f"forced_align: targets length is too long for CTC, expected at most {frames} with a frame between repeats, "
            f"got {len(labels)} and {repeats} repeats."
        )


def _skips(states: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """0 where a state may follow the one two before it, a token that differs from the token before; else -inf."""
    allowed = np.full(len(states), -np.inf, dtype)
    allowed[3::2][states[3::2] != states[1:-2:2]] = 0
    return allowed


def _likeliest_path(scores: np.ndarray, states: np.ndarray) -> np.ndarray:
    """Viterbi's algorithm over the states of CTC: the state of each frame."""
    best = np.full((len(scores), len(states) + 2), -np.inf, scores.dtype)  # two states before the first are impossible
    best[:, 2:] = scores[:, states]
    best[0, 4:] = -np.inf
    skips = _skips(states, scores.dtype)
    come = np.empty_like(skips)
    for before, now in pairwise(best):
        np.add(before[:-2], skips, out=come)
        np.maximum(come, before[1:-1], out=come)
        np.maximum(come, before[2:], out=come)
        now[2:] += come
    stay, step, skip = best[:-1, 2:], best[:-1, 1:-1], best[:-1, :-2] + skips
    steps = np.where(
        (skip > step) & (skip > stay), 2, (step > stay) & (step > skip)
    )  # back from each frame but the first
    state = len(states) - 1
    if len(states) > 1 and best[-1, -2] >= best[-1, -1]:
        state -= 1
    path = np.empty(len(scores), np.int64)
    for t in range(len(scores) - 1, -1, -1):
        path[t] = state
        state -= int(steps[t - 1, state]) if t else 0
    return path


def merge_tokens(tokens: Tensor, scores: Tensor, blank: int = 0) -> list[TokenSpan]:
    """The runs of equal tokens in an alignment, without blanks, each with its mean score.

    Shape: (T), (T). ValueError for other shapes.

    >>> import facula
    >>> from facula_audio.functional import merge_tokens
    >>> merge_tokens(facula.tensor([0, 1, 1, 0, 2]), facula.tensor([0.5, 0.25, 0.75, 1.0, 1.0]))
    [TokenSpan(token=1, start=1, end=3, score=0.5), TokenSpan(token=2, start=4, end=5, score=1.0)]
    """
    if tokens.dim() != 1 or scores.dim() != 1:
        raise ValueError(
            f"merge_tokens: `tokens` and `scores` must be 1D, expected (T), got {tuple(tokens.shape)} and "
            f"{tuple(scores.shape)}. Index the batch."
        )
    if len(tokens) != len(scores):
        raise ValueError(
            f"merge_tokens: `tokens` and `scores` must be the same length, got {len(tokens)} and {len(scores)}."
        )
    labels, values = tokens.cpu().numpy(), scores.detach().cpu().numpy()
    edges = [0, *(np.flatnonzero(np.diff(labels)) + 1).tolist(), len(labels)] if len(labels) else []
    return [
        TokenSpan(int(labels[start]), start, end, float(values[start:end].mean()))
        for start, end in pairwise(edges)
        if labels[start] != blank
    ]


def edit_distance(seq1: Sequence[object], seq2: Sequence[object]) -> int:
    """The least number of insertions, deletions and replacements that turn one sequence into the other.

    V. Levenshtein (1966).

    >>> from facula_audio.functional import edit_distance
    >>> edit_distance("kitten", "sitting")
    3
    """
    row = list(range(len(seq2) + 1))
    for i, one in enumerate(seq1, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(seq2, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (one != other))
    return row[-1]
