"""`DataParallel`: a module under the name that programs for several GPUs give it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from facula.devices import base as devices
from facula.errors import runtime_error
from facula.nn.module import Module


def _only(device_ids: Sequence[Any] | None) -> None:
    if device_ids is not None and len({str(d) for d in device_ids}) > 1:
        raise runtime_error(
            f"DataParallel: expected one device, got device_ids {list(device_ids)}. "
            "Use DistributedDataParallel with a process for each device."
        )


class DataParallel(Module):
    """Run `module` on one device; its parameters are named `module.*`, as in checkpoints of programs for several GPUs.

    PyTorch splits the batch over the GPUs of the machine here, and recommends `DistributedDataParallel` instead, which does
    that with a process for each.

    Shape: as the module's.
    Errors: RuntimeError if `device_ids` names more than one device.

    >>> import facula
    >>> model = facula.nn.DataParallel(facula.nn.Linear(3, 2))
    >>> list(model.state_dict())
    ['module.weight', 'module.bias']
    >>> model(facula.ones(4, 3)).shape
    facula.Size([4, 2])
    """

    def __init__(
        self, module: Module, device_ids: Sequence[Any] | None = None, output_device: Any = None, dim: int = 0
    ) -> None:
        super().__init__()
        _only(device_ids)
        self.module, self.dim = module, dim
        self.device_ids = [] if device_ids is None else [devices.device(d) for d in device_ids]
        self.output_device = output_device

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        return self.module(*inputs, **kwargs)


def data_parallel(
    module: Module,
    inputs: Any,
    device_ids: Sequence[Any] | None = None,
    output_device: Any = None,
    dim: int = 0,
    module_kwargs: dict[str, Any] | None = None,
) -> Any:
    """Call `module` as `DataParallel` does: on one device.

    >>> import facula
    >>> facula.nn.parallel.data_parallel(facula.nn.Identity(), facula.ones(1))
    tensor([1.])
    """
    _only(device_ids)
    return module(*(inputs if isinstance(inputs, tuple) else (inputs,)), **(module_kwargs or {}))
