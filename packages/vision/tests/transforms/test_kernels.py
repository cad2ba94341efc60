"""Every functional against what torchvision makes of the same inputs; `record_kernels.py` wrote what is compared."""

import importlib.util
import json
import math
from pathlib import Path

import numpy as np
import pytest

import facula
from facula_vision import tv_tensors
from facula_vision.transforms.v2 import functional as F

spec = importlib.util.spec_from_file_location("cases", Path(__file__).with_name("cases.py"))
cases = importlib.util.module_from_spec(spec)
spec.loader.exec_module(cases)


def recorded():
    """The arrays of `kernels.npz` by name of the call: their bytes stand one after the other, `index` says what they are."""
    found = {}
    with np.load(Path(__file__).with_name("kernels.npz")) as file:
        index, data, start = json.loads(file["index"].tobytes()), file["data"], 0
    for name, dtype, shape in index:
        stop = start + np.dtype(dtype).itemsize * math.prod(shape)
        found.setdefault(name, []).append(data[start:stop].view(dtype).reshape(shape))
        start = stop
    return found


EXPECTED = recorded()
FOUND = dict(cases.outputs(facula, tv_tensors, F, cases.SMALL))


@pytest.mark.parametrize("function", sorted({name.split("-")[1] for name in EXPECTED}))
def test_functional(function):
    names = [name for name in EXPECTED if name.split("-")[1] == function]
    assert names
    for name in names:
        cases.compare(name, EXPECTED[name], FOUND[name]())
