"""Sparse tensors hold, print, compute and differentiate as torch's."""

import copy

import numpy as np
import pytest

import facula

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.filterwarnings("ignore:Sparse"), pytest.mark.filterwarnings("ignore:Torch.*CSR")]

PLACES = [[0, 1, 1, 0], [2, 0, 2, 2]]
VALUES = [3.0, 4.0, 5.0, 1.0]
DENSE = np.random.default_rng(0).standard_normal((3, 4))


def coo(module, dtype="float64", grad=False, shape=(2, 3)):
    return module.sparse_coo_tensor(
        PLACES, module.tensor(VALUES, dtype=getattr(module, dtype)), shape, requires_grad=grad, check_invariants=True
    )


def same(ours, theirs):
    assert tuple(ours.shape) == tuple(theirs.shape)
    assert str(ours.layout).split(".")[1] == str(theirs.layout).split(".")[1]
    assert ours.dtype.name == str(theirs.dtype).split(".")[1]
    if theirs.layout != torch.strided:
        ours, theirs = ours.to_dense(), theirs.to_dense()
    np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-12)


def text(t):
    return repr(t).replace("facula", "torch")


FORMS = [
    lambda m: coo(m), lambda m: coo(m, "float32"), lambda m: coo(m, grad=True), lambda m: coo(m).coalesce(), lambda m: coo(m).to_sparse_csr(),
    lambda m: coo(m, "float32").to_sparse_csr(), lambda m: m.sparse_coo_tensor((2, 3)), lambda m: m.zeros(2, 2).to_sparse(),
    lambda m: m.sparse_coo_tensor(PLACES, m.ones(4, 2), (2, 3, 2)), lambda m: m.sparse_coo_tensor(PLACES, [1, 2, 3, 4]),
    lambda m: m.tensor([[0.0, 1], [2, 0]]).to_sparse(), lambda m: m.tensor([[0.0, 1], [2, 0]]).to_sparse(1),
    lambda m: m.tensor([[0.0, 1], [2, 0]]).to_sparse_csr(), lambda m: m.tensor([[0, 1], [2, 0]]).to_sparse(layout=m.sparse_csr),
    lambda m: m.sparse_csr_tensor([0, 1, 3], [2, 0, 2], [3.0, 4.0, 5.0]), lambda m: m.sparse_csr_tensor([0, 0, 1], [1], [3.0], (2, 5)),
    lambda m: m.sparse_csr_tensor([0, 1], [0], [1.0], requires_grad=True), lambda m: m.eye(3, dtype=m.float64)[:, :2].to_sparse(),
]  # fmt: skip


@pytest.mark.parametrize("make", FORMS)
def test_forms(make):
    ours, theirs = make(facula), make(torch)
    same(ours, theirs)
    assert text(ours) == repr(theirs)
    for name in "is_sparse is_sparse_csr is_leaf requires_grad ndim is_cpu".split():
        assert getattr(ours, name) == getattr(theirs, name), name
    names = "dim numel is_floating_point is_complex element_size __len__ sparse_dim dense_dim _nnz"
    for name in names.split() if ours.is_sparse else names.split()[:6]:
        assert getattr(ours, name)() == getattr(theirs, name)(), name
    assert (ours.size(0), str(ours.device)) == (theirs.size(0), str(theirs.device))
    if ours.is_sparse:
        whole, theirs = ours.coalesce(), theirs.coalesce()
        parts = [(whole.indices(), theirs.indices()), (whole.values(), theirs.values())]
        assert whole.is_coalesced()
    else:
        parts = [(getattr(ours, n)(), getattr(theirs, n)()) for n in ("crow_indices", "col_indices", "values")]
    for a, b in parts:
        assert a.detach().tolist() == b.tolist()


BINARY = [
    lambda m, s, x: m.sparse.mm(s, x), lambda m, s, x: s @ x, lambda m, s, x: s.mm(x), lambda m, s, x: s.matmul(x[:, 0]),
    lambda m, s, x: m.sparse.addmm(x[:2] * 3, s, x, beta=2.0, alpha=0.5), lambda m, s, x: x[:2] + (s @ x).sum(),
]  # fmt: skip
COO_ONLY = [
    lambda m, s, x: x.mT[:, :2] @ s, lambda m, s, x: x[:2, :3] + s,
    lambda m, s, x: m.sparse.mm(s.t(), x[:2]), lambda m, s, x: m.sparse.sum(s) * x, lambda m, s, x: m.sparse.sum(s, 0).to_dense() * x[:, 0],
    lambda m, s, x: m.sparse.mm(s, s.t()).to_dense(), lambda m, s, x: (s + s * 2).to_dense(), lambda m, s, x: (s - s.coalesce() * 2).to_dense(),
    lambda m, s, x: s.coalesce().values() * 2, lambda m, s, x: (-s / 4).to_dense(), lambda m, s, x: s.to_dense() * 2,
    lambda m, s, x: (s.transpose(0, 1) * 3).to_dense(), lambda m, s, x: (2 * s).to_dense(),
]  # fmt: skip


@pytest.mark.parametrize(
    ("function", "kind"), [*((f, "coo") for f in BINARY + COO_ONLY), *((f, "csr") for f in BINARY)]
)
def test_results_and_gradients(function, kind):
    results = []
    for m in (facula, torch):
        s, x = coo(m), m.tensor(DENSE, requires_grad=True)
        s = (s.to_sparse_csr() if kind == "csr" else s.coalesce()).requires_grad_()
        out = function(m, s, x)
        (out * out).sum().backward()
        results.append((out, s.grad, x.grad))
    same(results[0][0], results[1][0])
    places = np.zeros((2, 3), bool)
    places[tuple(PLACES)] = True  # torch may give the gradient elsewhere too
    for ours, theirs, keep in zip(results[0][1:], results[1][1:], (places, True), strict=True):
        assert (ours is None) == (theirs is None)
        if ours is not None:
            ours, theirs = (np.where(keep, t.to_dense().numpy(), 0) for t in (ours, theirs))
            np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_gradients_reach_the_values_and_the_dense_tensor():
    found = []
    for m in (facula, torch):
        v = m.tensor(VALUES, requires_grad=True)
        s = m.sparse_coo_tensor(PLACES, v, (2, 3))
        assert not s.is_leaf
        m.sparse.mm(s, m.tensor(DENSE).to(s.dtype)).pow(2).sum().backward()
        d = m.tensor(DENSE, requires_grad=True)
        (d.to_sparse().to_dense() ** 2).sum().backward()
        found.append((v.grad.numpy(), d.grad.numpy()))
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-5)
    np.testing.assert_allclose(found[0][1], found[1][1])


def test_second_order():
    values = facula.tensor(VALUES, dtype=facula.float64, requires_grad=True)
    dense = facula.tensor(DENSE, requires_grad=True)
    function = lambda v, x: facula.sparse.mm(facula.sparse_coo_tensor(PLACES, v, (2, 3)), x)
    assert facula.autograd.gradcheck(function, (values, dense))
    assert facula.autograd.gradgradcheck(function, (values, dense))
    scaled = lambda v, x: (facula.sparse_coo_tensor(PLACES, v, (2, 3)) * x).to_dense()
    assert facula.autograd.gradcheck(scaled, (values, dense[:2, :3].detach().requires_grad_()))


@pytest.mark.parametrize("name", "abs sqrt sin tanh relu sign square expm1 floor".split())
def test_functions_of_the_values(name):
    same(getattr(coo(facula), name)(), getattr(coo(torch), name)())


def test_other_types_copies_and_products():
    for make in (lambda m: coo(m).float(), lambda m: coo(m).to(m.float32), lambda m: coo(m).long(), lambda m: coo(m).clone(),
                 lambda m: coo(m) ** 2, lambda m: coo(m) * m.tensor(DENSE[:2, :3]),
                 lambda m: coo(m) * coo(m).coalesce(), lambda m: coo(m).T, lambda m: coo(m).detach(),
                 lambda m: copy.deepcopy(coo(m)), lambda m: m.sparse.sum(coo(m), 1), lambda m: m.sparse.sum(coo(m), (0, 1)),
                 lambda m: m.sparse.sum(m.sparse_coo_tensor(PLACES, m.ones(4, 2), (2, 3, 2)), (0, 2)), lambda m: coo(m).to_sparse_csr() * 2,
                 lambda m: coo(m).to_sparse_csr().to_sparse_coo(), lambda m: m.sparse.mm(coo(m).long(), m.ones(3, 2, dtype=m.int64))):  # fmt: skip
        same(make(facula), make(torch))
    assert facula.is_tensor(coo(facula))
    assert facula.ones(2).layout is facula.strided
    assert facula.ones(2).to_dense().layout is facula.strided


ERRORS = [
    (RuntimeError, "sparse_coo_tensor: size is inconsistent with indices: for dim 0, size is 2 but found index 5",
     lambda: facula.sparse_coo_tensor([[5], [0]], [1.0], (2, 3))),
    (RuntimeError, "indices and values must have same nnz, but got nnz from indices: 1, nnz from values: 2",
     lambda: facula.sparse_coo_tensor([[5], [0]], [1.0, 2.0])),
    (RuntimeError, r"indices must be sparse_dim x nnz, but got: \[2\]", lambda: facula.sparse_coo_tensor([5, 0], [1.0, 2.0])),
    (RuntimeError, "found negative index -1", lambda: facula.sparse_coo_tensor([[-1]], [1.0], (3,))),
    (RuntimeError, r"must be sparse_dim \(1\) \+ dense_dim \(0\)", lambda: facula.sparse_coo_tensor([[1]], [1.0], (3, 3))),
    (RuntimeError, "crow_indices that rise from 0 to nnz", lambda: facula.sparse_csr_tensor([0, 2], [0], [1.0])),
    (RuntimeError, r"crow_indices of rows \+ 1 = 3 numbers, got 2", lambda: facula.sparse_csr_tensor([0, 1], [0], [1.0], (2, 3))),
    (RuntimeError, "one-dimensional crow_indices", lambda: facula.sparse_csr_tensor([[0, 1]], [[0]], [[1.0]])),
    (RuntimeError, "Cannot get indices on an uncoalesced tensor", lambda: coo(facula).indices()),
    (RuntimeError, "Cannot get values on an uncoalesced tensor", lambda: coo(facula).values()),
    (RuntimeError, "crow_indices: expected sparse tensor of layout facula.sparse_csr", lambda: coo(facula).crow_indices()),
    (RuntimeError, "indices: expected sparse tensor of layout facula.sparse_coo", lambda: coo(facula).to_sparse_csr().indices()),
    (RuntimeError, "mm: expected a dense matrix with 3 rows", lambda: coo(facula) @ facula.ones(2, 2).double()),
    (RuntimeError, "mm: expected both matrices of one type", lambda: coo(facula) @ facula.ones(3, 2)),
    (RuntimeError, "mm: expected a first matrix with 2 columns", lambda: facula.ones(3, 3) @ coo(facula)),
    (RuntimeError, "mm: expected a second matrix with 3 rows", lambda: coo(facula) @ coo(facula)),
    (RuntimeError, "mm: expected a sparse matrix of two sparse dim", lambda: facula.eye(2).to_sparse(1) @ facula.ones(2, 2)),
    (RuntimeError, r"add\(sparse, dense\) is not supported", lambda: coo(facula) + facula.ones(2, 3)),
    (RuntimeError, "add: expected sparse tensors of one shape", lambda: coo(facula) + coo(facula, shape=(3, 3))),
    (RuntimeError, "can't transpose a sparse with a dense dimension", lambda: facula.eye(2).to_sparse(1).t()),
    (RuntimeError, "t: t\\(\\) expects a tensor with <= 2 dimensions", lambda: facula.ones(2, 2, 2).to_sparse().t()),
    (RuntimeError, "to_sparse_csr: expected a matrix", lambda: facula.ones(2).to_sparse_csr()),
    (RuntimeError, "to_sparse_csr: expected a matrix with two", lambda: facula.ones(2).to_sparse().to_sparse_csr()),
    (RuntimeError, r"to_sparse: sparse_dim argument must be in \[1, 2\]", lambda: facula.ones(2, 2).to_sparse(3)),
    (RuntimeError, "coalesce: expected sparse coordinate tensor layout", lambda: facula.ones(2, 2).coalesce()),
    (RuntimeError, "is_coalesced: expected sparse coordinate tensor layout", lambda: facula.ones(2, 2).is_coalesced()),
    (IndexError, "sum: Dimension out of range", lambda: facula.sparse.sum(coo(facula), 2)),
    (NotImplementedError, "mul: expected a number or a tensor that broadcasts", lambda: coo(facula) * facula.ones(4)),
    (NotImplementedError, "mul: expected sparse tensors of one shape", lambda: coo(facula) * facula.eye(3).to_sparse()),
    (NotImplementedError, "div: expected a number", lambda: coo(facula) / facula.ones(2, 3)),
    (NotImplementedError, "pow: expected a positive number", lambda: coo(facula) ** -1),
    (NotImplementedError, "sparse.mm: expected reduce 'sum'", lambda: facula.sparse.mm(coo(facula), facula.ones(3, 2), "mean")),
    (NotImplementedError, "to_sparse: expected layout", lambda: facula.ones(2, 2).to_sparse(layout=facula.strided)),
]  # fmt: skip


@pytest.mark.parametrize(("error", "match", "call"), ERRORS)
def test_errors(error, match, call):
    with pytest.raises(error, match=match):
        call()


@pytest.mark.parametrize(
    "name", "exp softmax view cumsum mean max clamp norm sort gather cos numpy tolist stride".split()
)
def test_what_is_not_there_says_so(name):
    args = {"softmax": (0,), "view": (6,), "cumsum": (0,), "clamp": (0, 1)}
    args["gather"] = (0, facula.zeros(1, 1).long())
    with pytest.raises(NotImplementedError, match=f"{name}.*: expected a tensor of layout facula.strided.*to_dense"):
        getattr(coo(facula), name)(*args.get(name, ()))


def test_functions_of_the_dense_tensors_refuse_too():
    with pytest.raises(NotImplementedError, match="exp: expected a tensor of layout facula.strided"):
        facula.exp(coo(facula))
    with pytest.raises(NotImplementedError, match="__array__: expected a tensor of layout facula.strided"):
        np.asarray(coo(facula))
    with pytest.raises(NotImplementedError, match="conv: expected a tensor of layout facula.strided"):
        facula.nn.functional.conv1d(facula.ones(1, 2, 3).double().to_sparse(), facula.ones(1, 2, 1).double())
    with pytest.raises(NotImplementedError, match="expected a tensor of layout facula.strided"):
        coo(facula).array[0]
    with pytest.raises(NotImplementedError, match="expected a tensor of layout facula.strided"):
        np.exp(coo(facula).array)
