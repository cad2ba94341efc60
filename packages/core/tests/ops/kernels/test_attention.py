"""Attention by tiles gives what the plain form gives, and never holds all scores."""

import tracemalloc

import numpy as np
import pytest

import facula
from facula.ops.attention import attention_op
from facula.ops.kernels.cpu import attention as tiles

SHAPES = [
    ((2, 3, 9, 4), (2, 3, 9, 4), (2, 3, 9, 4)),
    ((2, 5, 130, 8), (2, 5, 70, 8), (2, 5, 70, 3)),
    ((70, 8), (130, 8), (130, 3)),
    ((3, 65, 2), (3, 65, 2), (3, 65, 2)),
    ((2, 2, 3, 5, 4), (2, 2, 3, 5, 4), (2, 2, 3, 5, 4)),
]


@pytest.fixture(autouse=True)
def _small_tiles(monkeypatch):
    monkeypatch.setattr(tiles, "TILE", 1500)
    monkeypatch.setattr(tiles, "ROWS", 7)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("shapes", SHAPES, ids=str)
def test_tiles(agrees, normal, shapes, causal):
    agrees(attention_op, *[normal(*s) for s in shapes], scale=0.6, causal=causal, atol=3e-5)
    agrees(attention_op, *[normal(*s) for s in shapes], scale=-0.6, causal=causal, atol=3e-5)


def test_heads_that_lie_side_by_side_are_not_copied(agrees, normal):
    q, k, v = (normal(2, 30, 3, 4).transpose(0, 2, 1, 3) for _ in range(3))
    agrees(attention_op, q, k, v, scale=0.5, causal=True, atol=3e-5)
    out = facula.nn.functional.scaled_dot_product_attention(*[facula.from_numpy(a) for a in (q, k, v)])
    assert out.transpose(1, 2).is_contiguous()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_special_values(agrees, normal, value):
    q, k, v = normal(2, 9, 4), normal(2, 9, 4), normal(2, 9, 4)
    q[0, 3, 1] = value
    agrees(attention_op, q, k, v, scale=0.5, causal=False, atol=3e-5)
    v[0, 3, 1] = value
    agrees(attention_op, q, k, v, scale=0.5, causal=False, atol=3e-5)


def test_memory_grows_with_the_length_alone(monkeypatch):
    monkeypatch.undo()
    q, k, v = (facula.randn(1, 1, 2048, 16, requires_grad=True) for _ in range(3))
    tracemalloc.start()
    try:
        facula.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True).sum().backward()
        assert tracemalloc.get_traced_memory()[1] < 2048 * 2048 * 4 / 2
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("batch", "heads", "seen", "width"), [(1, 6, 40, 32), (3, 4, 100, 16), (2, 1, 1, 8)])
def test_a_single_query_of_each_head_reads_parts_of_a_cache_where_they_lie(batch, heads, seen, width):
    pytest.importorskip("numba")
    draw = np.random.default_rng(0).standard_normal
    query, *caches = (draw((batch, heads, n, width), "float32") for n in (1, seen + 9, seen + 9))
    turned = [np.ascontiguousarray(cache.swapaxes(1, 2)).swapaxes(1, 2) for cache in caches]
    lying = [[of[:, :, 3 : 3 + seen] for of in both] for both in zip(caches, turned, strict=True)]
    want = attention_op.forward(np, query, lying[0][0], lying[1][0], 0.3, False)
    for key in lying[0]:
        for value in lying[1]:
            found = tiles._one(np, query, key, value, 0.3)
            if found is None:  # heads of several batches, at uneven distances
                assert batch > 1
                assert key is lying[0][1] or value is lying[1][1]
            else:
                np.testing.assert_allclose(found, want, rtol=2e-5, atol=2e-6)
    assert tiles._one(np, query, caches[0][..., ::2], caches[1], 0.3) is None  # numbers that do not lie side by side
