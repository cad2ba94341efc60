import importlib.util
import inspect
import types
from pathlib import Path

import pytest

from facula.plugins import TABLES, Registrar, hookspecs

PATH = Path(__file__).parents[2] / "tools" / "reference.py"
spec = importlib.util.spec_from_file_location("reference", PATH)
reference = importlib.util.module_from_spec(spec)
spec.loader.exec_module(reference)


@pytest.fixture(scope="module")
def hooks():
    return reference.hooks_page()


@pytest.mark.parametrize("hook", [name for name in vars(hookspecs) if name.startswith("facula_register_")])
def test_every_hook_is_there_with_its_arguments(hooks, hook):
    assert f"{hook}{inspect.signature(getattr(hookspecs, hook))}" in hooks


@pytest.mark.parametrize("kinds", TABLES)
def test_every_registered_name_is_there_with_its_arguments(hooks, kinds):
    table = TABLES[kinds]
    for name in table.names():
        assert f"- `{name}{reference.signature(table.get(name))}` from `{table.entry(name).owner}`" in hooks


@pytest.mark.parametrize("module", reference.MODULES)
def test_every_module_has_a_page_with_every_public_name(module):
    page = reference.module_page(module)
    assert page.startswith(f"# {module}\n")
    loaded = importlib.import_module(module)
    missing = [
        name
        for name in reference.public_names(loaded)
        if not inspect.ismodule(getattr(loaded, name)) and f"`{name}`" not in page
    ]
    assert missing == []


def test_docstrings_become_markdown():
    text = """y = x * w_1 for `x * y` in [a, b].

    Indented:
        code

    >>> 1 + 1
    2
    """
    page = reference.markdown(text)
    assert r"y = x \* w\_1 for `x * y` in \[a, b\]." in page
    assert "```pycon\n>>> 1 + 1\n2\n```" in page


def test_addresses_in_defaults_are_left_out():
    marker = object()

    def function(x=marker):
        return x

    assert reference.signature(function) == "(x=object)"


def test_without_a_list_only_a_modules_own_names_are_public():
    module = types.ModuleType("page")
    own, code = Registrar("kind", "owner"), "ANSWER = 42\nfrom typing import Any\nimport json\n_hidden = 1\n"
    exec(code, vars(module))
    module.own = own
    assert reference.public_names(module) == ["ANSWER", "own"]


def test_pages_replace_what_was_there(tmp_path):
    folder = tmp_path / "pages"
    reference.write(folder, [("old", "text")])
    reference.write(folder, [("new", "text")])
    assert [path.name for path in folder.iterdir()] == ["new.md"]
