"""Random numbers: one `Generator` per device, seedable, with a state that can be taken and put back.

The stream depends on the seed alone, never on the number of threads.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from facula.devices import base
from facula.errors import runtime_error

_SIZE = 512  # bytes of a saved state


class Generator:
    """A source of random numbers.

    >>> import facula
    >>> g = facula.Generator().manual_seed(7)
    >>> bool((facula.rand(3, generator=g) == facula.rand(3, generator=g.manual_seed(7))).all())
    True
    """

    def __init__(self, device: Any = "cpu") -> None:
        self.device = base.device(device)
        self._seed = 67280421310721  # what an unseeded program starts from, so that two runs are equal
        self._rng: np.random.Generator | None = None

    @property
    def rng(self) -> np.random.Generator:
        """NumPy's generator, made on first use."""
        if self._rng is None:
            self._rng = np.random.Generator(np.random.PCG64(self._seed % 2**64))
        return self._rng

    def manual_seed(self, seed: int) -> Generator:
        """Start the stream of `seed`, any integer from -2**63 to 2**64 - 1."""
        seed = int(seed)
        if not -(2**63) <= seed < 2**64:
            raise runtime_error(
                f"manual_seed: Overflow, expected an integer in [-2**63, 2**64), got {seed}. Use a smaller seed."
            )
        self._seed, self._rng = seed, None
        return self

    def seed(self) -> int:
        """Start from a seed that the operating system chooses, and return it."""
        import secrets

        chosen = secrets.randbits(63)
        self.manual_seed(chosen)
        return chosen

    def initial_seed(self) -> int:
        """The seed that the stream began with."""
        return self._seed

    def get_state(self) -> Any:
        """The state as a uint8 tensor."""
        from facula.tensors.tensor import wrap

        text = json.dumps({"seed": self._seed, "state": self.rng.bit_generator.state}).encode().ljust(_SIZE)
        return wrap(np.frombuffer(text, np.uint8).copy())

    def set_state(self, new_state: Any) -> Generator:
        """Go on from a state that `get_state` returned."""
        try:
            saved = json.loads(bytes(np.asarray(new_state.array, np.uint8)).decode())
            rng = np.random.Generator(np.random.PCG64())
            rng.bit_generator.state = saved["state"]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise runtime_error(
                "set_state: expected a state that get_state() returned, got something else. Take a new one with get_state()."
            ) from error
        self._seed, self._rng = int(saved["seed"]), rng
        return self

    def clone_state(self) -> Generator:
        """Another generator that goes on from the same state."""
        other = Generator(self.device)
        return other.set_state(self.get_state())


_generators: dict[tuple[str, int | None], Generator] = {}


def default_generator(device: Any = "cpu") -> Generator:
    """The generator that a device's random ops use when none is given."""
    d = base.device(device)
    key = (d.type, d.index or 0)
    if key not in _generators:
        first = _generators.get(("cpu", 0))
        _generators[key] = Generator(d) if first is None else Generator(d).manual_seed(first.initial_seed())
    return _generators[key]


def all_generators() -> list[Generator]:
    """The default generators that are in use, the CPU's first."""
    return [default_generator(), *(g for key, g in _generators.items() if key != ("cpu", 0))]


def manual_seed(seed: int) -> Generator:
    """Seed the generators of all devices; returns the CPU's.

    >>> import facula
    >>> _ = facula.manual_seed(0)
    >>> a = facula.rand(2)
    >>> _ = facula.manual_seed(0)
    >>> facula.equal(a, facula.rand(2))
    True
    """
    cpu = default_generator()
    for g in _generators.values():
        g.manual_seed(seed)
    return cpu


def seed() -> int:
    """Seed all devices from the operating system, and return the seed."""
    chosen = default_generator().seed()
    manual_seed(chosen)
    return chosen


def initial_seed() -> int:
    """The seed that the CPU's stream began with."""
    return default_generator().initial_seed()


def get_rng_state() -> Any:
    """The state of the CPU's generator as a uint8 tensor."""
    return default_generator().get_state()


def set_rng_state(new_state: Any) -> None:
    """Put the CPU's generator into a state that `get_rng_state` returned."""
    default_generator().set_state(new_state)


def rng_of(generator: Generator | None) -> np.random.Generator:
    """NumPy's generator behind a `generator=` argument."""
    return (default_generator() if generator is None else generator).rng
