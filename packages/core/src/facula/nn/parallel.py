"""`torch.nn.parallel`'s names; the code is in `facula.distributed`."""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    if name != "DistributedDataParallel":
        raise AttributeError(f"module 'facula.nn.parallel' has no attribute {name!r}")
    from facula.distributed.ddp import DistributedDataParallel

    return DistributedDataParallel
