"""Parameters and buffers without a shape yet, for the lazy layers; and the usual way to make a new parameter."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from facula.errors import runtime_error
from facula.ops import empty
from facula.tensors.parameter import Buffer, Parameter
from facula.tensors.tensor import Tensor, wrap


def new_parameter(*shape: int, device: Any = None, dtype: Any = None) -> Parameter:
    """A parameter of that shape with memory that is not yet set; `reset_parameters` fills it."""
    return Parameter(empty(shape, device=device, dtype=dtype))


class UninitializedTensorMixin(Tensor):
    """What both kinds share: everything that needs a shape fails until `materialize`."""

    __slots__ = ()
    _materialized: ClassVar[type]

    @property
    def shape(self) -> Any:
        raise runtime_error(
            "shape: expected an initialized tensor, got one of a lazy module. Call the module once first."
        )

    def materialize(self, shape: Any, device: Any = None, dtype: Any = None) -> None:
        """Give the tensor memory of `shape`; from then on it is an ordinary parameter or buffer."""
        target_device = self.device if device is None else device
        target_dtype = self.dtype if dtype is None else dtype
        self.array = empty(tuple(shape), device=target_device, dtype=target_dtype).array
        self.__class__ = self._materialized

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """The dtype or device that `materialize` will use."""
        self.array = wrap(self.array).to(*args, **kwargs).array
        return self

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        if id(self) not in memo:
            memo[id(self)] = type(self)(requires_grad=self.requires_grad, device=self.device, dtype=self.dtype)
        return memo[id(self)]


class UninitializedParameter(UninitializedTensorMixin, Parameter):
    """A parameter whose shape is not known yet; `materialize(shape)` makes it an ordinary one.

    >>> import facula
    >>> weight = facula.nn.UninitializedParameter()
    >>> weight.materialize((2, 3))
    >>> type(weight).__name__, weight.shape
    ('Parameter', facula.Size([2, 3]))
    """

    __slots__ = ()
    _materialized = Parameter

    def __new__(cls, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> Any:
        return Parameter.__new__(cls, empty((0,), device=device, dtype=dtype), requires_grad)

    def __init__(self, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> None:
        pass


class UninitializedBuffer(UninitializedTensorMixin, Buffer):
    """A buffer whose shape is not known yet.

    >>> import facula
    >>> mean = facula.nn.UninitializedBuffer()
    >>> mean.materialize((2,))
    >>> type(mean).__name__, mean.shape
    ('Tensor', facula.Size([2]))
    """

    __slots__ = ()
    _materialized = Tensor

    def __new__(
        cls, requires_grad: bool = False, device: Any = None, dtype: Any = None, persistent: bool = True
    ) -> Any:
        return Buffer.__new__(cls, empty((0,), device=device, dtype=dtype), persistent=persistent)

    def __init__(
        self, requires_grad: bool = False, device: Any = None, dtype: Any = None, persistent: bool = True
    ) -> None:
        pass


def is_lazy(value: Any) -> bool:
    """Whether `value` is a parameter or buffer without a shape."""
    return isinstance(value, UninitializedTensorMixin)
