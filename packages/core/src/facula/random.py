"""The state of random numbers under PyTorch's names: `facula.random.manual_seed`, `get_rng_state`, `fork_rng`, ..."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

from facula.devices.generator import default_generator as _default_generator
from facula.devices.generator import get_rng_state, initial_seed, manual_seed, seed, set_rng_state

__all__ = ["default_generator", "fork_rng", "get_rng_state", "initial_seed", "manual_seed", "seed", "set_rng_state"]

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
