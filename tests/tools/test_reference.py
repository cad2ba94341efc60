import importlib
import inspect
import re
import sys
import types
from pathlib import Path

import pytest

import facula
from facula.plugins import TABLES, Registrar, hookspecs

sys.path.insert(0, str(Path(__file__).parents[2]))

from tools.reference import modules, operators, text
from tools.reference.__main__ import write
from tools.reference.examples import run

FAMILIES = operators.families()
UNLISTED = {
    "data": "PyTorch's name for it is utils.data",
    "devices": "what programs need of it is in facula itself",
    "graph": "the traced program, for the tools built on it",
    "ops": "its functions have pages of their own",
    "version": "a number",
}


def has_a_sentence(docstring):
    said = text.summary(docstring or "")
    return said.endswith((".", ".)")) and len(said.split()) > 1


def public(module):
    """(name, docstring) of all that a page describes itself, and of the methods of its classes."""
    for name in modules.public_names(module):
        thing = getattr(module, name)
        if operators.entry_of(f"{module.__name__}.{name}", thing) or thing is facula.Tensor or inspect.ismodule(thing):
            continue
        if callable(thing):
            yield name, inspect.getdoc(thing)
        if inspect.isclass(thing):
            yield from ((f"{name}.{member}", member_doc(thing, member)) for member in modules.members(thing))


def member_doc(thing, name):
    """The docstring of a member, or of what it overrides."""
    docs = (modules.own_doc(inspect.getattr_static(base, name, None)) for base in thing.__mro__ if name in vars(base))
    return next((doc for doc in docs if doc), "")


@pytest.fixture(scope="module")
def hooks():
    return modules.hooks_page()


@pytest.mark.parametrize("hook", [name for name in vars(hookspecs) if name.startswith("facula_register_")])
def test_every_hook_is_there_with_its_arguments(hooks, hook):
    assert f"{hook}{text.signature(getattr(hookspecs, hook))}" in hooks


@pytest.mark.parametrize("kinds", TABLES)
def test_every_registered_name_is_there_with_its_arguments(hooks, kinds):
    table = TABLES[kinds]
    for name in table.names():
        assert f"- `{name}{text.signature(table.get(name))}` from `{table.entry(name).owner}`" in hooks


@pytest.mark.parametrize("module", modules.MODULES)
def test_every_module_has_a_page_with_every_public_name(module):
    page = modules.module_page(module)
    assert page.startswith(f"# {module}\n")
    loaded = importlib.import_module(module)
    missing = [
        name
        for name in modules.public_names(loaded)
        if not inspect.ismodule(getattr(loaded, name)) and f"`{name}`" not in page
    ]
    assert missing == []


@pytest.mark.parametrize("module", modules.MODULES)
def test_every_public_name_has_a_sentence(module):
    assert [name for name, doc in public(importlib.import_module(module)) if not has_a_sentence(doc)] == []


def test_every_room_of_facula_has_a_page_or_a_reason():
    below = {name.split(".")[1] for name in modules.CORE if "." in name}
    assert {name for name in facula._MODULES if name not in below} == UNLISTED.keys()


@pytest.mark.parametrize("family", FAMILIES)
def test_every_operator_is_described_with_its_shapes_and_its_example_runs(family):
    page = operators.page(family, FAMILIES[family])
    for entry in FAMILIES[family]:
        assert f"{{ #{entry.name} }}" in page
        assert has_a_sentence(entry.doc) or re.fullmatch(r"\S+\.", entry.summary), (
            f"{entry.name}: no sentence or formula"
        )
        assert entry.shape, f"{entry.name}: its docstring needs a `Shape:` line, or its rule a text"


def test_the_index_lists_every_operator_once_in_its_group():
    lines = operators.index().splitlines()
    links = [line.partition("](")[2].partition(")")[0] for line in lines if line.startswith("- [")]
    assert sorted(links) == sorted(entry.page for entry in operators.entries().values())
    assert "## Others" not in lines, "give the new family a group in tools/reference/operators.py"


def test_every_public_spelling_of_an_operator_leads_to_its_page():
    known = operators.by_spelling()
    for room in operators.ROOMS:
        module = importlib.import_module(room)
        names = [
            name for name in dir(module) if not name.startswith("_") and hasattr(facula.ops.PUBLIC.get(name), "rule")
        ]
        assert [name for name in names if f"{room}.{name}" not in known] == []
    assert known["facula.Tensor.exp_"] is known["facula.exp"]
    assert known["facula.absolute"] is known["facula.abs"]
    assert known["facula.nn.functional.relu"] is not known["facula.relu"]


def test_a_record_without_an_example_shows_its_sample():
    block, _ = operators.example_of(operators.entries()["add"])
    assert ">>> facula.add(input, other).shape\nfacula.Size([3, 4])" in block


def test_an_operator_page_says_what_is_known():
    page = "\n".join(operators.describe(operators.entries()["exp"]))
    assert "facula.exp(input, *, out=None)" in page
    assert "integers to the default floating type; int64 -\\> float32, bool -\\> float32" in page
    assert "`Tensor.exp_`" in page
    assert "**ONNX:** `Exp`" in page
    assert "**Gradient:** none" in "\n".join(operators.describe(operators.entries()["isfinite"]))
    assert "**Shape:** as [`scatter_add`](../ops/gather.md#scatter_add)" in "\n".join(
        operators.describe(operators.entries()["scatter_reduce"])
    )
    assert "**Types:** complex64 -\\> complex64, not int64, not bool" in "\n".join(
        operators.describe(operators.entries()["linalg_inv"])
    )
    assert "through `elu_op`" in "\n".join(operators.describe(operators.entries()["celu"]))


def test_an_example_that_fails_stops_the_build():
    with pytest.raises(AssertionError, match=r"sum: its example fails"):
        run("sum", [">>> 1 + 1\n3"], sum)


def test_every_property_and_method_of_tensor_has_a_sentence():
    own = [name for name in dir(facula.Tensor) if not name.startswith("_")]
    documented = {spelling.rpartition(".")[2] for spelling in operators.by_spelling()}
    values = {name: inspect.getattr_static(facula.Tensor, name) for name in own if name not in documented}
    internal = {"node", "path", "root", "seen", "version"}
    things = {name: v for name, v in values.items() if inspect.isdatadescriptor(v) or inspect.isfunction(v)}
    assert [n for n, v in things.items() if n not in internal and not has_a_sentence(modules.own_doc(v))] == []
    page = modules.tensor_page()
    assert [name for name in own if name not in internal and f"`{name}`" not in page] == []


def test_docstrings_become_markdown():
    page = text.markdown("""y = x * w_1 for `x * y` in [a, b].   Shape: (*) -> (*).

    Indented:
        code

    >>> 1 + 1
    2
    """)
    assert r"y = x \* w\_1 for `x * y` in \[a, b\]." in page
    assert "**Shape:** (\\*) -\\> (\\*)." in page
    assert "```pycon\n>>> 1 + 1\n2\n```" in page


@pytest.mark.parametrize(
    ("docstring", "shape"),
    [
        ("One.   Shape: (n) -> ().", "(n) -> ()."),
        ("One.\n\n    Shape: (n)\n    -> ().\n\n    More.", "(n) -> ()."),
        ("One.\n\n    Shape: (n) -> ().   Raises: never.", "(n) -> ()."),
        ("One.\n\n    Shape: (n) -> ().\n    Errors: none.", "(n) -> ()."),
        ("One, without any.", ""),
    ],
)
def test_a_shape_ends_with_its_paragraph_or_before_a_label(docstring, shape):
    assert text.sections(docstring).shape == shape


def test_addresses_in_defaults_are_left_out_and_annotations_unquoted():
    marker = object()

    def function(x: "int" = marker) -> "str":
        return x

    assert text.signature(function) == "(x: int = object) -> str"


def test_without_a_list_only_a_modules_own_names_are_public():
    module = types.ModuleType("page")
    own, code = Registrar("kind", "owner"), "ANSWER = 42\nfrom typing import Any\nimport json\n_hidden = 1\n"
    exec(code, vars(module))
    module.own = own
    assert modules.public_names(module) == ["ANSWER", "own"]


def test_pages_replace_what_was_there(tmp_path):
    folder = tmp_path / "pages"
    write(folder, [("old", "text")])
    assert write(folder, [("new", "text"), ("ops/newer", "text")]) == 2
    assert sorted(path.name for path in folder.rglob("*.md")) == ["new.md", "newer.md"]
