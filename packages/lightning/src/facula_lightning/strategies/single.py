"""One process, one device."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import facula

__all__ = ["SingleDeviceStrategy"]


class SingleDeviceStrategy:
    """The module on one device of this process.

    What a strategy has to offer is what this class has; the hook `facula_register_strategies` makes others known.
    """

    world_size = 1
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

    def begin_training(self, module: Any) -> None:
        """Before the optimizers of a fit are made."""

    def before_step(self, module: Any) -> None:
        """Before each training step."""

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

    def barrier(self) -> None:
        """Wait until every process has come here."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.root_device)!r})"
