"""Python's `multiprocessing`, with tensors that processes share instead of copying, and `spawn`.

Importing this room is enough: tensors that are put into a queue or passed to a process then travel as the place of their
memory, and both sides read and write the same numbers. `Module.share_memory()` does that for a model, so that several
processes train it in place.
"""

from __future__ import annotations

import multiprocessing as _python
from multiprocessing import *  # noqa: F403  all names of Python's own module are names here

from facula.multiprocessing.processes import (
    ProcessContext,
    ProcessException,
    ProcessExitedException,
    ProcessRaisedException,
    SpawnContext,
    spawn,
    start_processes,
)
from facula.multiprocessing.reductions import (
    get_all_sharing_strategies,
    get_sharing_strategy,
    init_reductions,
    set_sharing_strategy,
)

__all__ = [  # noqa: PLE0604
    "ProcessContext",
    "ProcessException",
    "ProcessExitedException",
    "ProcessRaisedException",
    "SpawnContext",
    "get_all_sharing_strategies",
    "get_sharing_strategy",
    "set_sharing_strategy",
    "spawn",
    "start_processes",
    *_python.__all__,
]

init_reductions()
