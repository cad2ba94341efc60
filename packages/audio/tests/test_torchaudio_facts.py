"""Every function and transform gives what torchaudio 2.9 gave on the same real clip, gradients included."""

import json
import runpy
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

import facula
import facula_audio
from facula_audio.compliance import kaldi

calls = runpy.run_path(str(Path(__file__).parent / "oracle" / "calls.py"))
CALLS = dict(calls["every"]())


@pytest.fixture(scope="module")
def facts():
    with safe_open(str(calls["FACTS"]), "numpy") as file:
        return file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


@pytest.mark.filterwarnings("ignore:melscale_fbanks")
@pytest.mark.parametrize("name", CALLS)
def test_fact(name, facts):
    described, numbers = facts
    found = CALLS[name](facula, facula_audio)
    expected = [key for key in described if key.rpartition(".")[0] == name]
    assert len(found) == len(expected)
    for i, array in enumerate(found):
        dtype, shape, largest = described[f"{name}.{i}"].split(" ", 1)[0], *_shape_and_scale(described[f"{name}.{i}"])
        assert (str(array.dtype), list(array.shape)) == (dtype, shape)
        np.testing.assert_allclose(calls["summary"](array), numbers[f"{name}.{i}"], rtol=1e-4, atol=1e-4 * largest)


def _shape_and_scale(description):
    shape, _, largest = description.partition(" ")[2].rpartition(" ")
    return json.loads(shape), float(largest)


@pytest.mark.parametrize(
    ("room", "module"),
    [("functional", facula_audio.functional), ("transform", facula_audio.transforms), ("kaldi", kaldi)],
)
def test_every_name_has_a_case(room, module):
    """What is left out draws random numbers or gives no tensor; their own tests hold them."""
    text = (calls["HERE"] / f"{room}_cases.py").read_text()
    others = {
        "mask_along_axis",
        "mask_along_axis_iid",
        "SpecAugment",
        "TokenSpan",
        "edit_distance",
        "merge_tokens",
        "sinc_kernel",
    }
    assert [name for name in module.__all__ if name not in others and name not in text] == []
