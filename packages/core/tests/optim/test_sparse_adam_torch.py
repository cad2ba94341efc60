"""SparseAdam moves what a sparse gradient names, as torch's does."""

import numpy as np
import pytest

import facula

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore:Sparse")


@pytest.mark.parametrize("kwargs", [{}, {"lr": 0.1, "maximize": True}, {"betas": (0.5, 0.8), "eps": 1e-3}])
def test_steps_equal_torchs(kwargs):
    start = np.random.default_rng(0).standard_normal((6, 3)).astype(np.float32)
    found = []
    for m in (facula, torch):
        p = m.nn.Parameter(m.tensor(start.copy()))
        optimizer = m.optim.SparseAdam([p], **kwargs)
        draw = np.random.default_rng(1)
        for _ in range(5):
            rows = draw.integers(0, 6, 4)  # some of them twice
            values = m.tensor(draw.standard_normal((4, 3)).astype(np.float32))
            p.grad = m.sparse_coo_tensor(m.tensor(rows[None]), values, (6, 3), check_invariants=True)
            optimizer.step()
            optimizer.zero_grad()
        found.append((p.detach().numpy(), optimizer.state_dict()))
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-5, atol=1e-6)
    ours, theirs = found[0][1], found[1][1]
    assert set(ours["param_groups"][0]) == set(theirs["param_groups"][0])
    assert ours["state"][0]["step"] == theirs["state"][0]["step"] == 5
    for name in ("exp_avg", "exp_avg_sq"):
        np.testing.assert_allclose(
            ours["state"][0][name].numpy(), theirs["state"][0][name].numpy(), rtol=1e-5, atol=1e-7
        )


def test_what_is_refused():
    p = facula.nn.Parameter(facula.ones(2))
    with pytest.raises(ValueError, match="SparseAdam: Invalid lr value"):
        facula.optim.SparseAdam([p], lr=-1.0)
    with pytest.raises(ValueError, match="SparseAdam: expected dense parameter tensors"):
        facula.optim.SparseAdam([facula.ones(2).to_sparse().requires_grad_()])
    optimizer = facula.optim.SparseAdam([p])
    p.grad = facula.ones(2)
    with pytest.raises(RuntimeError, match="SparseAdam does not support dense gradients"):
        optimizer.step()


def test_an_empty_gradient_moves_nothing():
    p = facula.nn.Parameter(facula.ones(2))
    optimizer = facula.optim.SparseAdam([p])
    p.grad = facula.sparse_coo_tensor((2,))
    optimizer.step()
    assert p.tolist() == [1, 1]


def test_other_optimizers_ask_for_a_dense_gradient():
    p = facula.nn.Parameter(facula.ones(2))
    p.grad = facula.sparse_coo_tensor([[1]], [1.0], (2,))
    with pytest.raises(RuntimeError, match="RMSprop does not support sparse gradients.*SparseAdam"):
        facula.optim.RMSprop([p]).step()
