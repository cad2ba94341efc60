"""Sums over indices that repeat are the same numbers for any number of threads, and those that NumPy adds one by one."""

import numpy as np
import pytest

import facula

ROWS, WIDTH = 300, 64
IDS = np.random.default_rng(0).integers(0, ROWS, 5000)
VALUES = np.random.default_rng(1).standard_normal((5000, WIDTH), dtype=np.float32)


def _gradient(function, upper):
    table = facula.zeros(ROWS, WIDTH, requires_grad=True)
    function(table).backward(upper)
    return table.grad


SUMS = {
    "embedding": lambda ids, v: _gradient(lambda t: facula.nn.functional.embedding(ids, t), v),
    "index": lambda ids, v: _gradient(lambda t: t[ids], v),
    "index_select": lambda ids, v: _gradient(lambda t: t.index_select(0, ids), v),
    "gather": lambda ids, v: _gradient(lambda t: t.gather(0, ids[:, None].expand(-1, WIDTH)), v),
    "index_add": lambda ids, v: facula.zeros(ROWS, WIDTH).index_add(0, ids, v),
    "scatter_add": lambda ids, v: facula.zeros(ROWS, WIDTH).scatter_add(0, ids[:, None].expand(-1, WIDTH), v),
    "index_put": lambda ids, v: facula.zeros(ROWS, WIDTH).index_put((ids,), v, accumulate=True),
}


@pytest.mark.parametrize("name", SUMS)
def test_the_same_for_any_number_of_threads(name):
    ids, values = facula.from_numpy(IDS), facula.from_numpy(VALUES)
    wanted = np.zeros((ROWS, WIDTH))
    np.add.at(wanted, IDS, VALUES.astype(np.float64))
    before, found = facula.get_num_threads(), []
    try:
        for threads in (1, 2, 3, 1):
            facula.set_num_threads(threads)
            found.append(SUMS[name](ids, values).numpy())
    finally:
        facula.set_num_threads(before)
    np.testing.assert_allclose(found[0], wanted, rtol=1e-5, atol=1e-5)
    for other in found[1:]:
        np.testing.assert_array_equal(other, found[0])


def test_an_expanded_index_names_whole_rows():
    ids, values = facula.from_numpy(IDS[:40]), facula.from_numpy(VALUES[:40])
    table = facula.from_numpy(VALUES[:ROWS])
    expanded = ids[:, None].expand(-1, WIDTH)
    for index in (expanded, expanded.contiguous()):
        np.testing.assert_array_equal(table.gather(0, index).numpy(), VALUES[:ROWS][IDS[:40]])
        np.testing.assert_array_equal(
            table.scatter_add(0, index, values).numpy(), table.index_add(0, ids, values).numpy()
        )
        part = index[:, :5]
        np.testing.assert_array_equal(table.gather(0, part).numpy(), VALUES[:ROWS][IDS[:40], :5])
