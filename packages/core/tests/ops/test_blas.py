"""Products: errors, beta of zero, einsum's forms, NumPy and DLPack."""

import numpy as np
import pytest

import facula


def test_beta_zero_hides_nan():
    nan = facula.full((2, 2), float("nan"))
    assert facula.addmm(nan, facula.eye(2), facula.eye(2), beta=0).tolist() == [[1, 0], [0, 1]]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: facula.outer(x, x), "Expected 1-D argument"),
        (lambda x: facula.addmm(facula.ones(3), x, x), "mat1 and mat2 shapes cannot be multiplied"),
        (lambda x: facula.addmm(facula.ones(1, dtype=facula.float64), x, x.T), "must have the same dtype"),
        (lambda x: facula.inner(x, facula.ones(2)), "the last dimension must match"),
        (lambda x: facula.tensordot(x, x, 1), "contracted dimensions need to match"),
        (lambda x: facula.cross(x, facula.ones(2, 2), dim=1), "must match the size|must have length 3"),
        (lambda x: facula.matrix_power(x, 2), "must be batches of square matrices"),
        (lambda x: facula.linalg.multi_dot([x]), "expected at least 2 tensors but got 1"),
        (lambda x: facula.trace(x[0]), "expected a matrix"),
        (lambda x: facula.einsum("ij", x, x), "more operands were provided than specified"),
        (lambda x: facula.einsum("ijk->i", x), "does not match the number of dimensions"),
        (lambda x: facula.einsum("ij->k", x), "output subscript k does not appear"),
        (lambda x: facula.einsum("ij,ij->ii", x, x), "appears more than once"),
        (lambda x: facula.einsum("ij,jk->ik", x, x), "does not broadcast with previously seen size"),
        (lambda x: facula.einsum("ii", x), "repeated for operand but the sizes don't match"),
    ],
)
def test_errors(call, message):
    with pytest.raises(RuntimeError, match=message):
        call(facula.ones(2, 3))


@pytest.mark.parametrize(
    ("equation", "shapes"),
    [
        ("ij->ji", [(2, 3)]), ("ij->", [(2, 3)]), ("ii->i", [(3, 3)]), ("bii->b", [(2, 3, 3)]), ("ij,jk", [(2, 3), (3, 4)]),
        ("bij,bjk->bik", [(2, 3, 4), (2, 4, 5)]), ("...ij,...jk->...ik", [(2, 3, 4), (4, 5)]), ("i,j,k->ijk", [(2,), (3,), (4,)]),
        ("ij,kj,kl->il", [(2, 3), (4, 3), (4, 5)]), ("abc,cd->dab", [(2, 3, 4), (4, 2)]), ("ij,ij->ij", [(2, 3), (2, 3)]),
        ("ij,ij", [(2, 3), (2, 3)]), ("i...->...", [(2, 3, 4)]), ("bhid,bhjd->bhij", [(2, 2, 3, 4), (2, 2, 5, 4)]),
    ],
)  # fmt: skip
def test_einsum_agrees_with_numpy(equation, shapes):
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(s) for s in shapes]
    found = facula.einsum(equation, *[facula.from_numpy(a) for a in arrays])
    assert np.allclose(found.numpy(), np.einsum(equation, *arrays))


def test_einsum_takes_lists_of_labels():
    x = facula.arange(6.0).view(2, 3)
    assert facula.equal(facula.einsum(x, [0, 1], x, [2, 1], [0, 2]), x @ x.T)


def test_numpy_and_dlpack_share_memory():
    t = facula.zeros(3)
    a, b = np.asarray(t), facula.from_dlpack(t)
    t.fill_(2)
    assert a.tolist() == b.tolist() == [2, 2, 2]
    assert np.from_dlpack(t).tolist() == [2, 2, 2]
    with pytest.raises(RuntimeError, match=r"requires grad"):
        np.asarray(facula.ones(1, requires_grad=True))
    with pytest.raises(BufferError, match=r"require gradient"):
        np.from_dlpack(facula.ones(1, requires_grad=True))


def test_type_names_and_converts():
    x = facula.ones(2)
    assert x.type() == "facula.FloatTensor"
    assert x.type("facula.LongTensor").dtype is facula.int64
    assert x.type(facula.float64).dtype is facula.float64
    with pytest.raises(ValueError, match=r"invalid type"):
        x.type("facula.NoTensor")


def test_shared_memory_is_shared():
    x = facula.arange(3.0)
    assert not x.is_shared()
    assert x.share_memory_() is x
    assert x.is_shared()
    assert x.tolist() == [0, 1, 2]
