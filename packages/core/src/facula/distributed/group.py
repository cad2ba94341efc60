"""Process groups: who takes part in a collective. One MPI communicator each."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Any

from facula.distributed.work import finish_all
from facula.errors import missing, runtime_error, value_error


class ReduceOp(enum.Enum):
    """How a collective combines the tensors of all processes."""

    SUM = "SUM"
    AVG = "AVG"
    PRODUCT = "PROD"
    MIN = "MIN"
    MAX = "MAX"


class ProcessGroup:
    """The processes that take part in a collective, in the order of their ranks."""

    def __init__(self, communicator: Any) -> None:
        self.communicator = communicator

    def rank(self) -> int:
        """The number of this process in the group, from 0 on."""
        return int(self.communicator.Get_rank())

    def size(self) -> int:
        """How many processes are in the group."""
        return int(self.communicator.Get_size())


class group:
    """`group.WORLD`: all processes."""

    WORLD: ProcessGroup | None = None


def _mpi() -> Any:
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        raise missing("mpi", "mpi4py") from error
    return MPI


def is_available() -> bool:
    """Whether process groups can be made at all (they can, given MPI)."""
    return True


def is_mpi_available() -> bool:
    """Whether mpi4py and an MPI library are installed."""
    try:
        _mpi()
    except ImportError:
        return False
    return True


def init_process_group(
    backend: str | None = None,
    init_method: str | None = None,
    timeout: Any = None,
    world_size: int = -1,
    rank: int = -1,
    **kwargs: Any,
) -> None:
    """Join the processes that `mpiexec -n N python program.py` started; one process alone is a group of one.

    Errors: ValueError for another backend than "mpi", RuntimeError when called twice, ImportError without the `mpi` extra.
    """
    if backend not in (None, "mpi"):
        raise value_error(
            f"init_process_group: expected backend 'mpi', got {backend!r}. Start the program with mpiexec and pass backend='mpi'."
        )
    if group.WORLD is not None:
        raise runtime_error(
            "init_process_group: trying to initialize the default process group twice! Call destroy_process_group() first."
        )
    made = ProcessGroup(_mpi().COMM_WORLD.Dup())
    if world_size not in (-1, made.size()):
        raise value_error(
            f"init_process_group: expected world_size {made.size()} as mpiexec started, got {world_size}. Leave it out."
        )
    group.WORLD = made


def destroy_process_group(group_: ProcessGroup | None = None) -> None:
    """Leave a group (by default, all of them)."""
    chosen = group_ or group.WORLD
    finish_all()
    if chosen is not None:
        chosen.communicator.Free()
    if group_ is None or group_ is group.WORLD:
        group.WORLD = None


def is_initialized() -> bool:
    """Whether `init_process_group` has been called."""
    return group.WORLD is not None


def resolve(chosen: ProcessGroup | None, name: str) -> ProcessGroup:
    """The group a collective is about; a clear error where there is none."""
    found = chosen or group.WORLD
    if found is None:
        raise value_error(
            f"{name}: Default process group has not been initialized, please make sure to call init_process_group."
        )
    return found


def get_rank(group: ProcessGroup | None = None) -> int:
    """This process's number in the group, from 0."""
    return resolve(group, "get_rank").rank()


def get_world_size(group: ProcessGroup | None = None) -> int:
    """How many processes the group has."""
    return resolve(group, "get_world_size").size()


def get_backend(group: ProcessGroup | None = None) -> str:
    """What carries the group's messages: "mpi"."""
    resolve(group, "get_backend")
    return "mpi"


def new_group(
    ranks: Sequence[int] | None = None, timeout: Any = None, backend: str | None = None
) -> ProcessGroup | None:
    """A group of some of the processes; all processes must call it. Returns None on those that are not in it."""
    world = resolve(None, "new_group").communicator
    members = range(world.Get_size()) if ranks is None else ranks
    made = world.Split(0 if world.Get_rank() in members else _mpi().UNDEFINED, world.Get_rank())
    return None if made == _mpi().COMM_NULL else ProcessGroup(made)
