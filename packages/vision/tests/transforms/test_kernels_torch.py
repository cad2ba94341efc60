"""Every functional beside torchvision's, on inputs of several sizes."""

import importlib.util
import warnings
from pathlib import Path

import numpy as np
import pytest

import facula
from facula_vision import tv_tensors
from facula_vision.transforms.v2 import functional as F

torch = pytest.importorskip("torch")
torchvision = pytest.importorskip("torchvision")
spec = importlib.util.spec_from_file_location("cases", Path(__file__).with_name("cases.py"))
cases = importlib.util.module_from_spec(spec)
spec.loader.exec_module(cases)


@pytest.mark.parametrize(("size", "seed"), [((12, 15), 1), ((31, 22), 2), ((64, 64), 3)])
@pytest.mark.parametrize("function", sorted({function for function, _, _ in cases.CASES}))
def test_functional(function, size, seed):
    from torchvision.transforms.v2 import functional

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what torchvision says of its own names
        expected = dict(cases.outputs(torch, torchvision.tv_tensors, functional, size, seed))
        for name, call in cases.outputs(facula, tv_tensors, F, size, seed):
            if f"-{function}-" in name:
                cases.compare(name, expected[name](), call())


def test_names():
    from torchvision.transforms.v2 import functional

    assert {name for name in dir(functional) if not name.startswith("_")} <= set(F.__all__)
    assert all(np.array(F.__all__))
