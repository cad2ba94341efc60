"""`torch.nn.parallel.distributed`: the module path of `DistributedDataParallel`."""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    from facula.nn import parallel

    return getattr(parallel, name)
