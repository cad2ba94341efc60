"""Strategies: where the module of a run lives, on one device or in many processes."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import facula
from facula_lightning.attributes import follows

_LOCAL_RANK = ("LOCAL_RANK", "MPI_LOCALRANKID", "OMPI_COMM_WORLD_LOCAL_RANK")


class Processes:
    """What a Trainer or Fabric tells of its strategy's processes."""

    strategy: Any
    is_global_zero = follows("strategy.is_global_zero", "Whether this is the process that writes files and prints.")
    global_rank = follows("strategy.global_rank", "The number of this process among all.")
    local_rank = follows("strategy.local_rank", "The number of this process on its machine.")
    world_size = follows("strategy.world_size", "How many processes train together.")
    num_devices = follows("strategy.num_devices", "How many devices this process trains on.")


class SingleDeviceStrategy:
    """The module on one device of this process.

    What a strategy has to offer is what this class has; the hook `facula_register_strategies` makes others known.
    """

    world_size = num_devices = 1
    global_rank = 0
    local_rank = 0

    def __init__(self, device: Any = "cpu") -> None:
        self.root_device = facula.device(device)

    @property
    def is_global_zero(self) -> bool:
        """Whether this process writes files and prints."""
        return self.global_rank == 0

    def setup(self, module: Any) -> None:
        """Bring the module to its device."""
        if self.root_device.type != "cpu" or any(p.device != self.root_device for p in module.parameters()):
            module.to(self.root_device)

    # fmt: off
    def begin_training(self, module: Any) -> None: """Before the optimizers of a fit are made."""
    def before_step(self, module: Any) -> None: """Before each training step."""
    def barrier(self) -> None: """Wait until every process has come here."""
    # fmt: on

    def no_sync(self) -> AbstractContextManager[Any]:
        """A block whose gradients are to be accumulated and not yet shared."""
        return nullcontext()

    def reduce(self, value: float, operation: str = "mean") -> float:
        """A number from all processes: their mean, sum, min or max."""
        return value

    def gather(self, thing: Any) -> list[Any]:
        """What each process gave, in the order of ranks."""
        return [thing]

    def broadcast(self, thing: Any) -> Any:
        """What the first process gave."""
        return thing

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.root_device)!r})"


class DDPStrategy(SingleDeviceStrategy):
    """Data-parallel training over the processes that mpiexec started: `mpiexec -n 2 python train.py`.

    Gradients are averaged after each backward that is not to be accumulated; buffers are those of rank 0. Needs mpi4py.
    """

    def __init__(self, device: Any = "cpu", process_group_backend: str = "mpi", bucket_cap_mb: float = 25) -> None:
        super().__init__(device)
        if not facula.distributed.is_initialized():
            facula.distributed.init_process_group(process_group_backend)
        self.world_size, self.global_rank = facula.distributed.get_world_size(), facula.distributed.get_rank()
        known = [os.environ[name] for name in _LOCAL_RANK if name in os.environ]
        self.local_rank = int(known[0]) if known else self.global_rank
        self.bucket_cap_mb = bucket_cap_mb
        self._parallel: Any = None

    def begin_training(self, module: Any) -> None:
        """Make all copies of the module equal and let their gradients be averaged."""
        if self._parallel is None or self._parallel.module is not module:
            parallel = facula.nn.parallel.DistributedDataParallel
            self._parallel = parallel(module, bucket_cap_mb=self.bucket_cap_mb)

    def before_step(self, module: Any) -> None:
        """Take the buffers of rank 0."""
        with facula.no_grad():
            for buffer in module.buffers():
                facula.distributed.broadcast(buffer, 0)

    def no_sync(self) -> AbstractContextManager[Any]:
        return self._parallel.no_sync()

    def reduce(self, value: float, operation: str = "mean") -> float:
        total = facula.tensor(float(value), dtype=facula.float64)
        kind = "sum" if operation == "mean" else operation
        facula.distributed.all_reduce(total, getattr(facula.distributed.ReduceOp, kind.upper()))
        return total.item() / self.world_size if operation == "mean" else total.item()

    def gather(self, thing: Any) -> list[Any]:
        found: list[Any] = [None] * self.world_size
        facula.distributed.all_gather_object(found, _sendable(thing))
        return [_received(part) for part in found]

    def broadcast(self, thing: Any) -> Any:
        box = [thing]
        facula.distributed.broadcast_object_list(box, 0)
        return box[0]

    def barrier(self) -> None:
        facula.distributed.barrier()


def _sendable(thing: Any) -> Any:
    """Nested dicts with numbers for tensors: objects travel as JSON."""
    if isinstance(thing, facula.Tensor):
        return {"tensor": thing.tolist(), "dtype": str(thing.dtype).rpartition(".")[2]}
    return {key: _sendable(part) for key, part in thing.items()} if isinstance(thing, dict) else thing


def _received(thing: Any) -> Any:
    if not isinstance(thing, dict):
        return thing
    if thing.keys() == {"tensor", "dtype"}:
        return facula.tensor(thing["tensor"], dtype=getattr(facula, thing["dtype"]))
    return {key: _received(part) for key, part in thing.items()}
