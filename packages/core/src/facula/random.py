"""The state of random numbers: PyTorch's names (`manual_seed`, `get_rng_state`, `fork_rng`, ...) and, for checkpoints, all of it at once.

`state_dict()` is the ledger of every source of random numbers that a program draws from; `load_state_dict` goes on from it.
"""

from __future__ import annotations

import contextlib
import random as _python
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from facula.devices.generator import Generator as _Generator
from facula.devices.generator import all_generators as _all_generators
from facula.devices.generator import default_generator as _default_generator
from facula.devices.generator import get_rng_state, initial_seed, manual_seed, seed, set_rng_state
from facula.errors import value_error as _value_error
from facula.tensors.tensor import Tensor as _Tensor
from facula.tensors.tensor import wrap as _wrap

__all__ = [
    "default_generator", "fork_rng", "get_rng_state", "initial_seed", "load_state_dict", "manual_seed", "seed",
    "set_rng_state", "state_dict",
]  # fmt: skip

default_generator = _default_generator()


@contextlib.contextmanager
def fork_rng(devices: Iterable[Any] | None = None, enabled: bool = True, device_type: str = "cpu") -> Iterator[None]:
    """Draw what you like inside: outside, the stream goes on as if nothing had been drawn.

    >>> import facula
    >>> before = facula.get_rng_state()
    >>> with facula.random.fork_rng():
    ...     _ = facula.rand(3)
    >>> facula.equal(before, facula.get_rng_state())
    True
    """
    if not enabled:
        yield
        return
    generators = [_default_generator(), *(_default_generator(_place(d)) for d in devices or ())]
    states = [g.get_state() for g in generators]
    try:
        yield
    finally:
        for g, state in zip(generators, states, strict=True):
            g.set_state(state)


def _place(device: Any) -> Any:
    return f"cuda:{device}" if isinstance(device, int) else device


def state_dict(**others: Any) -> dict[str, Any]:
    """The state of every source of random numbers, as tensors and plain values that `facula.save` can write.

    These are facula's generators of all devices, NumPy's global generator and Python's `random`. Generators of your own, and
    loaders or samplers with a `state_dict`, are added by name.

    >>> import facula
    >>> state = facula.random.state_dict()
    >>> a = facula.rand(2)
    >>> facula.random.load_state_dict(state)
    >>> facula.equal(a, facula.rand(2))
    True
    """
    version, words, gauss = _python.getstate()
    numpy: Any = np.random.get_state(legacy=False)
    state: dict[str, Any] = {
        "facula": {str(g.device): g.get_state() for g in _all_generators()},
        "numpy": _tensors(numpy),
        "python": {"version": version, "words": _wrap(np.array(words, np.int64)), "gauss": gauss},
    }
    if others:
        state["others"] = {
            name: thing.get_state() if isinstance(thing, _Generator) else thing.state_dict()
            for name, thing in others.items()
        }
    return state


def load_state_dict(state: dict[str, Any], **others: Any) -> None:
    """Put every source of random numbers into a state that `state_dict` returned, and `others` with them.

    Raises ValueError where the state is of other sources.
    """
    expected, found = sorted(others), sorted(state.get("others", {}))
    if not {"facula", "numpy", "python"} <= state.keys() or expected != found:
        raise _value_error(
            f"load_state_dict: expected a state of facula, numpy and python with others {expected}, "
            f"got {sorted(state)} with others {found}. Pass the names that state_dict was given."
        )
    for device, saved in state["facula"].items():
        _default_generator(device).set_state(saved)
    numpy, python = _arrays(state["numpy"]), state["python"]
    if numpy["bit_generator"] != np.random.get_state(legacy=False)["bit_generator"]:
        kind = getattr(np.random, numpy["bit_generator"])
        np.random.set_bit_generator(kind())  # type: ignore[attr-defined]
    np.random.set_state(numpy)
    _python.setstate((python["version"], tuple(python["words"].tolist()), python["gauss"]))
    for name, thing in others.items():
        saved = state["others"][name]
        if isinstance(thing, _Generator):
            thing.set_state(saved)
        else:
            thing.load_state_dict(saved)


def _tensors(value: Any) -> Any:
    """NumPy's form of its state with tensors for arrays."""
    if isinstance(value, dict):
        return {key: _tensors(part) for key, part in value.items()}
    return _wrap(value.copy()) if isinstance(value, np.ndarray) else value


def _arrays(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _arrays(part) for key, part in value.items()}
    return value.array if isinstance(value, _Tensor) else value
