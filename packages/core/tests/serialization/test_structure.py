"""Nested values: types come back exactly, and what cannot be saved is named."""

import math
import os
import tempfile
from collections import OrderedDict

import numpy as np
import pytest

import facula


def there_and_back(value):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "value.safetensors")
        facula.save(value, path)
        return facula.load(path)


VALUES = [
    None, True, 0, -(2**70), 1.5, 1e-300, "text", "ü\n\"'", b"\x00\xff", 1 + 2j, (), [], {}, (1, (2.0, [None])),
    {"a": 1, 2: "b", (1, "x"): [True], None: 0.5, 2.5: {}}, {1, 2}, frozenset({3}), OrderedDict(b=1, a=2),
    facula.float16, facula.device("cpu"), facula.Size([2, 3]), math.inf, -math.inf,
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_plain_values_come_back_equal_and_of_the_same_type(value):
    back = there_and_back(value)
    assert back == value
    assert type(back) is type(value)


def test_nan_and_numpy():
    back = there_and_back([math.nan, np.float32(1.5), np.arange(3, dtype=np.int16), np.array(2.0)])
    assert math.isnan(back[0])
    assert type(back[1]) is np.float32
    assert back[1] == 1.5
    assert back[2].dtype == np.int16
    assert back[2].tolist() == [0, 1, 2]
    assert back[3].shape == ()


def test_tensors_in_nested_places_and_shared_ones():
    w = facula.arange(3.0)
    back = there_and_back({"a": [w, {"b": w}], "c": facula.tensor([1 + 2j], dtype=facula.complex128)})
    assert back["a"][0].tolist() == [0.0, 1.0, 2.0]
    assert back["a"][0] is back["a"][1]["b"]
    assert back["c"].dtype is facula.complex128
    assert back["c"].tolist() == [1 + 2j]


def test_names_that_meet_are_kept_apart():
    back = there_and_back({"a.b": [facula.zeros(1)], "a": {"b": [facula.ones(1)]}, "": facula.ones(2)})
    assert back["a.b"][0].tolist() == [0.0]
    assert back["a"]["b"][0].tolist() == [1.0]
    assert back[""].tolist() == [1.0, 1.0]


def test_a_training_checkpoint(tmp_path):
    model = facula.nn.Linear(3, 2)
    optimizer = facula.optim.Adam(model.parameters(), lr=0.1)
    model(facula.ones(1, 3)).sum().backward()
    optimizer.step()
    path = tmp_path / "checkpoint.safetensors"
    state = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "epoch": 3,
        "rng": facula.get_rng_state(),
    }
    facula.save(state, path)
    back = facula.load(path)
    assert back["epoch"] == 3
    assert back["optimizer"]["param_groups"] == optimizer.state_dict()["param_groups"]
    other = facula.nn.Linear(3, 2)
    other.load_state_dict(back["model"])
    again = facula.optim.Adam(other.parameters())
    again.load_state_dict(back["optimizer"])
    for net, steps in ((model, optimizer), (other, again)):
        net.zero_grad()
        net(facula.ones(1, 3)).sum().backward()
        steps.step()
    assert facula.equal(model.weight, other.weight)


def test_what_cannot_be_saved_is_named_with_its_place():
    with pytest.raises(TypeError, match=r"got object at 'a\.1'"):
        there_and_back({"a": [1, object()]})
    with pytest.raises(TypeError, match="got function at the top"):
        there_and_back(there_and_back)
    with pytest.raises(TypeError, match="expected a NumPy array of numbers, got <U1"):
        there_and_back([np.array(["a"])])
    loop = []
    loop.append(loop)
    with pytest.raises(ValueError, match="contains itself"):
        there_and_back(loop)


def test_a_description_that_makes_no_sense_is_refused(tmp_path):
    from facula.serialization import save_file

    path = tmp_path / "x.safetensors"
    for text in (
        "{",
        '{"version":2,"value":1}',
        '{"version":1,"value":{"code":"x"}}',
        '{"version":1,"value":{"tensor":"no"}}',
    ):
        save_file({}, path, {"facula": text})
        with pytest.raises(RuntimeError, match=r"x\.safetensors: expected"):
            facula.load(path)
