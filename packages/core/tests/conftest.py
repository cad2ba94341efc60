"""Hands each program of `mistakes/` to the tests that ask for a `mistake`."""

import importlib.util
import inspect
from pathlib import Path

import pytest


def _mistakes(name):
    for path in sorted(Path(__file__).with_name("mistakes").glob(f"{name}.py")):
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        for name, program in vars(module).items():
            if inspect.isfunction(program):
                yield pytest.param(program, id=f"{path.stem}-{name}")


def pytest_generate_tests(metafunc):
    if "mistake" in metafunc.fixturenames:
        metafunc.parametrize("mistake", list(_mistakes("*")))
    if "shape_mistake" in metafunc.fixturenames:
        metafunc.parametrize("shape_mistake", list(_mistakes("shapes")))
