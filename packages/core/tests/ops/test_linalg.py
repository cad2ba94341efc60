"""Linear algebra: what fails and how it says so, named results, factors that multiply back."""

import numpy as np
import pytest

import facula
from facula import linalg


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: linalg.inv(facula.zeros(2, 2)), linalg.LinAlgError, "linalg.inv: .*input matrix is singular"),
        (lambda: linalg.inv(facula.stack([facula.eye(2), facula.zeros(2, 2)])), linalg.LinAlgError, "Batch element 1"),
        (lambda: linalg.solve(facula.zeros(2, 2), facula.ones(2)), linalg.LinAlgError, "the input matrix is singular"),
        (lambda: linalg.cholesky(-facula.eye(2)), linalg.LinAlgError, "not positive-definite .the leading minor of order 1"),
        (lambda: linalg.inv(facula.ones(2, 3)), RuntimeError, "A must be batches of square matrices, but they are 2 by 3"),
        (lambda: linalg.det(facula.ones(2, 2, dtype=facula.int64)), RuntimeError, "Expected a floating point or complex tensor"),
        (lambda: linalg.svd(facula.ones(2)), RuntimeError, "must have at least 2 dimensions"),
        (lambda: linalg.solve(facula.eye(2), facula.ones(3)), RuntimeError, "Incompatible shapes of A and B"),
        (lambda: linalg.eigh(facula.eye(2), "X"), RuntimeError, "Expected UPLO argument to be 'L' or 'U'"),
        (lambda: linalg.qr(facula.eye(2), "full"), RuntimeError, "unrecognized mode 'full'"),
        (lambda: linalg.lu(facula.eye(2), pivot=False), RuntimeError, "LU without pivoting is not implemented on the CPU"),
        (lambda: linalg.matrix_norm(facula.eye(2), 3), RuntimeError, "Order 3 not supported"),
        (lambda: linalg.matrix_norm(facula.ones(2)), RuntimeError, "at least 2 dimensions"),
        (lambda: linalg.eig(facula.full((2, 2), float("nan"))), RuntimeError, "should not contain infs or NaNs"),
        (lambda: linalg.tensorinv(facula.ones(2, 3), 1), RuntimeError, "Expected self to satisfy the requirement"),
        (lambda: linalg.lstsq(facula.eye(2), facula.ones(2, 1), driver="x"), RuntimeError, "parameter `driver` should be one of"),
    ],
)  # fmt: skip
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_ex_functions_report_instead_of_raising():
    batch = facula.stack([facula.eye(2), -facula.eye(2)])
    factor, info = linalg.cholesky_ex(batch)
    assert info.tolist() == [0, 1]
    assert facula.equal(factor[0], facula.eye(2))
    assert linalg.inv_ex(facula.zeros(2, 2)).info.item() > 0
    assert linalg.lu_factor_ex(facula.zeros(2, 2)).info.item() == 1
    with pytest.raises(linalg.LinAlgError):
        linalg.cholesky_ex(batch, check_errors=True)


def test_factors_multiply_back():
    rng = np.random.default_rng(0)
    for dtype in (np.float64, np.complex128):
        a = rng.standard_normal((2, 4, 3)) + (1j * rng.standard_normal((2, 4, 3)) if dtype is np.complex128 else 0)
        x = facula.from_numpy(a.astype(dtype))
        u, s, vh = linalg.svd(x, full_matrices=False)
        q, r = linalg.qr(x)
        p, lower, upper = linalg.lu(x)
        for product in ((u * s.unsqueeze(-2).to(u.dtype)) @ vh, q @ r, p @ lower @ upper):
            assert facula.allclose(product, x)
        hermitian = x.mH @ x
        values, vectors = linalg.eigh(hermitian)
        assert facula.allclose((vectors * values.unsqueeze(-2).to(vectors.dtype)) @ vectors.mH, hermitian)
        packed, tau = facula.geqrf(x)
        assert facula.allclose(linalg.householder_product(packed, tau), q)
        assert facula.allclose(facula.ormqr(packed, tau, x, transpose=True)[..., :3, :], r)
        assert facula.allclose(linalg.lu_solve(*linalg.lu_factor(hermitian), x.mH), linalg.solve(hermitian, x.mH))
        assert facula.allclose(
            linalg.ldl_solve(*linalg.ldl_factor(hermitian, hermitian=True), x.mH, hermitian=True),
            linalg.solve(hermitian, x.mH),
        )


def test_results_have_names():
    found = linalg.slogdet(facula.eye(2))
    assert found._fields == ("sign", "logabsdet")
    assert facula.svd(facula.eye(2))._fields == ("U", "S", "V")
    assert "facula.return_types.linalg_qr" in repr(linalg.qr(facula.eye(2)))


def test_determinant_has_a_gradient_at_singular_matrices():
    x = facula.tensor([[1.0, 2.0], [2.0, 4.0]], dtype=facula.float64, requires_grad=True)
    linalg.det(x).backward()
    assert np.allclose(x.grad.numpy(), [[4, -2], [-2, 1]])


def test_second_derivatives_of_a_solution():
    a = facula.tensor([[2.0, 0.5], [0.1, 3.0]], dtype=facula.float64, requires_grad=True)
    b = facula.tensor([1.0, 2.0], dtype=facula.float64, requires_grad=True)
    assert facula.autograd.gradgradcheck(linalg.solve, (a, b))


def test_namespaces_list_their_names():
    assert {"svd", "LinAlgError"} <= set(dir(linalg))
    assert "rfft" in dir(facula.fft)
    assert "hann" in dir(facula.signal.windows)
    assert "softmax" in dir(facula.masked)
    for room in (linalg, facula.fft, facula.signal.windows, facula.masked):
        with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
            room.nothing
