"""Random numbers by their places: the same with and without kernels, on any number of threads, and random."""

import numpy as np
import pytest

import facula
from facula.nn import functional as F
from facula.ops.dropout import dropout_op, mixed


@pytest.mark.parametrize("shape", [(1,), (5,), (3, 4), (7, 1001), (4, 5, 600)], ids=str)
def test_the_same_numbers_everywhere(agrees, normal, shape):
    agrees(dropout_op, normal(*shape), p=0.3, key=2**62 + 12345, rtol=1e-7, atol=0)


def test_other_types_and_layouts_draw_the_same():
    x = np.ones((40, 30), np.float32)
    wanted = dropout_op.kernels["cpu"](np, x, 0.4, 99)
    np.testing.assert_allclose(dropout_op.kernels["cpu"](np, x.astype("float64"), 0.4, 99), wanted, rtol=1e-6)
    np.testing.assert_array_equal(dropout_op.kernels["cpu"](np, np.ones((30, 40), np.float32).T, 0.4, 99), wanted)


def test_words_are_those_of_splitmix64():
    assert [hex(w) for w in mixed(np, 3, 0)] == ["0xe220a8397b1dcdaf", "0x6e789e6aa1b965f4", "0x6c45d188009454f"]


def test_a_seed_decides_the_numbers_and_calls_differ():
    x = facula.ones(200, 300)
    facula.manual_seed(3)
    first, second = F.dropout(x, 0.25), F.dropout(x, 0.25)
    facula.manual_seed(3)
    assert facula.equal(F.dropout(x, 0.25), first)
    assert facula.equal(F.dropout(x, 0.25), second)
    assert not facula.equal(first, second)


def test_how_many_are_dropped_and_that_places_are_independent():
    facula.manual_seed(0)
    kept = (F.dropout(facula.ones(1000, 1000), 0.3) > 0).numpy()
    assert abs(kept.mean() - 0.7) < 0.002
    for shift in (1, 2, 1000, 500_000):
        both = (kept.reshape(-1)[shift:] & kept.reshape(-1)[:-shift]).mean()
        assert abs(both - 0.49) < 0.004


def test_the_gradient_drops_what_the_forward_dropped():
    x = facula.ones(300, 40, requires_grad=True)
    out = F.dropout(x, 0.5)
    (g,) = facula.autograd.grad(out.sum(), x, create_graph=True)
    assert facula.equal(g, out)
    out.sum().backward()
    assert facula.equal(x.grad, out)
