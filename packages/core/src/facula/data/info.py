"""What a worker knows about itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass
class WorkerInfo:
    """What `get_worker_info()` returns in a worker: its number among how many, its seed, its copy of the dataset.

    `batch_size` is the loader's, so that a stream can deal itself out by whole batches.

    >>> import facula
    >>> facula.utils.data.WorkerInfo(id=1, num_workers=4, seed=7, dataset=range(3)).id
    1
    """

    id: int
    num_workers: int
    seed: int
    dataset: Any
    batch_size: int | None = None


_present: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """The number, seed and dataset copy of the worker process that calls it; None in the main process.

    >>> import facula
    >>> facula.utils.data.get_worker_info() is None
    True
    """
    return _present


def set_worker_info(info: WorkerInfo | None) -> WorkerInfo | None:
    """Say who runs from now on; returns who ran before."""
    global _present
    before, _present = _present, info
    return before
