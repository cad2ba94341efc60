"""The examples of texts, at tiny settings."""

import importlib
import math
import pathlib

import pytest

import facula

FOLDER = pathlib.Path(__file__).parents[3] / "examples" / "text"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the examples come with the repository")


@pytest.fixture
def example(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(FOLDER))
    threads = facula.get_num_threads()
    facula.set_num_threads(1)  # products this small only wait for each other
    yield lambda name: importlib.import_module(name)
    facula.set_num_threads(threads)


def test_char_gpt(example, capsys):
    options = "--steps 100 --batch-size 16 --block-size 32 --layers 1 --width 32 --sample 20 --learning-rate 0.01"
    loss = example("char_gpt").main(options.split())
    printed = capsys.readouterr().out
    assert loss < 3.2 < math.log(61)  # chance is the logarithm of the number of characters
    assert f"validation loss {loss:.3f}\nShall I " in printed
    assert len(printed[printed.index("Shall I ") :]) == len("Shall I ") + 20 + 1
