"""Adding whole rows at repeated indices equals NumPy's add.at, whatever the indices look like."""

import numpy as np
import pytest

from facula.ops.index import _add_rows, add_at

RNG = np.random.default_rng(0)
KEYS = {
    "one index": ((50, 40), (RNG.integers(0, 50, 300),)),
    "negative": ((50, 40), (RNG.integers(-50, 50, 300),)),
    "few of many rows": ((5000, 40), (RNG.integers(0, 5000, 300),)),
    "two indices, broadcast": ((6, 7, 40), (RNG.integers(0, 6, (30, 1)), RNG.integers(-7, 7, 10))),
    "then whole dimensions": ((50, 5, 8), (RNG.integers(0, 50, (20, 15)), slice(None), slice(None))),
}


@pytest.mark.parametrize("dtype", ["f4", "f8", "c16"])
@pytest.mark.parametrize("name", KEYS)
def test_rows_are_added_as_by_add_at(name, dtype):
    shape, key = KEYS[name]
    array = RNG.standard_normal(shape).astype(dtype)
    values = RNG.standard_normal(array[key].shape)
    expected = array.astype("c16")
    np.add.at(expected, key, values)
    assert _add_rows(array, key, values)
    assert np.allclose(array, expected, rtol=1e-4, atol=1e-4 if dtype == "f4" else 1e-12)


@pytest.mark.parametrize(
    ("shape", "dtype", "key"),
    [
        ((3, 40), "f4", (np.array([1, 1]),)),
        ((40, 500), "f4", (slice(None), RNG.integers(0, 500, 300))),
        ((50, 40), "f2", (RNG.integers(0, 50, 300),)),
        ((5000,), "f4", (RNG.integers(0, 50, 300),)),
    ],
)
def test_what_names_no_rows_is_left_to_add_at(shape, dtype, key):
    array = np.zeros(shape, dtype)
    values = np.ones(array[key].shape, dtype)
    assert not _add_rows(array, key, values)
    expected = array.copy()
    np.add.at(expected, key, values)
    assert np.array_equal(add_at(np, array, key, values), expected)
