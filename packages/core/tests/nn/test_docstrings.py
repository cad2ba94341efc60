"""Every public layer, initialiser and helper says what it computes, for which shapes, and shows one call."""

import inspect

import pytest

import facula
from facula import nn

NOT_LAYERS = {
    "Module", "Parameter", "Buffer", "UninitializedParameter", "UninitializedBuffer", "ModuleList", "ModuleDict", "ParameterList",
    "ParameterDict", "LinearCrossEntropyOptions",
}  # fmt: skip
CLASSES = sorted(n for n in nn.__all__ if isinstance(getattr(nn, n), type))
ROOMS = ("nn.init", "nn.utils", "nn.utils.rnn", "nn.utils.prune", "nn.utils.parametrize", "nn.utils.parametrizations")
OLDER = set(
    "uniform normal constant eye dirac xavier_uniform xavier_normal kaiming_uniform kaiming_normal orthogonal sparse".split()
)


def functions():
    for room in ROOMS:
        module = facula
        for part in room.split("."):
            module = getattr(module, part)
        names = getattr(module, "__all__", None) or [n for n in dir(module) if not n.startswith("_")]
        for name in names:
            thing = getattr(module, name)
            if callable(thing) and getattr(thing, "__module__", "").startswith("facula.nn") and name not in OLDER:
                yield f"{room}.{name}", thing


FUNCTIONS = dict(functions())


def own_docstring(thing):
    return (
        inspect.cleandoc(vars(thing).get("__doc__") or "") if isinstance(thing, type) else inspect.getdoc(thing) or ""
    )


@pytest.mark.parametrize("name", CLASSES)
def test_a_layer_states_its_shapes_and_shows_a_call(name):
    text = own_docstring(getattr(nn, name))
    assert text.partition("\n\n")[0].rstrip().endswith((".", ":")), "begins with a sentence or a formula"
    assert ">>> " in text, "has a doctest"
    assert name in NOT_LAYERS or "Shape: " in text, "has a Shape: line"


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_helper_shows_a_call(name):
    assert ">>> " in own_docstring(FUNCTIONS[name])
