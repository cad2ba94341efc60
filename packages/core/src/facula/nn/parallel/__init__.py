"""`torch.nn.parallel`'s names: the same model on several devices or processes; the latter is in `facula.distributed`."""

from __future__ import annotations

from typing import Any

from facula.nn.parallel.data_parallel import DataParallel, data_parallel

__all__ = ["DataParallel", "DistributedDataParallel", "data_parallel"]


def __getattr__(name: str) -> Any:
    if name != "DistributedDataParallel":
        raise AttributeError(f"module 'facula.nn.parallel' has no attribute {name!r}")
    from facula.distributed.ddp import DistributedDataParallel

    return DistributedDataParallel
