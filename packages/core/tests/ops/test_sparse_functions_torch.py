"""Functions called with sparse tensors as programs call them, against torch."""

import numpy as np
import pytest

import facula

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.filterwarnings("ignore:Sparse"), pytest.mark.filterwarnings("ignore:Torch.*CS")]

DENSE = np.random.default_rng(0).standard_normal((3, 4))
CUBE = np.random.default_rng(2).standard_normal((2, 3, 4)) * (np.random.default_rng(3).random((2, 3, 4)) < 0.5)


def coo(m, shape=(2, 3)):
    return m.sparse_coo_tensor([[0, 1, 1, 0], [2, 0, 2, 2]], m.tensor([3.0, 4.0, 5.0, 1.0], dtype=m.float64), shape)


def hybrid(m):
    return m.sparse_coo_tensor([[0, 2, 0]], m.arange(6, dtype=m.float64).view(3, 2), (3, 2))


def same(ours, theirs):
    assert tuple(ours.shape) == tuple(theirs.shape)
    assert str(ours.layout).split(".")[1] == str(theirs.layout).split(".")[1]
    assert ours.dtype.name == str(theirs.dtype).split(".")[1]
    if theirs.layout != torch.strided:
        ours, theirs = ours.to_dense(), theirs.to_dense()
    np.testing.assert_allclose(
        ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-6 if ours.dtype == facula.float32 else 1e-12
    )


CALLS = {
    "mm": lambda m, s, x: m.mm(s, x),
    "matmul": lambda m, s, x: m.matmul(s, x),
    "mv": lambda m, s, x: m.mv(s, x[:, 0]),
    "vector": lambda m, s, x: m.matmul(s, x[:, 0]),
    "addmm": lambda m, s, x: m.addmm(x[:2], s, x, beta=0.5, alpha=2),
    "mm two": lambda m, s, x: m.mm(s, m.t(s)),
    "linear": lambda m, s, x: m.nn.functional.linear(x.mT, s.to_sparse_csr(), x[:2, 0]),
    "add": lambda m, s, x: m.add(s, s, alpha=2),
    "sub": lambda m, s, x: m.sub(s, s.coalesce() * 3),
    "add dense": lambda m, s, x: m.add(x[:2, :3], s),
    "add dense alpha": lambda m, s, x: m.add(x[:2, :3], s, alpha=-2),
    "sub dense": lambda m, s, x: x[:2, :3] - s,
    "mul": lambda m, s, x: m.mul(s, 2.5),
    "mul dense": lambda m, s, x: m.mul(s.coalesce(), x[:2, :3]),
    "mul by dense": lambda m, s, x: x[:2, :3] * s.coalesce(),
    "mul sparse": lambda m, s, x: m.mul(s.coalesce(), (s.coalesce() * 2)),
    "div": lambda m, s, x: m.div(s, 4),
    "mul scalar tensor": lambda m, s, x: s * m.tensor(2.0),
    "neg": lambda m, s, x: m.neg(s),
    "abs": lambda m, s, x: m.abs(-s),
    "sqrt": lambda m, s, x: m.sqrt(s),
    "sin": lambda m, s, x: m.sin(s),
    "relu": lambda m, s, x: m.nn.functional.relu(s),
    "isnan": lambda m, s, x: m.isnan(s),
    "sign": lambda m, s, x: m.sign(s),
    "pow": lambda m, s, x: m.pow(s, 2),
    "sum": lambda m, s, x: m.sum(s),
    "sum dim": lambda m, s, x: m.sum(s, 0),
    "sum dims": lambda m, s, x: m.sum(s, (0, 1)),
    "sum type": lambda m, s, x: m.sum(s, dtype=m.float32),
    "transpose": lambda m, s, x: m.transpose(s, 0, 1),
    "t": lambda m, s, x: m.t(s),
    "permute": lambda m, s, x: m.permute(s, (1, 0)),
    "mT": lambda m, s, x: s.mT,
    "clone": lambda m, s, x: m.clone(s),
    "to": lambda m, s, x: s.to("cpu", m.float32),
    "float": lambda m, s, x: s.float(),
    "int": lambda m, s, x: s.int(),
    "cat": lambda m, s, x: m.cat([s, s], 1),
    "cat rows": lambda m, s, x: m.cat([s, s * 2]),
    "stack": lambda m, s, x: m.stack([s, s * 2]),
    "stack end": lambda m, s, x: m.stack([s, s * 2], -1),
    "cat hybrid": lambda m, s, x: m.cat([hybrid(m), hybrid(m)], 1),
    "unsqueeze": lambda m, s, x: m.unsqueeze(s, 1),
    "unsqueeze hybrid": lambda m, s, x: hybrid(m).unsqueeze(2),
    "index_select": lambda m, s, x: m.index_select(s, 1, m.tensor([2, 0, 2])),
    "index_select hybrid": lambda m, s, x: hybrid(m).index_select(1, m.tensor([1])),
    "select": lambda m, s, x: s[0],
    "select column": lambda m, s, x: m.select(s, 1, -1),
    "select hybrid": lambda m, s, x: hybrid(m)[0],
    "zeros_like": lambda m, s, x: m.zeros_like(s),
    "zeros": lambda m, s, x: m.zeros(2, 3, layout=m.sparse_coo),
    "softmax": lambda m, s, x: m.sparse.softmax(s, 1),
    "softmax 0": lambda m, s, x: m.sparse.softmax(s, 0),
    "log_softmax": lambda m, s, x: m.sparse.log_softmax(s, 1),
    "softmax hybrid": lambda m, s, x: m.sparse.softmax(hybrid(m), 1),
    "softmax hybrid 0": lambda m, s, x: m.sparse.softmax(hybrid(m), 0),
    "softmax cube": lambda m, s, x: m.sparse.softmax(m.tensor(CUBE).to_sparse(), -2, dtype=m.float32),
    "bmm": lambda m, s, x: m.bmm(m.tensor(CUBE).to_sparse(), m.tensor(CUBE).mT),
    "smm": lambda m, s, x: m.smm(s, x),
    "hspmm": lambda m, s, x: m.hspmm(s, x),
    "sspaddmm": lambda m, s, x: m.sspaddmm(m.zeros(2, 4, dtype=m.float64).to_sparse(), s, x),
    "sparse_mask": lambda m, s, x: x[:2, :3].sparse_mask(s.coalesce()),
    "csc": lambda m, s, x: s.to_sparse_csc(),
    "csr t": lambda m, s, x: s.to_sparse_csr().t(),
    "csc mm": lambda m, s, x: s.to_sparse_csc() @ x,
    "csc from dense": lambda m, s, x: m.eye(3, 2).to_sparse_csc(),
    "layout": lambda m, s, x: m.eye(2).to_sparse(layout=m.sparse_csc),
    "csc back": lambda m, s, x: s.to_sparse_csc().to_sparse_csr(),
    "csc made": lambda m, s, x: m.sparse_csc_tensor([0, 1, 1, 2], [1, 0], [3.0, 4.0], (2, 3)),
    "compressed": lambda m, s, x: m.sparse_compressed_tensor(
        [0, 1, 2], [1, 0], [3.0, 4.0], (2, 3), layout=m.sparse_csr
    ),
    "csr add": lambda m, s, x: s.to_sparse_csr() + s.to_sparse_csr(),
    "csr neg": lambda m, s, x: -s.to_sparse_csr(),
    "csr linear": lambda m, s, x: m.nn.functional.linear(x.mT, s.to_sparse_csr()),
    "sampled": lambda m, s, x: m.sparse.sampled_addmm(s.to_sparse_csr(), x[:2], x.mT, beta=0.5, alpha=2.0),
    "spdiags": lambda m, s, x: m.sparse.spdiags(m.arange(9).view(3, 3), m.tensor([-1, 0, 2]), (4, 3)),
    "complex": lambda m, s, x: (s * 1j).conj(),
    "csr of zeros": lambda m, s, x: m.zeros(3, 3, layout=m.sparse_csr),
    "empty_like": lambda m, s, x: m.zeros_like(m.eye(2), layout=m.sparse_coo),
    "nan_to_num": lambda m, s, x: m.nan_to_num(s * float("nan")),
    "mixed types": lambda m, s, x: m.add(s, s.float()),
}


@pytest.mark.parametrize("name", CALLS)
def test_functions(name):
    same(*(CALLS[name](m, coo(m), m.tensor(DENSE)) for m in (facula, torch)))


WITH_GRADIENTS = [name for name in CALLS if name.split()[0] in (
    "addmm", "linear", "add", "sub", "mul", "div", "abs", "sqrt", "sin", "pow", "stack", "cat", "index_select", "select", "transpose", "smm",
)]  # fmt: skip


@pytest.mark.parametrize("name", WITH_GRADIENTS)
def test_gradients_reach_values_and_dense_operands(name):
    if "hybrid" in name:
        pytest.skip("made of constants")

    def function(values, dense):
        s = facula.sparse_coo_tensor([[0, 1, 1], [2, 0, 2]], values, (2, 3), is_coalesced=True)
        out = CALLS[name](facula, s, dense)
        return out.to_dense()

    inputs = (
        facula.tensor([3.0, 4.0, 5.0], dtype=facula.float64, requires_grad=True),
        facula.tensor(DENSE, requires_grad=True),
    )
    assert facula.autograd.gradcheck(function, inputs)


@pytest.mark.parametrize("dim", [0, 1])
def test_softmax_has_gradients(dim):
    found = []
    for m in (facula, torch):
        v = m.tensor([3.0, 4.0, 5.0], dtype=m.float64, requires_grad=True)
        s = m.sparse_coo_tensor([[0, 1, 1], [2, 0, 2]], v, (2, 3), is_coalesced=True)
        (m.sparse.softmax(s, dim).to_dense() ** 2 + m.sparse.log_softmax(s, dim).to_dense()).sum().backward()
        found.append(v.grad.numpy())
    np.testing.assert_allclose(found[0], found[1], atol=1e-12)


IN_PLACE = [
    lambda m, s: s.mul_(2),
    lambda m, s: s.add_(s * 2),
    lambda m, s: s.zero_(),
    lambda m, s: s.neg_(),
    lambda m, s: s.div_(2),
    lambda m, s: s.t_(),
    lambda m, s: s.copy_(s * 3),
    lambda m, s: s.sub_(s, alpha=0.5),
    lambda m, s: s.coalesce().sqrt_(),
    lambda m, s: s.__imul__(3),
    lambda m, s: s.coalesce().abs_(),
]


@pytest.mark.parametrize("write", IN_PLACE)
def test_in_place(write):
    same(write(facula, coo(facula)), write(torch, coo(torch)))
    s = coo(facula)
    assert s.mul_(2) is s
    with pytest.raises(RuntimeError, match="mul_: a leaf Variable that requires grad"):
        s.requires_grad_().mul_(2)


def test_a_dense_tensor_takes_a_sparse_update():
    for alpha in (1, -0.5):
        same(*(m.tensor(DENSE[:2, :3]).add_(coo(m), alpha=alpha) for m in (facula, torch)))


def test_every_form_is_that_of_a_record():
    from facula.autograd.op import ALL
    from facula.ops import sparse_forms

    assert {*sparse_forms.FORMS, *sparse_forms._LINEAR, *sparse_forms._ZERO} - ALL.keys() == set()


def test_squeeze_undoes_unsqueeze():
    same(coo(facula).unsqueeze(0).squeeze(0), coo(torch))
    np.testing.assert_array_equal(
        hybrid(facula).unsqueeze(2).squeeze(2).to_dense().numpy(), hybrid(torch).to_dense().numpy()
    )


def test_names_of_the_parts():
    for m in (facula, torch):
        assert (m.eye(2).sparse_dim(), m.eye(2).dense_dim()) == (0, 2)
        c = coo(m).to_sparse_csc()
        assert (c.ccol_indices().tolist(), c.row_indices().tolist()) == ([0, 1, 1, 3], [1, 0, 1])
    assert repr(coo(facula).to_sparse_csc()).replace("facula", "torch") == repr(coo(torch).to_sparse_csc())


ERRORS = [
    (RuntimeError, "values: expected a tensor of layout facula.sparse_coo", lambda: facula.eye(2).values()),
    (RuntimeError, "ccol_indices: expected a tensor of layout facula.sparse_csc", lambda: facula.eye(2).ccol_indices()),
    (RuntimeError, "ccol_indices: expected sparse tensor of layout facula.sparse_csc", lambda: coo(facula).ccol_indices()),
    (NotImplementedError, "to_sparse_bsr: expected layout .*facula.sparse_csr or", lambda: facula.eye(2).to_sparse_bsr((1, 1))),
    (NotImplementedError, "to_sparse_bsr: expected layout .*facula.sparse_csr or", lambda: coo(facula).to_sparse(layout=facula.sparse_bsr)),
    (NotImplementedError, "sparse_compressed_tensor: expected layout", lambda: facula.sparse_compressed_tensor([0], [], [], layout=facula.sparse_bsc)),
    (NotImplementedError, "exp: expected a tensor of layout facula.strided", lambda: facula.exp(coo(facula))),
    (NotImplementedError, "index_select: expected layout facula.sparse_coo", lambda: coo(facula).to_sparse_csr().index_select(0, facula.tensor([0]))),
    (NotImplementedError, "getitem: expected one vector of indices", lambda: coo(facula)[facula.ones(2, 3) > 0]),
    (NotImplementedError, "getitem: expected ints and slices", lambda: coo(facula)[None, 0]),
    (NotImplementedError, "sparse.softmax: expected a sparse tensor", lambda: facula.sparse.softmax(facula.eye(2), 0)),
    (IndexError, "index_select: index 5 is out of bounds", lambda: coo(facula).index_select(0, facula.tensor([5]))),
    (RuntimeError, "Concatenating sparse tensors, but a dense tensor was found at position 1", lambda: facula.cat([coo(facula), facula.ones(2, 3).double()])),
    (RuntimeError, "cat: All tensors must have the same shape", lambda: facula.cat([coo(facula), coo(facula, (3, 4))])),
    (RuntimeError, "sparse_mask: expected mask to have a sparse layout", lambda: facula.eye(2).sparse_mask(facula.eye(2))),
    (RuntimeError, "sparse_mask: operands have incompatible sizes", lambda: facula.eye(2).sparse_mask(coo(facula))),
    (RuntimeError, "bmm: expected a COO batch", lambda: facula.bmm(facula.ones(1, 2, 2).to_sparse(), facula.ones(1, 3, 2))),
    (RuntimeError, "ones: expected layout facula.strided", lambda: facula.ones(2, layout=facula.sparse_coo)),
    (RuntimeError, "spdiags: Number of diagonals", lambda: facula.sparse.spdiags(facula.ones(1, 2), facula.tensor([0, 1]), (2, 2))),
    (RuntimeError, r"sparse_csc_tensor: expected ccol_indices of columns \+ 1 = 4", lambda: facula.sparse_csc_tensor([0, 1], [0], [1.0], (2, 3))),
]  # fmt: skip


@pytest.mark.parametrize(("error", "match", "call"), ERRORS)
def test_errors(error, match, call):
    with pytest.raises(error, match=match):
        call()
