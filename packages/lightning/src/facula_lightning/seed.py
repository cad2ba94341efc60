"""Random numbers of a run: one seed for all sources, and their state as plain values for a checkpoint."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

import facula

__all__ = ["isolate_rng", "rng_state", "seed_everything", "set_rng_state"]

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
        import logging

        logging.getLogger("facula_lightning").info("Seed set to %d", seed)
    os.environ["PL_GLOBAL_SEED"] = str(seed)
    os.environ["PL_SEED_WORKERS"] = str(int(workers))
    random.seed(seed)
    np.random.seed(seed)
    facula.manual_seed(seed)
    return seed


def rng_state() -> dict[str, Any]:
    """The state of every source of random numbers, as tensors and plain values."""
    version, words, gauss = random.getstate()
    _, keys, position, has_gauss, cached = np.random.get_state()
    state = {
        "facula": facula.get_rng_state(),
        "python": {"version": version, "words": facula.tensor(words, dtype=facula.int64), "gauss": gauss},
        "numpy": {
            "keys": facula.tensor(np.asarray(keys).astype(np.int64)),
            "position": int(position),
            "has_gauss": int(has_gauss),
            "cached": float(cached),
        },
    }
    if facula.cuda.is_available():
        state["cuda"] = facula.cuda.get_rng_state()
    return state


def set_rng_state(state: dict[str, Any]) -> None:
    """Put every source of random numbers into a state that `rng_state` returned."""
    facula.set_rng_state(state["facula"])
    python, numpy = state["python"], state["numpy"]
    random.setstate((python["version"], tuple(python["words"].tolist()), python["gauss"]))
    keys = numpy["keys"].numpy().astype(np.uint32)
    np.random.set_state(("MT19937", keys, numpy["position"], numpy["has_gauss"], numpy["cached"]))
    if "cuda" in state and facula.cuda.is_available():
        facula.cuda.set_rng_state(state["cuda"])


@contextmanager
def isolate_rng() -> Iterator[None]:
    """Leave the sources of random numbers as they were found."""
    before = rng_state()
    try:
        yield
    finally:
        set_rng_state(before)
