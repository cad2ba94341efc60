"""Attention and distances: masks, empty rows, zero distances, errors."""

import numpy as np
import pytest

import facula
from facula.nn import functional as F

q, k, v = facula.randn(2, 3, 4), facula.randn(2, 5, 4), facula.randn(2, 5, 6)
sdpa = F.scaled_dot_product_attention


def test_masks_of_both_kinds_agree():
    mask = facula.tensor([[True, False, True, True, False]]).expand(3, 5)
    numbers = facula.zeros(3, 5).masked_fill(~mask, float("-inf"))
    np.testing.assert_allclose(sdpa(q, k, v, mask).numpy(), sdpa(q, k, v, numbers).numpy(), rtol=1e-6)


@pytest.mark.parametrize("kind", ["bool", "float"])
def test_rows_where_nothing_is_allowed_give_zero(kind):
    mask = facula.ones(3, 5).bool()
    mask[1] = False
    if kind == "float":
        mask = facula.zeros(3, 5).masked_fill(~mask, float("-inf"))
    x = q.clone().requires_grad_()
    out = sdpa(x, k, v, mask)
    assert out[:, 1].abs().max().item() == 0
    out.sum().backward()
    assert np.isfinite(x.grad.numpy()).all()


def test_causal_sees_only_the_past():
    out = sdpa(facula.randn(4, 2), facula.randn(4, 2), facula.eye(4), is_causal=True)
    assert np.triu(out.numpy(), 1).max() == 0


def test_grouped_queries():
    q, k = facula.randn(1, 4, 3, 2), facula.randn(1, 2, 3, 2)
    want = sdpa(q, k.repeat_interleave(2, 1), k.repeat_interleave(2, 1))
    np.testing.assert_allclose(sdpa(q, k, k, enable_gqa=True).numpy(), want.numpy(), rtol=1e-6)


@pytest.mark.parametrize("p", [0.5, 1.0, 2.0, 3.0, float("inf")])
def test_gradient_of_a_zero_distance_is_zero(p):
    x = facula.zeros(2, 3, requires_grad=True)
    facula.cdist(x, x.detach(), p).sum().backward()
    assert x.grad.abs().max().item() == 0


def test_large_cdist_by_products():
    x = facula.randn(30, 4, dtype=facula.float64)
    exact = facula.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist")
    np.testing.assert_allclose(facula.cdist(x, x).numpy(), exact.numpy(), atol=1e-6)


def mha(query=None, key=None, heads=2, width=4, **options):
    query = facula.ones(3, 2, 4) if query is None else query
    key = query if key is None else key
    return F.multi_head_attention_forward(
        query,
        key,
        key,
        width,
        heads,
        facula.ones(12, 4),
        None,
        None,
        None,
        False,
        0.0,
        facula.ones(4, 4),
        None,
        **options,
    )


def test_multi_head_shapes():
    out, weights = mha()
    assert out.shape == (3, 2, 4)
    assert weights.shape == (2, 3, 3)
    assert mha(need_weights=False)[1] is None
    assert mha(average_attn_weights=False)[1].shape == (2, 2, 3, 3)
    out, weights = mha(facula.ones(3, 4))
    assert (out.shape, weights.shape) == ((3, 4), (3, 3))


ERRORS = [
    (lambda: sdpa(facula.ones(2), k, v), RuntimeError, "at least 2 dimensional"),
    (lambda: sdpa(q.double(), k, v), RuntimeError, "to have the same dtype"),
    (lambda: sdpa(q, v, v), RuntimeError, "query and key of one last size"),
    (lambda: sdpa(q, k, v[:, :2]), RuntimeError, "key and value of one length"),
    (
        lambda: sdpa(q, k, v, facula.ones(3, 5), is_causal=True),
        RuntimeError,
        "Explicit attn_mask should not be set when is_causal=True",
    ),
    (
        lambda: sdpa(facula.ones(3, 2, 2), facula.ones(2, 2, 2), facula.ones(2, 2, 2), enable_gqa=True),
        RuntimeError,
        "must divide the number of heads",
    ),
    (lambda: mha(heads=3), AssertionError, "embed_dim 4 not divisible by num_heads 3"),
    (lambda: mha(width=5), AssertionError, "was expecting embedding dimension of 5, but got 4"),
    (lambda: mha(facula.ones(4)), AssertionError, "query should be unbatched 2D or batched 3D tensor"),
    (lambda: mha(key=facula.ones(3, 4)), AssertionError, "expected `key` and `value` to be 3-D but found 2-D"),
    (
        lambda: mha(key_padding_mask=facula.ones(3).bool()),
        AssertionError,
        "expected `key_padding_mask` to be None or 2-D but found 1-D",
    ),
    (
        lambda: mha(attn_mask=facula.ones(3).bool()),
        AssertionError,
        "expected `attn_mask` to be None, 2-D or 3-D but found 1-D",
    ),
    (
        lambda: mha(attn_mask=facula.ones(3, 3).long()),
        AssertionError,
        "only bool and floating types of attn_mask are supported",
    ),
    (lambda: mha(is_causal=True), RuntimeError, "Need attn_mask if specifying the is_causal hint"),
    (
        lambda: facula.cdist(facula.ones(2), facula.ones(2, 2)),
        RuntimeError,
        "cdist only supports at least 2D tensors, X1 got: 1D",
    ),
    (
        lambda: facula.cdist(facula.ones(2, 3), facula.ones(2, 2)),
        RuntimeError,
        "must have the same number of columns. X1: 3 X2: 2",
    ),
    (
        lambda: facula.cdist(facula.ones(2, 2), facula.ones(2, 2), -1),
        RuntimeError,
        "cdist only supports non-negative p values",
    ),
    (
        lambda: facula.cdist(facula.ones(2, 2), facula.ones(2, 2), compute_mode="x"),
        ValueError,
        "x is not a valid value for compute_mode",
    ),
    (lambda: F.pdist(facula.ones(2)), RuntimeError, "pdist only supports 2D tensors, got: 1D"),
    (lambda: F.pdist(facula.ones(2, 2), -1), RuntimeError, "pdist only supports non-negative p values"),
    (
        lambda: F.cosine_similarity(facula.ones(2).long(), facula.ones(2).long(), 0),
        RuntimeError,
        "expected common dtype to be floating point",
    ),
    (
        lambda: F.bilinear(facula.ones(2, 3), facula.ones(3, 3), facula.ones(1, 3, 3)),
        RuntimeError,
        "input batch dimensions do not match",
    ),
    (
        lambda: F.bilinear(facula.ones(2, 3), facula.ones(2, 3), facula.ones(1, 2, 3)),
        RuntimeError,
        "input sizes do not match weight size",
    ),
]


@pytest.mark.parametrize(("call", "error", "match"), ERRORS)
def test_errors(call, error, match):
    with pytest.raises(error, match=match):
        call()


@pytest.mark.parametrize("causal", [False, True])
def test_a_single_query_is_a_row_of_many(causal):
    generator = np.random.default_rng(0)
    q, k, v = (facula.from_numpy(generator.standard_normal((2, 3, 7, 4), np.float32)) for _ in range(3))
    many = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
    for row in (0, 3):  # with `is_causal` a single query stands at the first key
        one = F.scaled_dot_product_attention(q[:, :, row : row + 1], k, v, is_causal=causal)
        expected = v[:, :, :1] if causal else many[:, :, row : row + 1]
        np.testing.assert_allclose(one.numpy(), expected.numpy(), atol=1e-6)
    large = F.scaled_dot_product_attention(q[:, :, :1] * 1e4, k, v)
    assert bool(facula.isfinite(large).all())
    assert (
        F.scaled_dot_product_attention(q[:, :, :1], k[:, :, :0], v[:, :, :0]).tolist()
        == facula.zeros(2, 3, 1, 4).tolist()
    )
