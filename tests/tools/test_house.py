import importlib.util
from pathlib import Path

import pytest

PATH = Path(__file__).parents[2] / "tools" / "house.py"
spec = importlib.util.spec_from_file_location("house", PATH)
house = importlib.util.module_from_spec(spec)
spec.loader.exec_module(house)


def rules(text, shipped=True):
    return [rule for _, rule in house.check(text, shipped)]


def test_clean_code_breaks_nothing():
    assert rules('"""A page."""\n\n\ndef f():  # why\n    """One."""\n    return 1\n') == []


def test_long_files_are_named_with_their_length():
    assert rules("x = 1\n" * 600) == []
    assert rules("x = 1\n" * 601) == ["file has 601 lines, at most 600"]


def test_long_functions_are_named_with_their_size():
    body = '    """Docstrings do not count."""\n' + "    x = 1\n" * 60
    assert rules("def f():\n" + body) == []
    assert rules("def f():\n" + body + "    y = 1\n") == ["function f has 61 statements, at most 60"]


def test_statements_in_nested_blocks_count():
    text = "def f():\n    if x:\n" + "        y = 1\n" * 60
    assert rules(text) == ["function f has 61 statements, at most 60"]


@pytest.mark.parametrize("line", ["# -----", "    # ====== part two ======", "#####", "# ~~~~"])
def test_banners(line):
    assert rules(f"x = 1\n{line}\n") == ["banner comment; a blank line and a docstring separate better"]


@pytest.mark.parametrize("mark", ["TODO", "FIXME", "XXX"])
def test_leftover_marks(mark):
    assert rules(f"x = 1  # {mark}: later\n") == ["leftover mark; do it or file it"]


@pytest.mark.parametrize(
    "line", ["import pickle", "from pickle import loads", "import marshal as m", "import dill.source"]
)
def test_formats_that_run_code(line):
    assert rules(line + "\n")[0].endswith("files of that kind can run code")
    assert rules(line + "\n", shipped=False) == []


def test_relative_imports_are_our_own():
    assert rules("from . import pickle\n") == []


def test_main_names_file_line_and_rule(tmp_path, capsys, monkeypatch):
    place = tmp_path / "packages" / "core" / "src"
    place.mkdir(parents=True)
    page = place / "page.py"
    page.write_text("x = 1\nimport pickle\n")
    monkeypatch.setattr(house, "tracked", lambda root: [page])
    assert house.main(tmp_path) == 1
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "packages/core/src/page.py:2: imports pickle; files of that kind can run code"
    assert out[1] == "house: 1 files, 1 broken rules"
    page.write_text("x = 1\n")
    assert house.main(tmp_path) == 0
