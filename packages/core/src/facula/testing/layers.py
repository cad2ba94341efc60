"""`check_layer` and `check_model`: what a module owes to those who train, save, copy and inspect it."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from facula import dtypes
from facula.autograd.state import no_grad
from facula.devices import base as devices
from facula.devices.generator import manual_seed
from facula.tensors.tensor import Tensor, wrap
from facula.tree import tree_leaves, tree_map


def _run(module: Any, inputs: tuple[Any, ...]) -> list[Tensor]:
    """The tensors that a module gives, from the same random numbers each time."""
    manual_seed(0)
    return [t for t in tree_leaves(module(*inputs)) if isinstance(t, Tensor)]


def _equal(found: list[Tensor], expected: list[Tensor], what: str) -> None:
    assert len(found) == len(expected), f"{what}: expected {len(expected)} results, got {len(found)}"
    for f, e in zip(found, expected, strict=True):
        assert f.shape == e.shape, f"{what}: expected shape {tuple(e.shape)}, got {tuple(f.shape)}"
        same = np.array_equal(
            f.detach().cpu().array, e.detach().cpu().array, equal_nan=f.dtype.category >= dtypes.FLOATING
        )
        assert same, f"{what}: the results differ"


def _made(make: Callable[[], Any], seed: int = 0) -> Any:
    manual_seed(seed)
    return make()


def _check_names(module: Any, name: str) -> None:
    assert name in repr(module), f"{name}: its repr does not name it: {module!r}"
    named = dict(module.named_parameters())
    for key in named:
        assert key in module.state_dict(), f"{name}: parameter {key!r} is missing from state_dict()"
    for mode in (False, True):
        assert module.train(mode) is module, f"{name}: train() does not return the module"
        wrong = [key for key, child in module.named_modules() if child.training is not mode]
        assert not wrong, f"{name}: train({mode}) did not reach {wrong}"


def _check_state(make: Callable[[], Any], module: Any, inputs: tuple[Any, ...], name: str) -> None:
    """state_dict loads strictly into a new module, which then computes the same."""
    state = {key: value for key, value in module.state_dict().items() if isinstance(value, Tensor)}
    expected = _run(module.eval(), inputs)
    other = _made(make, 1).eval()
    floating = [t.dtype for t in state.values() if t.is_floating_point()]
    if floating:
        other = other.to(floating[0])
    problems = other.load_state_dict(module.state_dict(), strict=True)
    assert not problems.missing_keys, f"{name}: load_state_dict says missing keys {problems.missing_keys}"
    assert not problems.unexpected_keys, f"{name}: load_state_dict says unexpected keys {problems.unexpected_keys}"
    _equal(_run(other, inputs), expected, f"{name} after load_state_dict")


def _check_copy(module: Any, inputs: tuple[Any, ...], name: str) -> None:
    expected = _run(module.eval(), inputs)
    twin = copy.deepcopy(module)
    _equal(_run(twin, inputs), expected, f"{name} after deepcopy")
    pairs = zip(module.named_parameters(), twin.parameters(), strict=True)
    for (key, a), b in pairs:
        assert a is not b, f"{name}: deepcopy shares parameter {key!r}"
        assert not np.shares_memory(a.array, b.array), f"{name}: deepcopy shares the memory of parameter {key!r}"


def _as_double(inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    def convert(x: Any) -> Any:
        return x.detach().double() if isinstance(x, Tensor) and x.is_floating_point() else x

    return tuple(tree_map(convert, list(inputs)))


def _loss(module: Any, inputs: tuple[Any, ...]) -> Tensor:
    """A number that depends on all results, with fixed random weights."""
    rng = np.random.default_rng(5)
    total = wrap(np.zeros(()))
    for out in _run(module, inputs):
        if out.is_floating_point():
            total = total + (out * wrap(rng.standard_normal(tuple(out.shape)))).sum()
        elif out.is_complex():
            weights = rng.standard_normal(tuple(out.shape))
            total = total + (out.real * wrap(weights)).sum() + (out.imag * wrap(weights * 0.5)).sum()
    return total


def _check_gradients(module: Any, inputs: tuple[Any, ...], name: str) -> None:
    """Gradients of all parameters and floating inputs, in float64, against central differences along random directions."""
    module, inputs = copy.deepcopy(module).double(), _as_double(inputs)
    watched = {key: p for key, p in module.named_parameters() if p.requires_grad}
    for i, x in enumerate(t for t in tree_leaves(list(inputs)) if isinstance(t, Tensor) and t.is_floating_point()):
        watched[f"input {i}"] = x.requires_grad_()
    buffers = {key: b.detach().clone() for key, b in module.named_buffers()}
    loss = _loss(module, inputs)
    if loss.requires_grad:
        loss.backward()
    rng = np.random.default_rng(6)
    eps = 1e-6
    for key, t in watched.items():
        if not t.numel():
            continue
        u = rng.standard_normal(tuple(t.shape)) + (1j * rng.standard_normal(tuple(t.shape)) if t.is_complex() else 0)
        u = np.asarray(u / np.linalg.norm(np.reshape(u, -1)))
        original, values = t.array, []
        for sign in (1, -1):
            for k, b in module.named_buffers():
                b.array[...] = buffers[k].array
            t.array = np.asarray(original + sign * eps * u)
            with no_grad():
                values.append(_loss(module, inputs).item())
        t.array = original
        expected = (values[0] - values[1]) / (2 * eps)
        found = 0.0 if t.grad is None else float(np.real(np.vdot(t.grad.array, u)))
        close = abs(found - expected) <= 1e-5 + 1e-3 * abs(expected)
        assert close, f"{name}: the gradient of {key!r} along a direction is {found}, finite differences say {expected}"


def _check_meta(make: Callable[[], Any], module: Any, inputs: tuple[Any, ...], name: str) -> None:
    """Made inside `with device("meta")` it has the same parameters without data, and gives the same shapes."""
    with devices.device("meta"):
        ghost = make().eval()
    real = {key: tuple(p.shape) for key, p in module.named_parameters()}
    found = {key: tuple(p.shape) for key, p in ghost.named_parameters()}
    assert found == real, f"{name} on meta: expected parameters {real}, got {found}"
    here = [key for key, p in ghost.named_parameters() if not p.is_meta]
    assert not here, f"{name} on meta: parameters {here} are not there; make them with the device= of the constructor"
    ghost = ghost.to("meta")
    metas = tree_map(lambda x: x.detach().to("meta") if isinstance(x, Tensor) else x, list(inputs))
    try:
        shapes = [tuple(t.shape) for t in tree_leaves(ghost(*metas)) if isinstance(t, Tensor)]
    except NotImplementedError:
        return  # a shape that depends on the data
    expected = [tuple(t.shape) for t in _run(module.eval(), inputs)]
    assert shapes == expected, f"{name} on meta: expected results of shapes {expected}, got {shapes}"


def check_layer(make: Callable[[], Any], *inputs: Any) -> None:
    """Check a layer: repr, train and eval, state_dict, deepcopy, all gradients in float64, construction on meta.

    `make()` gives a new layer each time; `inputs` are what its forward takes.
    Errors: AssertionError that names the layer and what disagrees.

    >>> import facula
    >>> facula.testing.check_layer(lambda: facula.nn.Linear(3, 2), facula.ones(4, 3))
    """
    module = _made(make)
    name = type(module).__name__
    _check_names(module, name)
    _check_state(make, module, inputs, name)
    _check_copy(module, inputs, name)
    for mode in (True, False):
        _check_gradients(module.train(mode), inputs, name)
    _check_meta(make, module, inputs, name)


def _check_saved(make: Callable[[], Any], model: Any, inputs: tuple[Any, ...], name: str) -> None:
    """The weights go to a file and back, where serialization is there."""
    try:
        from facula.serialization import load, save
    except ImportError:
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        save(model.state_dict(), path)
        state = load(path)
    other = _made(make, 1).eval()
    other.load_state_dict(state, strict=True)
    _equal(_run(other, inputs), _run(model.eval(), inputs), f"{name} after save and load")


def check_model(make: Callable[[], Any], *inputs: Any) -> None:
    """Check a model: the same after the same seed, forward, backward to every parameter, strict state_dict, save and load.

    `make()` gives a new model each time; `inputs` are what its forward takes.
    Errors: AssertionError that names the model and what disagrees.

    >>> import facula
    >>> facula.testing.check_model(lambda: facula.nn.Sequential(facula.nn.Linear(3, 2), facula.nn.ReLU()), facula.ones(4, 3))
    """
    model, twin = _made(make), _made(make)
    name = type(model).__name__
    for (key, a), b in zip(model.named_parameters(), twin.parameters(), strict=True):
        assert np.array_equal(a.array, b.array), f"{name}: parameter {key!r} differs after the same manual_seed"
    _check_names(model, name)
    _equal(_run(model.eval(), inputs), _run(twin.eval(), inputs), f"{name} twice in eval mode")
    results = _run(model.train(), inputs)
    assert results, f"{name}: its forward gives no tensor"
    model.zero_grad()
    _loss(model, inputs).backward()
    without = [key for key, p in model.named_parameters() if p.requires_grad and p.grad is None]
    assert not without, f"{name}: backward reached no gradient for {without}"
    wild = [key for key, p in model.named_parameters() if p.grad is not None and not np.isfinite(p.grad.array).all()]
    assert not wild, f"{name}: the gradients of {wild} are not finite"
    _check_state(make, model, inputs, name)
    _check_saved(make, model, inputs, name)
