"""Alignments and distances by hand, and what they refuse."""

import itertools

import numpy as np
import pytest

import facula
from facula_audio import functional as F


def test_forced_align_is_the_best_of_all_paths():
    rng = np.random.default_rng(0)
    for targets in ([1], [1, 2], [2, 2], [1, 3, 3]):
        scores = rng.standard_normal((5, 4))
        ways = {}
        for path in itertools.product(range(4), repeat=5):
            said = [token for token, _ in itertools.groupby(path) if token]
            if said == targets:
                ways[path] = sum(scores[t, token] for t, token in enumerate(path))
        found, each = F.forced_align(facula.from_numpy(scores[None]), facula.tensor([targets]))
        assert tuple(found[0].tolist()) == max(ways, key=ways.get)
        assert float(each.sum()) == pytest.approx(max(ways.values()))


def test_long_targets():
    """More states than eight bits count."""
    labels = np.arange(200) % 29 + 1
    scores = np.full((1, 200, 30), -5.0, np.float32)
    scores[0, np.arange(200), labels] = 0.0
    found, each = F.forced_align(facula.from_numpy(scores), facula.from_numpy(labels[None]))
    assert found[0].tolist() == labels.tolist()
    assert float(each.abs().max()) == 0.0


def test_no_target_is_silence():
    tokens, _ = F.forced_align(facula.zeros(1, 3, 4), facula.zeros(1, 0, dtype=facula.int32), blank=2)
    assert tokens.tolist() == [[2, 2, 2]]
    assert tokens.dtype == facula.int32


def test_merge_tokens():
    spans = F.merge_tokens(facula.tensor([3, 3, 0, 0, 3, 5]), facula.tensor([1.0, 2.0, 9.0, 9.0, 4.0, 5.0]))
    assert [(s.token, s.start, s.end, s.score, len(s)) for s in spans] == [
        (3, 0, 2, 1.5, 2),
        (3, 4, 5, 4.0, 1),
        (5, 5, 6, 5.0, 1),
    ]
    assert F.merge_tokens(facula.zeros(0, dtype=facula.int64), facula.zeros(0)) == []
    with pytest.raises(ValueError, match="`tokens` and `scores` must be 1D"):
        F.merge_tokens(facula.zeros(1, 2), facula.zeros(2))
    with pytest.raises(ValueError, match="must be the same length, got 3 and 2"):
        F.merge_tokens(facula.zeros(3), facula.zeros(2))


@pytest.mark.parametrize(
    ("one", "other", "distance"),
    [("", "", 0), ("abc", "", 3), ("", "ab", 2), ("same", "same", 0), ("saturday", "sunday", 3), (["a", "cat"], ["the", "cat"], 1)],
)  # fmt: skip
def test_edit_distance(one, other, distance):
    assert F.edit_distance(one, other) == F.edit_distance(other, one) == distance


@pytest.mark.parametrize(
    ("scores", "targets", "options", "error", "message"),
    [
        ((2, 5, 4), [[1, 2], [1, 2]], {}, RuntimeError, "The batch dimension for log_probs must be 1"),
        ((1, 2, 4), [[1, 1]], {}, RuntimeError, "targets length is too long for CTC, .* got 2 and 1 repeats"),
        ((1, 5, 4), [[0, 1]], {}, ValueError, "targets Tensor shouldn't contain blank index"),
        ((1, 5, 4), [[7]], {}, ValueError, "targets values must be less than the CTC dimension"),
        ((1, 5, 4), [[1.0]], {}, RuntimeError, "targets must be int32 or int64 type"),
        ((1, 5, 4), [[1]], {"blank": 9}, RuntimeError, r"blank must be within \[0, num classes\)"),
        ((1, 5, 4), [[1]], {"input_lengths": facula.tensor([4])}, RuntimeError, "input length mismatch"),
        ((1, 5, 4), [[1]], {"target_lengths": facula.tensor([2])}, RuntimeError, "target length mismatch"),
    ],
)
def test_bad_input(scores, targets, options, error, message):
    with pytest.raises(error, match=message):
        F.forced_align(facula.zeros(*scores), facula.tensor(targets), **options)
