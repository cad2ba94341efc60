"""Every model that torchaudio has too holds the same names and shapes and gives the same numbers.

`record_facts.py` wrote what is compared.
"""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

import facula
from facula_audio import models

HERE = Path(__file__).parent
FACTS = json.loads((HERE / "facts.json").read_text())["models"]
TINY = json.loads((HERE / "tiny.json").read_text())


@pytest.fixture(scope="module")
def record():
    spec = importlib.util.spec_from_file_location("record_facts", HERE / "record_facts.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def certain(monkeypatch):
    """No dropout, and the likeliest choice where one is drawn."""
    monkeypatch.setattr(facula.nn.functional, "dropout", lambda input, *args, **kwargs: input)
    monkeypatch.setattr(facula, "multinomial", lambda chances, count: chances.argmax(-1, keepdim=True))


@pytest.mark.parametrize("name", FACTS)
def test_names_shapes_and_parameters(name, record):
    builder = getattr(models, name)
    with facula.device("meta"):
        model = builder(**FACTS[name]["config"])
    state = model.state_dict()
    assert {
        "config": FACTS[name]["config"],
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "entries": len(state),
        "digest": record.digest(state),
    } == FACTS[name]
    if name.islower():
        assert f"{FACTS[name]['parameters']:,}" in builder.__doc__


@pytest.mark.filterwarnings("ignore:Reached max decoder steps")
@pytest.mark.parametrize("name", TINY)
def test_outputs(name, record, certain):
    case = TINY[name]
    model = getattr(models, case["builder"])(**case["config"]).eval()
    weights = record.weights(model.state_dict())
    model.load_state_dict({key: facula.tensor(value) for key, value in weights.items()})
    inputs = record.arrays(case["inputs"], name)
    with facula.no_grad():
        output = getattr(model, case["method"])(
            *(facula.tensor(value) if isinstance(value, np.ndarray) else value for value in inputs)
        )
    with np.load(HERE / "tiny.npz") as expected:
        for index, tensor in enumerate(record.flat(output)):
            want = expected[f"{name}.{index}"]
            assert (tuple(tensor.shape), str(tensor.dtype)) == (want.shape, f"facula.{want.dtype}")
            np.testing.assert_allclose(tensor.numpy(), want, rtol=1e-4, atol=2e-5)
        assert f"{name}.{index + 1}" not in expected
