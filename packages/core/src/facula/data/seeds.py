"""The random numbers that samples are made with: the same whatever the number of worker processes.

Each batch has a seed of its own, from the loader's seed and the batch's number. Python's `random`, NumPy's global
generator and facula's are started from it while the batch is made; in the main process they are put back afterwards.
"""

from __future__ import annotations

import random
from types import TracebackType
from typing import Any

import numpy as np

from facula.devices.generator import default_generator, manual_seed, rng_of

_MASK = 2**64 - 1
_global: Any = np.random  # its functions over bit generators lack types
_spare = [np.random.MT19937(0)]  # as many as batches were ever made inside of each other's making


def draw_seed(generator: Any = None) -> int:
    """A seed for one pass through a loader: one draw from its generator."""
    return int(rng_of(generator).integers(2**63 - 1))


def batch_seed(base: int, number: int) -> int:
    """Well mixed bits of both (Steele et al., 2014, SplitMix)."""
    z = (base + (number + 1) * 0x9E3779B97F4A7C15) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return (z ^ (z >> 31)) >> 1


def seed_everything(seed: int) -> None:
    """Start all three streams; used in worker processes, which have them for themselves."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    manual_seed(seed)


class SeededBatch:
    """`with SeededBatch(seed):` starts all three streams, and puts them back at the end."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def __enter__(self) -> None:
        self._python = random.getstate()
        self._numpy = _global.get_bit_generator()
        self._lent = _spare.pop() if _spare else np.random.MT19937(0)
        _global.set_bit_generator(self._lent)  # copying NumPy's state out and in would cost ten times as much
        generator = default_generator()
        self._own = generator._seed, generator._rng
        random.seed(self._seed)
        np.random.seed(self._seed % 2**32)
        generator.manual_seed(self._seed)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        random.setstate(self._python)
        _global.set_bit_generator(self._numpy)
        _spare.append(self._lent)
        generator = default_generator()
        generator._seed, generator._rng = self._own
