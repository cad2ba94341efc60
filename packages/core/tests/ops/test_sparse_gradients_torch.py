"""Sparse gradients of tables, and the optimizers that take them, as torch's."""

import numpy as np
import pytest

import facula

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore:Sparse invariant")
TABLE = np.random.default_rng(1).standard_normal((6, 3))
IDS = [[1, 4, 1], [0, 5, 4]]


def look_up(m, **options):
    table = m.nn.Embedding(6, 3, sparse=True, dtype=m.float64, **options)
    with m.no_grad():
        table.weight.copy_(m.tensor(TABLE))
    return table


@pytest.mark.parametrize("options", [{}, {"padding_idx": 4}])
def test_the_gradient_of_a_table_is_sparse(options):
    found = []
    for m in (facula, torch):
        table = look_up(m, **options)
        (table(m.tensor(IDS)) ** 2).sum().backward()
        g = table.weight.grad
        assert g.is_sparse
        assert tuple(g.shape) == (6, 3)
        assert g.sparse_dim() == 1
        found.append((g._nnz(), g.coalesce().indices().tolist(), g.to_dense().numpy()))
        (table(m.tensor(IDS[0])) * 3).sum().backward()  # adds to what is there
        assert table.weight.grad.is_sparse
        found[-1] += (table.weight.grad.to_dense().numpy(),)
    assert found[0][:2] == found[1][:2]
    np.testing.assert_allclose(found[0][2], found[1][2])
    np.testing.assert_allclose(found[0][3], found[1][3])


@pytest.mark.parametrize("mode", ["sum", "mean"])
def test_bags_give_sparse_gradients_too(mode):
    found = []
    for m in (facula, torch):
        bag = m.nn.EmbeddingBag(6, 3, mode=mode, sparse=True, dtype=m.float64)
        with m.no_grad():
            bag.weight.copy_(m.tensor(TABLE))
        bag(m.tensor([1, 2, 4, 1]), m.tensor([0, 3])).pow(2).sum().backward()
        assert bag.weight.grad.is_sparse
        found.append(bag.weight.grad.to_dense().numpy())
    np.testing.assert_allclose(found[0], found[1])
    with pytest.raises(ValueError, match="max mode does not support sparse weights"):
        facula.nn.EmbeddingBag(6, 3, mode="max", sparse=True)(facula.tensor([[1]]))


def test_a_table_that_is_also_used_as_a_matrix_has_a_dense_gradient():
    found = []
    for m in (facula, torch):
        table = look_up(m)
        (table(m.tensor(IDS)) @ table.weight.mT).pow(2).sum().backward()
        found.append(table.weight.grad)
        assert not table.weight.grad.is_sparse
        table(m.tensor(IDS)).sum().backward()
        assert not table.weight.grad.is_sparse
    np.testing.assert_allclose(found[0].numpy(), found[1].numpy())


OPTIMIZERS = [
    ("SGD", {"lr": 0.1}), ("SGD", {"lr": 0.1, "maximize": True}), ("SGD", {"lr": 0.1, "momentum": 0.9}), ("Adagrad", {"lr": 0.1}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.1, "maximize": True}), ("SparseAdam", {"lr": 0.1}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "options"), OPTIMIZERS)
def test_training_with_sparse_gradients(name, options):
    found = []
    for m in (facula, torch):
        table = look_up(m)
        optimizer = getattr(m.optim, name)([table.weight], **options)
        for ids in (IDS, [[2, 2]], [[1]]):
            optimizer.zero_grad()
            (table(m.tensor(ids)) ** 2).sum().backward()
            optimizer.step()
        found.append(table.weight.detach().numpy())
    np.testing.assert_allclose(found[0], found[1])


def test_the_gradient_by_grad_and_of_second_order():
    w = facula.tensor(TABLE, requires_grad=True)
    out = facula.nn.functional.embedding(facula.tensor(IDS), w, sparse=True)
    (g,) = facula.autograd.grad((out**3).sum(), w, create_graph=True)
    assert g.is_sparse
    (second,) = facula.autograd.grad(g.to_dense().sum(), w)
    counts = np.bincount(np.ravel(IDS), minlength=6)[:, None]
    np.testing.assert_allclose(second.to_dense().numpy(), 6 * TABLE * counts)
    seen = []
    w.register_hook(lambda g: seen.append(g.is_sparse))
    facula.nn.functional.embedding(facula.tensor(IDS), w, sparse=True).sum().backward()
    assert seen == [True]


def test_zeroing_and_refusals():
    table = look_up(facula)
    table(facula.tensor(IDS)).sum().backward()
    optimizer = facula.optim.Adam(table.parameters())
    with pytest.raises(RuntimeError, match="Adam does not support sparse gradients.*SparseAdam"):
        optimizer.step()
    with pytest.raises(RuntimeError, match="weight_decay option is not compatible with sparse gradients"):
        facula.optim.Adagrad(table.parameters(), weight_decay=0.1).step()
    with pytest.raises(RuntimeError, match="scale_grad_by_freq not supported with sparse gradients"):
        look_up(facula, scale_grad_by_freq=True)(facula.tensor(IDS))
    optimizer.zero_grad(set_to_none=False)
    assert table.weight.grad._nnz() == 0
    with facula.no_grad():
        assert table(facula.tensor(IDS)).grad_fn is None
