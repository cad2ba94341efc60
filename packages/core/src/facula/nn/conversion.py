"""Moving the members of a module tree to another device or dtype while keeping every Parameter object."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from facula.autograd import no_grad
from facula.dtypes import dtype as DType
from facula.errors import type_error
from facula.nn.uninitialized import is_lazy
from facula.tensors.parameter import Parameter
from facula.tensors.tensor import Tensor

if TYPE_CHECKING:
    from facula.nn.module import Module


def parse_to(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, DType | None]:
    """The device and dtype named by the arguments of `Module.to`: `(device, dtype)`, `(dtype)` or `(tensor)`."""
    device, dtype = kwargs.get("device"), kwargs.get("dtype")
    unknown = set(kwargs) - {"device", "dtype", "non_blocking", "memory_format"}
    if unknown:
        raise type_error(
            f"to: expected device, dtype or a tensor, got unknown arguments {sorted(unknown)}. Remove them."
        )
    for value in args:
        if isinstance(value, DType):
            dtype = value
        elif isinstance(value, Tensor):
            device, dtype = value.device, value.dtype
        elif value is not None and not isinstance(value, bool):  # a bool is `non_blocking`
            device = value
    if dtype is not None and not (dtype.is_floating_point or dtype.is_complex):
        raise type_error(
            f"to: expected a floating point or complex dtype for a module, got {dtype}. "
            "Convert single tensors instead, or use type(dtype)."
        )
    return device, dtype


def move_module(module: Module, fn: Callable[[Tensor], Tensor], recurse: bool) -> None:
    """Apply `fn` to all parameters, their gradients and all buffers; the Parameter objects stay the same."""
    if recurse:
        for child in module.children():
            child._apply(fn)
    values = vars(module)
    for name in module._parameter_names:
        parameter = values[name]
        if parameter is not None:
            values[name] = _move_parameter(parameter, fn)
    for name in module._buffer_names:
        if values[name] is not None:
            values[name] = fn(values[name])


def _move_parameter(parameter: Any, fn: Callable[[Tensor], Tensor]) -> Any:
    with no_grad():
        moved = fn(parameter)
        if is_lazy(parameter):
            return moved
        gradient = parameter.grad
        if moved.device.type == parameter.device.type or "meta" not in (moved.device.type, parameter.device.type):
            parameter.grad = None
            parameter.data = moved
        else:  # a meta tensor has no memory that could be exchanged
            parameter = Parameter(moved, requires_grad=parameter.requires_grad)
        if gradient is not None:
            parameter.grad = fn(gradient).requires_grad_(gradient.requires_grad)
    return parameter
