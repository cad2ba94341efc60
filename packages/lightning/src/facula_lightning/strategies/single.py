"""One process, one device."""

from __future__ import annotations

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

    def barrier(self) -> None:
        """Wait until every process has come here."""

    def __repr__(self) -> str:
        return f"SingleDeviceStrategy({str(self.root_device)!r})"
