import inspect

import pytest

from facula.plugins import API_VERSION, TABLES, hookspecs
from facula.registry import Registrar

HOOKS = {name: hook for name, hook in vars(hookspecs).items() if name.startswith("facula_register_")}


def test_there_is_one_hook_for_each_table():
    assert {name.removeprefix("facula_register_") for name in HOOKS} == set(TABLES)


@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_is_typed_and_takes_a_registrar(name):
    signature = inspect.signature(HOOKS[name], eval_str=True)
    assert [(p.name, p.annotation) for p in signature.parameters.values()] == [("registry", Registrar)]
    assert signature.return_annotation is None


@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_has_a_docstring_whose_example_runs(name):
    example = HOOKS[name].__doc__.split("Example: `", 1)[1].split("`", 1)[0]
    registry = Registrar(name, "example")
    exec(example, {"registry": registry})
    assert len(registry.entries) == 1


def test_the_api_has_a_version_of_two_parts():
    assert [part.isdecimal() for part in API_VERSION.split(".")] == [True, True]
