"""Random numbers of a run: one seed for all sources."""

from __future__ import annotations

import logging
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

import facula

_LARGEST = 2**32 - 1


def seed_everything(seed: int | None = None, workers: bool = False, verbose: bool = True) -> int:
    """Seed Facula's generators, NumPy's and Python's with one number, and return it.

    Without a `seed` the environment's `PL_GLOBAL_SEED` is taken, else 0. `workers` is accepted for programs that
    pass it: loader workers always derive their seeds from Facula's generator.

    Errors: ValueError for a seed outside 0 .. 2**32 - 1, which NumPy cannot take.

    >>> import facula
    >>> seed_everything(7, verbose=False)
    7
    >>> a = facula.rand(2)
    >>> _ = seed_everything(7, verbose=False)
    >>> facula.equal(a, facula.rand(2))
    True
    """
    if seed is None:
        seed = int(os.environ.get("PL_GLOBAL_SEED", "0"))
    if not 0 <= seed <= _LARGEST:
        raise ValueError(f"seed_everything: expected a seed from 0 to {_LARGEST}, got {seed}. Use a smaller one.")
    if verbose:
        logging.getLogger("facula_lightning").info("Seed set to %d", seed)
    os.environ |= {"PL_GLOBAL_SEED": str(seed), "PL_SEED_WORKERS": str(int(workers))}
    random.seed(seed)
    np.random.seed(seed)
    facula.manual_seed(seed)
    return seed


@contextmanager
def isolate_rng() -> Iterator[None]:
    """Leave the sources of random numbers as they were found."""
    before = facula.random.state_dict()
    try:
        yield
    finally:
        facula.random.load_state_dict(before)
