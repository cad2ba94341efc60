"""The compiled loops give the bits of the NumPy kernels, and everything works without numba."""

import sys

import numpy as np
import pytest

import facula
from facula.optim import elementwise
from facula.optim.compiled import _compile, run_compiled

CASES = [
    ("Adam", {}), ("Adam", {"weight_decay": 0.1, "maximize": True}), ("AdamW", {"lr": 0.1}), ("Adam", {"maximize": True}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}), ("SGD", {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    ("SGD", {"momentum": 0.9, "dampening": 0.3, "maximize": True}), ("SGD", {"weight_decay": 0.1}),
    ("Adam", {"amsgrad": True}),
]  # fmt: skip


def steps(name, kwargs, dtype, least, monkeypatch):
    monkeypatch.setattr(elementwise, "LEAST", least)
    draw = np.random.default_rng(0)
    p = facula.nn.Parameter(facula.tensor(draw.standard_normal((3, 1001)).astype(dtype)))
    optimizer = getattr(facula.optim, name)([p], **kwargs)
    for _ in range(4):
        p.grad = facula.tensor(draw.standard_normal((3, 1001)).astype(dtype))
        optimizer.step()
    return p.detach().numpy()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("name", "kwargs"), CASES, ids=str)
def test_equal_bits(name, kwargs, dtype, monkeypatch):
    pytest.importorskip("numba")
    plain = steps(name, kwargs, dtype, 10**9, monkeypatch)
    compiled = steps(name, kwargs, dtype, 1, monkeypatch)
    np.testing.assert_array_equal(compiled, plain)


def test_without_numba(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    _compile.cache_clear()
    try:
        assert not run_compiled("_adam", [np.ones(3, np.float32)] * 4, (0.9, 0.99, 0.1, 1e-8, 1.0, 0, False))
        assert steps("Adam", {}, np.float32, 1, monkeypatch).shape == (3, 1001)
    finally:
        _compile.cache_clear()


def test_unknown_kernels_have_no_loop():
    assert not run_compiled("_rprop", [np.ones(3)], ())
