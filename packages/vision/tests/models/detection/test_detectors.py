"""Every detector holds torchvision's names and shapes; `record_detectors.py` wrote what is compared."""

import json
import runpy
from pathlib import Path

import pytest

import facula
from facula import nn
from facula_vision.models import detection, get_model, get_model_builder, list_models, presets

HERE = Path(__file__)
FACTS = json.loads(HERE.with_name("facts.json").read_text())["models"]
facts = runpy.run_path(str(HERE.with_name("record_detectors.py")))["facts"]


def test_all_are_registered():
    both = set(facula.models.names(tag="image")) & set(facula.models.names(tag="detection"))
    assert set(FACTS) == set(list_models(module=detection)) == both


@pytest.mark.parametrize("name", FACTS)
def test_names_shapes_and_counts(name, monkeypatch):
    with facula.device("meta"):
        assert facts(get_model(name, weights_backbone=None)) == FACTS[name]["random"]
    assert f"{FACTS[name]['random']['parameters']:,}" in get_model_builder(name).__doc__
    monkeypatch.setattr(presets, "read_state_dict", lambda *_: {})
    monkeypatch.setattr(nn.Module, "load_state_dict", lambda *_: None)
    with facula.device("meta"):
        assert facts(get_model(name, weights="DEFAULT")) == FACTS[name]["published"]
