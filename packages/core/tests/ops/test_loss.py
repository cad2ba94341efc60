"""Losses: errors, reductions and special targets."""

import numpy as np
import pytest

import facula
from facula.nn import functional as F

one, two = facula.ones(2), facula.ones(2, 3)
ids = facula.tensor([0, 2])


def test_cross_entropy_paths_agree():
    rng = np.random.default_rng(0)
    x = facula.from_numpy(rng.standard_normal((5, 4))).requires_grad_()
    t = facula.tensor([0, 3, 1, 2, 2])
    fused = F.cross_entropy(x, t)
    general = F.cross_entropy(x, t, weight=facula.ones(4).double())
    soft = F.cross_entropy(x, F.one_hot(t, 4).double())
    for other in (general, soft):
        assert abs(fused.item() - other.item()) < 1e-12
        a, b = facula.autograd.grad(fused, x, retain_graph=True)[0], facula.autograd.grad(other, x)[0]
        np.testing.assert_allclose(a.numpy(), b.numpy(), atol=1e-12)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_ignored_classes_count_nowhere(reduction):
    x = facula.from_numpy(np.random.default_rng(0).standard_normal((3, 4))).requires_grad_()
    loss = F.cross_entropy(x, facula.tensor([1, -100, 3]), reduction=reduction)
    kept = F.cross_entropy(x[[0, 2]], facula.tensor([1, 3]), reduction=reduction)
    assert abs(loss.sum().item() - kept.sum().item()) < 1e-12
    loss.sum().backward()
    assert x.grad[1].abs().sum().item() == 0


def test_old_flags_choose_the_reduction():
    a, b = facula.tensor([1.0, 2.0]), facula.tensor([0.0, 0.0])
    assert F.mse_loss(a, b, size_average=False).item() == 5
    assert F.mse_loss(a, b, reduce=False).tolist() == [1, 4]
    assert F.mse_loss(a, b, size_average=True).item() == 2.5


def test_broadcast_targets_warn():
    with pytest.warns(UserWarning, match="Using a target size .* that is different to the input size"):
        F.mse_loss(facula.ones(2, 3), facula.ones(3))
    with pytest.warns(UserWarning, match="different to the input size"):
        F.l1_loss(facula.ones(2, 3), facula.ones(3))


def test_ctc_of_an_impossible_target():
    scores = facula.zeros(2, 1, 3).log_softmax(2).requires_grad_()
    args = (facula.tensor([[1, 1, 1]]), [2], [3])
    assert F.ctc_loss(scores, *args).item() == float("inf")
    loss = F.ctc_loss(scores, *args, zero_infinity=True)
    loss.backward()
    assert loss.item() == 0


def test_ctc_has_second_derivatives():
    rng = np.random.default_rng(0)
    x = facula.from_numpy(rng.standard_normal((4, 1, 3))).requires_grad_()

    def loss(x):
        return F.ctc_loss(x.log_softmax(2), facula.tensor([[1, 2]]), [4], [2])

    assert facula.autograd.gradcheck(loss, (x,))
    assert facula.autograd.gradgradcheck(loss, (x,))


ERRORS = [
    (lambda: F.cross_entropy(two, facula.tensor([0, 3])), IndexError, "Target 3 is out of bounds"),
    (
        lambda: F.cross_entropy(two, facula.tensor([0, 3]), weight=facula.ones(3)),
        IndexError,
        "Target 3 is out of bounds",
    ),
    (
        lambda: F.cross_entropy(two, facula.tensor([0, 1, 2])),
        ValueError,
        r"input batch_size \(2\) to match target batch_size \(3\)",
    ),
    (lambda: F.cross_entropy(two, ids, reduction="x"), ValueError, "x is not a valid value for reduction"),
    (
        lambda: F.cross_entropy(two, ids, label_smoothing=2.0),
        RuntimeError,
        "label_smoothing must be between 0.0 and 1.0. Got: 2.0",
    ),
    (lambda: F.cross_entropy(two, facula.ones(2)), RuntimeError, "target with class probabilities"),
    (
        lambda: F.cross_entropy(facula.ones(2, 3, 4), facula.zeros(2, 5).long()),
        RuntimeError,
        r"Expected target size \[2, 4\], got \[2, 5\]",
    ),
    (lambda: F.cross_entropy(facula.tensor(1.0), ids), RuntimeError, "got a scalar"),
    (lambda: F.nll_loss(two, facula.ones(2)), RuntimeError, "expected scalar type Long but found"),
    (lambda: F.nll_loss(facula.tensor(1.0), ids), RuntimeError, "input tensor should be 1D or 2D"),
    (lambda: F.huber_loss(one, one, delta=0), RuntimeError, "does not support non-positive values for delta"),
    (lambda: F.smooth_l1_loss(one, one, beta=-1), RuntimeError, "does not support negative values for beta"),
    (lambda: F.binary_cross_entropy(one * 2, one), RuntimeError, "all elements of input should be between 0 and 1"),
    (lambda: F.binary_cross_entropy(one, facula.ones(3)), ValueError, "Please ensure they have the same size"),
    (
        lambda: F.binary_cross_entropy_with_logits(one, facula.ones(3)),
        ValueError,
        r"must be the same as input size \(2,\)",
    ),
    (lambda: F.gaussian_nll_loss(one, one, -one), ValueError, "var has negative entry"),
    (lambda: F.gaussian_nll_loss(one, one, -1.0), ValueError, "var has negative entry"),
    (lambda: F.gaussian_nll_loss(one, one, facula.ones(3)), ValueError, "var is of incorrect size"),
    (lambda: F.margin_ranking_loss(one, two, one), RuntimeError, "All input tensors should have same dimension"),
    (lambda: F.cosine_embedding_loss(two, two, two), RuntimeError, "0D or 1D target tensor expected"),
    (lambda: F.cosine_embedding_loss(one, two, one), RuntimeError, "1D target tensor expects 2D input tensors"),
    (lambda: F.triplet_margin_loss(two, two, two, margin=0), ValueError, "margin must be greater than 0"),
    (lambda: F.triplet_margin_loss(one, two, two), RuntimeError, "expected to have the same number of dimensions"),
    (
        lambda: F.triplet_margin_with_distance_loss(two, two, two, margin=-1),
        ValueError,
        "margin must be greater than 0",
    ),
    (lambda: F.multi_margin_loss(two, ids, p=3), ValueError, "only p == 1 and p == 2 supported"),
    (lambda: F.multi_margin_loss(two, ids, weight=two), ValueError, "weight must be one-dimensional"),
    (lambda: F.multi_margin_loss(two, facula.tensor([0])), RuntimeError, "inconsistent target size, expected 2"),
    (lambda: F.multi_margin_loss(facula.ones(1, 1, 2), ids), RuntimeError, "Expected non-empty vector or matrix"),
    (lambda: F.multilabel_margin_loss(two, ids), RuntimeError, "inconsistent target size"),
    (
        lambda: F.linear_cross_entropy(facula.ones(2, 3, 3), two, ids),
        RuntimeError,
        "expected input with dimensionality 1 or 2, got 3",
    ),
    (
        lambda: F.linear_cross_entropy(two, facula.ones(3), ids),
        RuntimeError,
        "linear_weight with dimensionality at least 2, got 1",
    ),
    (lambda: F.linear_cross_entropy(two, facula.ones(2, 4), ids), RuntimeError, "got 3 and 4, respectively"),
    (lambda: F.linear_cross_entropy(facula.ones(3), facula.ones(2, 4, 3), ids), RuntimeError, "requires batched input"),
    (
        lambda: F.linear_cross_entropy(two, two, ids, linear_bias=facula.ones(3)),
        RuntimeError,
        r"expected linear_bias shape \(2,\), got \(3,\)",
    ),
    (
        lambda: F.linear_cross_entropy(two, two, two[:, :2], ignore_index=0),
        RuntimeError,
        "ignore_index cannot be specified",
    ),
    (lambda: F.ctc_loss(one, ids, [1], [1]), RuntimeError, "log_probs must be"),
    (lambda: F.ctc_loss(two, ids, [1], [1], blank=3), RuntimeError, "blank must be in label range"),
    (lambda: F.ctc_loss(two, ids, [3], [2]), RuntimeError, "input_lengths to have value at most 2, but got value 3"),
    (lambda: F.ctc_loss(two, ids, [1, 1], [2]), RuntimeError, "input_lengths must be of size batch_size"),
    (lambda: F.ctc_loss(two, ids, [2], [1]), RuntimeError, "expected targets of length 1"),
    (
        lambda: F.ctc_loss(two, facula.tensor([[1]]), [2], [2]),
        RuntimeError,
        "size at least 2 at dimension 1, but got size 1",
    ),
]


@pytest.mark.parametrize(("call", "error", "match"), ERRORS)
def test_errors(call, error, match):
    with pytest.raises(error, match=match):
        call()
