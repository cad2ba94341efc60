"""Operators and their gradients against torchvision's numbers; `record_ops.py` wrote what is compared."""

import runpy
from pathlib import Path

import numpy as np
import pytest

import facula
from facula.ops.kernels import compiled
from facula_vision import ops

RECORDED = runpy.run_path(str(Path(__file__).with_name("record_ops.py")))
CASES = {name: case for name, *case in RECORDED["cases"]()}
run = RECORDED["run"]


@pytest.fixture(scope="module")
def numbers():
    with np.load(RECORDED["PLACE"]) as file:
        return dict(file)


@pytest.fixture(params=["plain", "kernels"])
def form(request, monkeypatch):
    """Plain NumPy, and compiled loops on all sizes, shared by threads."""
    if request.param == "plain":
        with facula.use_kernels(False):
            yield
        return
    if not compiled.available():
        pytest.skip("needs numba, and FACULA_KERNELS not 0")
    monkeypatch.setattr(compiled, "LEAST", 0)
    monkeypatch.setattr(compiled, "_WORTH", 1)
    yield


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", CASES)
def test_it_gives_the_recorded_numbers(name, dtype, form, numbers):
    found = run(facula, ops, *CASES[name], dtype)
    assert len(found) == sum(key.startswith(f"{name}/") for key in numbers)
    tolerance = 1e-6 if dtype is np.float64 else 2e-5
    for k, array in enumerate(found):
        expected = numbers[f"{name}/{k}"]
        scale = max(1.0, float(np.abs(expected).max(initial=0.0)))
        np.testing.assert_allclose(
            array, expected, rtol=tolerance, atol=tolerance * scale, err_msg=f"{name}, result {k}"
        )
