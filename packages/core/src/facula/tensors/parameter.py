"""`Parameter` and `Buffer`: tensors that a module finds among its attributes."""

from __future__ import annotations

from typing import Any

from facula.autograd.tape import Leaf
from facula.errors import type_error
from facula.tensors.tensor import Tensor, wrap


def _of(cls: type, data: Any) -> Any:
    if data is None:
        import numpy as np

        from facula import dtypes

        data = wrap(np.empty(0, dtypes.default().numpy))
    if not isinstance(data, Tensor):
        raise type_error(
            f"{cls.__name__}: expected a Tensor as data, got {type(data).__name__}. Wrap it with facula.tensors first."
        )
    out: Any = object.__new__(cls)
    out.array = data.array
    out.grad = out.node = out.root = out.version = None
    return out


class Parameter(Tensor):
    """A tensor that a `Module` registers as a parameter when it is assigned as an attribute.

    >>> import facula
    >>> facula.nn.Parameter(facula.ones(2))
    Parameter containing:
    tensor([1., 1.], requires_grad=True)
    """

    __slots__ = ()
    _is_parameter = True

    def __new__(cls, data: Any = None, requires_grad: bool = True) -> Any:
        out = _of(cls, data)
        if requires_grad:
            out.requires_grad_()
        return out

    def __init__(self, data: Any = None, requires_grad: bool = True) -> None:
        pass

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if id(self) in memo:
            return memo[id(self)]
        out = _of(type(self), wrap(self.array.copy()))
        memo[id(self)] = out
        if self.node is not None:
            out.node = Leaf(out)
        if self.grad is not None:
            out.grad = self.grad.__deepcopy__(memo)
        out.__dict__.update(self.__dict__)
        return out


class Buffer(Tensor):
    """A tensor that a `Module` registers as a buffer when it is assigned as an attribute.

    >>> import facula
    >>> module = facula.nn.Module()
    >>> module.mean = facula.nn.Buffer(facula.zeros(2))
    >>> list(module.state_dict())
    ['mean']
    """

    __slots__ = ()
    persistent: bool

    def __new__(cls, data: Any = None, *, persistent: bool = True) -> Any:
        out = _of(cls, data)
        out.persistent = persistent
        return out

    def __init__(self, data: Any = None, *, persistent: bool = True) -> None:
        pass
