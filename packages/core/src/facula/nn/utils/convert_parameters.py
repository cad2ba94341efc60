"""Parameters as one vector, and modules without their initialisation."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

from facula.autograd import no_grad
from facula.errors import runtime_error, type_error
from facula.nn.module import Module
from facula.ops import cat
from facula.tensors.tensor import Tensor


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All numbers of all parameters, one after the other.

    >>> import facula
    >>> facula.nn.utils.parameters_to_vector([facula.ones(2), facula.zeros(1, 2)])
    tensor([1., 1., 0., 0.])
    """
    return cat([parameter.reshape(-1) for parameter in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Write the numbers of a vector back into the parameters."""
    if not isinstance(vec, Tensor):
        raise type_error(f"vector_to_parameters: expected a Tensor, got {type(vec).__name__}. Pass one vector.")
    start = 0
    with no_grad():
        for parameter in parameters:
            end = start + parameter.numel()
            parameter.copy_(vec[start:end].reshape(parameter.shape))
            start = end


def skip_init(module_cls: Any, *args: Any, **kwargs: Any) -> Module:
    """Build a module without filling its parameters: on the meta device first, then empty where it is wanted."""
    if not (isinstance(module_cls, type) and issubclass(module_cls, Module)):
        raise runtime_error(f"skip_init: Expected a Module; got {module_cls}. Pass the class.")
    if "device" not in inspect.signature(module_cls).parameters:
        raise runtime_error("skip_init: Module must support a 'device' arg to skip initialization. Build it as usual.")
    device = kwargs.pop("device", None) or "cpu"
    build: Any = module_cls
    module: Module = build(*args, **kwargs, device="meta")
    return module.to_empty(device=device)
