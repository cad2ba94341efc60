"""`torch.distributed`'s names: process groups and collectives over MPI."""

from __future__ import annotations

import importlib
from typing import Any

_PLACES = {
    **dict.fromkeys(
        "init_process_group destroy_process_group is_initialized is_available is_mpi_available get_rank get_world_size get_backend new_group "
        "ProcessGroup ReduceOp group".split(),
        "group",
    ),
    **dict.fromkeys(
        "all_reduce broadcast barrier all_gather reduce gather scatter send recv isend irecv broadcast_object_list "
        "all_gather_object".split(),
        "collectives",
    ),
    "Work": "work",
    "DistributedDataParallel": "ddp",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'facula.distributed' has no attribute {name!r}")
    found = globals()[name] = getattr(importlib.import_module(f"facula.distributed.{_PLACES[name]}"), name)
    return found


def __dir__() -> list[str]:
    return sorted(_PLACES)
