"""The transducer's loss against the sum over all paths."""

import itertools
import math

import numpy as np
import pytest

import facula
from facula_audio import functional as F


def by_paths(log_probs, targets, blank):
    """-log of the sum over all orders of T blanks (the last at the end) and the tokens."""
    frames, total = len(log_probs), 0.0
    for ups in itertools.combinations(range(frames - 1 + len(targets)), len(targets)):
        t = u = 0
        score = 0.0
        for step in range(frames - 1 + len(targets)):
            if step in ups:
                score, u = score + log_probs[t, u, targets[u]], u + 1
            else:
                score, t = score + log_probs[t, u, blank], t + 1
        total += math.exp(score + log_probs[t, u, blank])
    return -math.log(total)


def lengths(*values):
    return facula.tensor(values, dtype=facula.int32)


def test_loss_is_the_sum_over_paths():
    rng = np.random.default_rng(0)
    logits = rng.standard_normal((2, 4, 3, 5))
    targets = np.array([[1, 2], [3, 0]], dtype=np.int32)
    found = F.rnnt_loss(
        facula.from_numpy(logits), facula.from_numpy(targets), lengths(4, 3), lengths(2, 1), blank=4, reduction="none"
    )
    log_probs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    expected = [by_paths(log_probs[0], [1, 2], 4), by_paths(log_probs[1, :3], [3], 4)]
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-9)


@pytest.mark.parametrize("fused", [True, False])
def test_gradients(fused):
    logits = facula.from_numpy(np.random.default_rng(0).standard_normal((2, 3, 3, 4))).requires_grad_()
    targets = facula.tensor([[1, 2], [0, 0]], dtype=facula.int32)
    call = lambda x: F.rnnt_loss(x, targets, lengths(3, 2), lengths(2, 1), fused_log_softmax=fused, reduction="none")
    assert facula.autograd.gradcheck(call, (logits,))


def test_long_sequences_stay_finite():
    logits = facula.from_numpy(np.random.default_rng(0).standard_normal((1, 400, 31, 20)).astype(np.float32) * 5)
    logits.requires_grad_()
    loss = F.rnnt_loss(logits, facula.ones(1, 30, dtype=facula.int32), lengths(400), lengths(30))
    loss.backward()
    assert math.isfinite(float(loss))
    assert bool(facula.isfinite(logits.grad).all())


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"reduction": "max"}, ValueError, 'reduction should be one of "none", "mean", or "sum", got \'max\''),
        ({"blank": 7}, RuntimeError, r"blank must be within \[0, logits.shape\[-1\]\)"),
        ({"logit_lengths": (2, 2)}, RuntimeError, "input length mismatch, expected a greatest length of 3"),
        ({"target_lengths": (1, 1)}, RuntimeError, "output length mismatch, expected a greatest length of 2"),
        ({"targets": facula.zeros(2, 2)}, RuntimeError, "targets must be int32 type"),
        (
            {"targets": facula.zeros(2, 5, dtype=facula.int32)},
            RuntimeError,
            "as many targets as logits have steps, 2, got 5",
        ),
        ({"logits": facula.zeros(2, 3, 4)}, RuntimeError, r"expected logits \(B, T, U \+ 1, classes\)"),
    ],
)
def test_bad_input(options, error, message):
    given = {
        "logits": facula.zeros(2, 3, 3, 4), "targets": facula.zeros(2, 2, dtype=facula.int32), "logit_lengths": (3, 3),
        "target_lengths": (2, 2), **options,
    }  # fmt: skip
    given = {name: lengths(*value) if name.endswith("lengths") else value for name, value in given.items()}
    with pytest.raises(error, match=message):
        F.rnnt_loss(**given)
