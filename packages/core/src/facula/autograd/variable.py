"""`Variable`: PyTorch's old name for a tensor."""

from __future__ import annotations

from typing import Any

from facula.errors import type_error
from facula.tensors.tensor import Tensor


class _IsTensor(type):
    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor)


class Variable(metaclass=_IsTensor):
    """A tensor under its old name: `Variable(x, requires_grad=True)` is a tensor over the same memory.

    >>> import facula
    >>> x = facula.autograd.Variable(facula.ones(2), requires_grad=True)
    >>> x.requires_grad, isinstance(x, facula.autograd.Variable), type(x).__name__
    (True, True, 'Tensor')
    """

    def __new__(cls, data: Tensor, requires_grad: bool = False, volatile: bool = False) -> Any:
        if not isinstance(data, Tensor):
            raise type_error(f"Variable data has to be a tensor, but got {type(data).__name__}. Use facula.tensor.")
        return data.detach().requires_grad_(requires_grad)
