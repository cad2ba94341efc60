"""Products in compiled code: every order in memory, every cut, with and without a bias."""

import numpy as np
import pytest

import facula
from facula.devices import products
from facula.ops.kernels import native
from facula.ops.kernels.cpu import products as kernels

pytest.importorskip("numba")
pytestmark = pytest.mark.skipif(not native.SUPPORTED, reason="compiled code cannot call BLAS here")
TOLERANCE = {"float32": 2e-5, "float64": 1e-13}  # of sums of a few hundred products


@pytest.fixture(params=["float32", "float64"])
def draw(request):
    """Matrices whose columns or rows lie in memory one number after the other."""
    random = np.random.default_rng(0)

    def matrix(*shape, turned=False):
        if turned:
            return matrix(*shape[:-2], shape[-1], shape[-2]).swapaxes(-1, -2)
        return random.standard_normal(shape).astype(request.param)

    return matrix


def close(found, want):
    scale = np.abs(want).max()
    np.testing.assert_allclose(found / scale, want / scale, rtol=0, atol=TOLERANCE[str(found.dtype)])


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("turned", [(False, False), (True, False), (False, True), (True, True)])
@pytest.mark.parametrize("sizes", [(64, 784, 256), (256, 300, 64), (500, 300, 70), (1000, 33, 90), (17, 1000, 513)])
def test_one_product(draw, sizes, turned, bias):
    rows, inner, columns = sizes
    a, b = draw(rows, inner, turned=turned[0]), draw(inner, columns, turned=turned[1])
    more, out = draw(columns) if bias else None, np.full((rows, columns), np.nan, a.dtype)
    assert kernels.matrices(a, b, out, more, 2)
    close(out, a @ b + (more if bias else 0))
    close(products.product(a, b, bias=more), out)


@pytest.mark.parametrize("count", [2, 5, 32])
@pytest.mark.parametrize("turned", [False, True])
def test_one_with_each_of_a_stack_and_pairs(draw, count, turned):
    one, stack, bias = draw(64, 128, turned=turned), draw(count, 128, 196, turned=turned), draw(64)
    out = np.full((count, 64, 196), np.nan, one.dtype)
    products.product_with_each(one, stack, out, bias)
    close(out, one @ stack + bias[:, None])
    close(products.product(one, stack), one @ stack)
    left = draw(count, 64, 128, turned=turned)
    close(products.product(left, stack), left @ stack)


@pytest.mark.parametrize(("rows", "inner"), [(1, 70), (4, 64), (65, 192), (577, 333), (2304, 768)])
def test_rows_by_a_vector_have_the_same_bits_for_any_number_of_threads(draw, rows, inner):
    matrix, vector, bias = draw(rows, inner), draw(inner), draw(rows)
    before, found = facula.get_num_threads(), []
    for count in (1, 2, 3):
        facula.set_num_threads(count)
        found.append(kernels.by_vector(matrix, vector, bias))
    facula.set_num_threads(before)
    close(found[0], matrix @ vector + bias)
    np.testing.assert_array_equal(found[1], found[0])
    np.testing.assert_array_equal(found[2], found[0])


def test_what_compiled_code_does_not_serve_is_left_to_numpy(draw):
    a, b = draw(64, 600), draw(600, 64)
    out = np.empty((64, 64), a.dtype)
    assert not kernels.matrices(a[:, ::2], b[:300], out, None, 2)
    assert not kernels.matrices(a, b, out.T, None, 2)
    assert not kernels.matrices(a, b, out, np.float16(0) * np.zeros(64, np.float16), 2)
    assert kernels.by_vector(a[:, ::2], b[:300, 0].copy(), None) is None
    with facula.use_kernels(False):
        assert not kernels.matrices(a, b, out, None, 2)
        assert kernels.by_vector(a, b[:, 0].copy(), None) is None
    close(products.product(a[:, ::2], b[:300]), a[:, ::2] @ b[:300])
