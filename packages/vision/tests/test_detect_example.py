"""The example that trains a detector, at a tiny setting."""

import importlib.util
from pathlib import Path

import pytest

import facula

EXAMPLE = Path(__file__).parents[3] / "examples" / "vision" / "detect.py"
pytest.importorskip("facula_lightning")
pytestmark = pytest.mark.skipif(not EXAMPLE.is_file(), reason="the examples come with the repository")


@pytest.fixture
def detect():
    spec = importlib.util.spec_from_file_location("detect", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_short_run_finds_something_and_writes_it_down(detect, tmp_path, capsys):
    small = ["--pictures", "64", "--epochs", "3", "--batch-size", "8", "--width", "8", "--tested", "8"]
    score = detect.main([*small, "--output", str(tmp_path / "out")])
    assert 0.0 <= score <= 1.0
    assert {file.name for file in (tmp_path / "out").iterdir()} == {"detector.safetensors", "found.png"}
    losses = [
        float(line.split()[3].rstrip(",")) for line in capsys.readouterr().out.splitlines() if line.startswith("epoch")
    ]
    assert losses[-1] < 0.8 * losses[0]
    model = detect.detector(8)
    model.load_state_dict(facula.load(tmp_path / "out" / "detector.safetensors"))


def test_pictures_are_the_same_each_time_and_boxes_hold_their_shapes(detect):
    first, second = detect.Shapes(4, seed=3), detect.Shapes(4, seed=3)
    for k in range(4):
        (picture, target), (again, _) = first[k], second[k]
        assert facula.equal(picture, again)
        assert picture.shape == (3, detect.SIDE, detect.SIDE)
        assert bool((target["boxes"][:, 2:] > target["boxes"][:, :2]).all())
        assert bool(((target["boxes"] >= 0) & (target["boxes"] <= detect.SIDE)).all())
        for box in target["boxes"].long().tolist():
            inside = picture[:, box[1] : box[3], box[0] : box[2]].flatten(1)
            assert float(inside.std(dim=1).max()) > 0.0
