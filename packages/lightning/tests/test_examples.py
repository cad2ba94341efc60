"""The examples of the Trainer, at tiny settings."""

import importlib
import os
import pathlib
import subprocess
import sys

import pytest

import facula

pytest.importorskip("facula_vision")
FOLDER = pathlib.Path(__file__).parents[3] / "examples" / "trainer"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the examples come with the repository")


@pytest.fixture
def example(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(FOLDER))
    return lambda name: importlib.import_module(name)


def test_autoencoder(example):
    assert example("autoencoder").main(["--epochs", "4", "--output", "out"]) < 0.08


def test_image_classifier(example):
    assert example("image_classifier").main(["--epochs", "5", "--output", "out"]) > 0.85


def test_gan(example):
    example("gan").main(["--epochs", "2", "--output", "out"])
    assert pathlib.Path("out/drawn.png").stat().st_size > 500


def test_text_model(example):
    assert example("text_model").main(["--epochs", "12", "--output", "out"]) < 10


def test_finetune(example):
    assert example("finetune").main(["--epochs", "2", "--output", "out"]) > 0.6


def test_resume_equals_the_unbroken_run(example, tmp_path):
    resume = example("resume")
    whole = resume.main(["--output", "whole"])
    command = [sys.executable, str(FOLDER / "resume.py"), "--output", str(tmp_path / "cut"), "--stop-after", "47"]
    assert subprocess.run(command, capture_output=True, env=dict(os.environ), timeout=120).returncode == 9
    assert resume.main(["--output", "cut"]) == whole


def test_fashion_mnist(example, capsys):
    from facula_vision.datasets import FashionMNIST

    if not pathlib.Path(FashionMNIST.system_folders[0]).is_dir():
        pytest.skip("needs Debian's dataset-fashion-mnist")
    pytest.importorskip("matplotlib")
    assert example("fashion_mnist").main(["--epochs", "1", "--limit", "500", "--output", "out"]) > 0.15
    made = {path.name for path in pathlib.Path("out").iterdir()}
    assert {"report.html", "predictions.html", "confusion.png", "predictions.png"} <= made
    assert "test accuracy" in capsys.readouterr().out


CALLBACKS = """callbacks:
  - class_path: facula_lightning.callbacks.EarlyStopping
    init_args: {monitor: val_loss, patience: 7}
"""


def test_command_line(example, tmp_path, capsys):
    pytest.importorskip("jsonargparse")
    cli = example("cli")
    short = ["--trainer.limit_train_batches", "2", "--trainer.default_root_dir", str(tmp_path)]
    with pytest.raises(SystemExit):
        cli.main(["fit", *short, "--model.width", "8", "--trainer.max_epochs", "1", "--print_config"])
    config = capsys.readouterr().out.replace("callbacks: null", CALLBACKS)
    assert "width: 8" in config
    (tmp_path / "run.yaml").write_text(config)
    first = cli.main(["fit", "--config", str(tmp_path / "run.yaml"), "--seed_everything", "3"])
    assert first.trainer.early_stopping_callback.patience == 7
    assert first.model.net[1].weight.shape == (8, 64)
    saved = pathlib.Path(first.trainer.log_dir) / "config.yaml"
    again = cli.main(["fit", "--config", str(saved)])
    assert all(facula.equal(a, b) for a, b in zip(first.model.parameters(), again.model.parameters(), strict=True))
    assert again.trainer.log_dir != first.trainer.log_dir
    with pytest.raises(SystemExit):
        cli.main(["fit", "--model.width", "many"])
    assert "width" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="expected one of fit, validate, test, predict as first argument"):
        cli.main([])
