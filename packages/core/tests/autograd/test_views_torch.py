"""View and in-place programs, run here and on PyTorch: values, gradients and who fails must agree."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

import facula

torch = pytest.importorskip("torch")


def _programs(name):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.PROGRAMS


PROGRAMS = _programs("view_programs") + _programs("write_programs")

A, B = np.arange(12.0).reshape(3, 4) / 7 - 0.5, np.linspace(-1, 1, 12).reshape(3, 4)


def leaves(t):
    return [t.tensor(v.tolist(), dtype=t.float64, requires_grad=True) for v in (A, B)]


def outcome(t, program):
    a, b = leaves(t)
    try:
        out = program(t, a, b)
        out.backward()
    except RuntimeError as error:
        return error
    return [out.item(), *[None if x.grad is None else x.grad.numpy() for x in (a, b)]]


# PyTorch refuses these (writes into memory that the write also reads); here the functional meaning is clear, so they run,
# and finite differences say that their gradients are right.
WIDER = {"add_own_view", "add_own_transpose"}
COMMON = [p for p in PROGRAMS if p.__name__ not in WIDER]


@pytest.mark.parametrize("program", [p for p in PROGRAMS if p.__name__ in WIDER], ids=lambda f: f.__name__)
def test_what_only_we_allow(program):
    assert isinstance(outcome(torch, program), RuntimeError)
    assert facula.autograd.gradcheck(lambda a, b: program(facula, a, b), leaves(facula))
    assert facula.autograd.gradgradcheck(lambda a, b: program(facula, a, b), leaves(facula))


def test_there_are_many():
    assert len(PROGRAMS) > 100


@pytest.mark.parametrize("program", COMMON, ids=lambda f: f.__name__)
def test_agrees_with_torch(program):
    ours, theirs = outcome(facula, program), outcome(torch, program)
    if isinstance(ours, RuntimeError) or isinstance(theirs, RuntimeError):
        assert isinstance(ours, RuntimeError), f"PyTorch fails: {theirs}"
        assert isinstance(theirs, RuntimeError), f"only we fail: {ours}"
        return
    for mine, other in zip(ours, theirs, strict=True):
        zero = np.zeros((3, 4)) if np.ndim(mine) or np.ndim(other) else 0.0
        mine, other = (zero if x is None else x for x in (mine, other))
        np.testing.assert_allclose(mine, other, rtol=1e-10, atol=1e-12)


def second(t, program):
    """The gradient of a nonlinear function of the first gradients."""
    a, b = leaves(t)
    try:
        first = t.autograd.grad(program(t, a, b), [a, b], create_graph=True, allow_unused=True)
        loss = sum((g * g * (i + 1)).sum() for i, g in enumerate(first) if g is not None)
        if not (t.is_tensor(loss) and loss.requires_grad):
            return None
        return t.autograd.grad(loss, [a, b], allow_unused=True)
    except RuntimeError as error:
        return error


@pytest.mark.parametrize("program", COMMON, ids=lambda f: f.__name__)
def test_second_derivatives_agree(program):
    ours, theirs = second(facula, program), second(torch, program)
    if isinstance(ours, RuntimeError) or isinstance(theirs, RuntimeError):
        assert isinstance(ours, RuntimeError), f"PyTorch fails: {theirs}"
        assert isinstance(theirs, RuntimeError), f"only we fail: {ours}"
        return
    zero = np.zeros((3, 4))
    for mine, other in zip(ours or (None, None), theirs or (None, None), strict=True):
        mine, other = (zero if x is None else x.numpy() for x in (mine, other))
        np.testing.assert_allclose(mine, other, rtol=1e-9, atol=1e-11)
