"""Convolutions by long runs give what convolutions by single windows give, forward and backward."""

import importlib

import numpy as np
import pytest

import facula
import facula.nn.functional as F

runs = importlib.import_module("facula.ops.conv_runs")

CASES = [
    {"shape": (3, 4, 20, 24), "weight": (6, 4, 3, 3), "padding": (1, 1)},
    {"shape": (2, 4, 20, 24), "weight": (6, 2, 3, 2), "padding": (0, 1), "groups": 2},
    {"shape": (2, 2, 30, 28), "weight": (2, 2, 3, 3), "padding": (2, 2), "dilation": (1, 2)},
    {"shape": (1, 2, 20, 20), "weight": (3, 2, 3, 3), "padding": (3, 3)},
]


def _results(case):
    rng = np.random.default_rng(0)
    settings = {k: v for k, v in case.items() if k not in ("shape", "weight")}
    x = facula.from_numpy(rng.standard_normal(case["shape"])).requires_grad_()
    w = facula.from_numpy(rng.standard_normal(case["weight"])).requires_grad_()
    out = F.conv2d(x, w, **settings)
    out.backward(facula.from_numpy(rng.standard_normal(tuple(out.shape))))
    return [t.detach().numpy() for t in (out, x.grad, w.grad)]


@pytest.mark.parametrize("case", CASES)
def test_runs_equal_single_windows(case, monkeypatch):
    used = []
    real = runs.run_columns
    conv = importlib.import_module("facula.ops.conv")
    monkeypatch.setattr(conv, "run_columns", lambda *a: (used.append(1), real(*a))[1])
    monkeypatch.setattr(runs, "_WASTE", 1.5)
    by_runs = _results(case)
    assert used
    monkeypatch.setattr(runs, "_WASTE", 0)
    count = len(used)
    for found, expected in zip(by_runs, _results(case), strict=True):
        assert np.allclose(found, expected, rtol=1e-10, atol=1e-10)
    assert len(used) == count


def test_no_runs_where_windows_are_few_or_apart():
    assert runs.run_length((6, 6), (3, 3), (1, 1), (4, 4)) == 0
    assert runs.run_length((34, 34), (3, 3), (2, 2), (16, 16)) == 0
    assert runs.run_length((34, 34), (3, 3), (1, 1), (32, 32)) == 31 * 34 + 32
