"""`autocast`: an interpreter that gives operators their inputs in the type that `policy.py` lists for them."""

from __future__ import annotations

import contextlib
import functools
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from facula import dtypes
from facula.amp.policy import POLICIES
from facula.autograd.primitives import cast
from facula.autograd.state import Interpreter, state
from facula.autograd.tape import Leaf, writes
from facula.errors import runtime_error, value_error
from facula.tensors.tensor import Tensor

_DEFAULTS = {"cpu": dtypes.bfloat16, "cuda": dtypes.float16}


def is_autocast_available(device_type: str) -> bool:
    """Whether autocast knows a kind of device.

    >>> import facula
    >>> facula.amp.is_autocast_available("cpu")
    True
    """
    return device_type in _DEFAULTS


def _known(name: str, device_type: Any) -> str:
    if not isinstance(device_type, str):
        raise value_error(
            f"{name}: Expected `device_type` of type `str`, got: `{type(device_type)}`. Pass 'cpu' or 'cuda'."
        )
    if device_type not in _DEFAULTS:
        raise runtime_error(
            f"{name}: User specified an unsupported autocast device_type '{device_type}', expected one of "
            f"{', '.join(_DEFAULTS)}. Pass one of these."
        )
    return device_type


class autocast(Interpreter):
    """Compute products of matrices and convolutions in a half type, and what needs precision in float32.

    Weights stay as they are; they are cast once per block and their gradients come back in their own type. The default type
    is bfloat16 on "cpu" and float16 on "cuda"; `facula.amp.policy` lists the operators. Works as a context manager and as a
    decorator, and may be nested; `enabled=False` switches it off inside.

    >>> import facula
    >>> x = facula.ones(2, 2)
    >>> with facula.autocast("cpu"):
    ...     y = x @ x
    ...     y.dtype, (y + x).dtype
    (facula.bfloat16, facula.float32)
    """

    calls = True

    def __init__(
        self,
        device_type: str,
        dtype: dtypes.dtype | None = None,
        enabled: bool = True,
        cache_enabled: bool | None = None,
    ) -> None:
        self.device_type = _known("autocast", device_type)
        self.policy = POLICIES[device_type]
        self.dtype = _DEFAULTS[device_type] if dtype is None else dtype
        if self.dtype not in (dtypes.bfloat16, dtypes.float16):
            warnings.warn(
                f"autocast: expected dtype bfloat16 or float16, got {self.dtype}. Disabling autocast.", stacklevel=2
            )
            enabled = False
        self.enabled, self.cache_enabled = enabled, cache_enabled is not False
        self.cache: dict[tuple[int, bool], tuple[Tensor, int, Tensor]] = {}
        self.depth = 0

    def __enter__(self) -> autocast:
        self.depth += 1
        super().__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        super().__exit__(*exc)
        self.depth -= 1
        if not self.depth:
            self.cache.clear()

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        return wrapped

    def process(self, op: Any, inputs: tuple[Any, ...], attrs: tuple[Any, ...]) -> Any:
        """Cast the inputs and go on below, where outer blocks for the same device have no say."""
        with self._aside():
            return op.bind(self._cast(op.name, inputs) if self.enabled else inputs, attrs)

    def called(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A function that the policy names is computed in one type throughout."""
        first = next((x for x in (*args, *kwargs.values()) if isinstance(x, Tensor)), None)
        block = self if first is None else _active(first.device.type)
        if block is None or not block.enabled:
            return function(*args, **kwargs)
        name, policy = function.__name__, block.policy
        if name not in policy.lower | policy.full | policy.own:
            return function(*args, **kwargs)
        with block._aside():
            if name not in policy.own:
                dtype = block.dtype.numpy if name in policy.lower else dtypes.float32.numpy
                args, kwargs = block._nested(args, dtype), block._nested(kwargs, dtype)
            return function(*args, **kwargs)

    @contextlib.contextmanager
    def _aside(self) -> Iterator[None]:
        """Without any block for this kind of device."""
        around = state.interpreters
        state.interpreters = [i for i in around if not isinstance(i, autocast) or i.device_type != self.device_type]
        state.set_grad(state.grad)
        try:
            yield
        finally:
            state.interpreters = around
            state.set_grad(state.grad)

    def _nested(self, value: Any, dtype: Any) -> Any:
        """The tensors in arguments, cast."""
        if isinstance(value, dict):
            return {key: self._nested(item, dtype) for key, item in value.items()}
        if type(value) in (list, tuple):
            return type(value)(self._nested(item, dtype) for item in value)
        return self._one(value, dtype) if self._eligible(value) else value

    def _cast(self, name: str, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        if name in self.policy.lower:
            return self._all(inputs, self.dtype.numpy)
        if name in self.policy.full:
            return self._all(inputs, dtypes.float32.numpy)
        if name in self.policy.widest:
            floats = [x.array.dtype for x in inputs if self._eligible(x)]
            if len(set(floats)) > 1:
                return self._all(inputs, functools.reduce(dtypes.promote, floats))
        return inputs

    def _eligible(self, x: Any) -> bool:
        if not isinstance(x, Tensor) or not dtypes.is_float(x.array.dtype) or x.array.dtype.itemsize > 4:
            return False
        return x.is_cpu if self.device_type == "cpu" else x.device.type == self.device_type

    def _all(self, inputs: tuple[Any, ...], dtype: Any) -> tuple[Any, ...]:
        return tuple(self._one(x, dtype) if self._eligible(x) else x for x in inputs)

    def _one(self, x: Tensor, dtype: Any) -> Tensor:
        """A tensor in another type; weights are cast once in a block."""
        if x.array.dtype == dtype or not self.cache_enabled or not self.depth or type(x.node) is not Leaf:
            return cast(x, dtype)
        key = (id(x), state.grad)
        found = self.cache.get(key)
        if found is None or found[1] != writes(x) or found[2].array.dtype != dtype:
            found = self.cache[key] = (x, writes(x), cast(x, dtype))
        return found[2]


def _active(device_type: str) -> autocast | None:
    """The block that is in force for a kind of device."""
    for interpreter in reversed(state.interpreters):
        if isinstance(interpreter, autocast) and interpreter.device_type == device_type:
            return interpreter if interpreter.enabled else None
    return None


def is_autocast_enabled(device_type: str = "cuda") -> bool:
    """Whether this thread is inside an enabled `autocast` block for a kind of device."""
    return _active(_known("is_autocast_enabled", device_type)) is not None


def get_autocast_dtype(device_type: str) -> dtypes.dtype:
    """The type that autocast uses, or would use, on a kind of device."""
    found = _active(_known("get_autocast_dtype", device_type))
    return _DEFAULTS[device_type] if found is None else found.dtype


def is_autocast_cpu_enabled() -> bool:
    """Whether this thread is inside an enabled `autocast("cpu")` block."""
    return is_autocast_enabled("cpu")


def get_autocast_cpu_dtype() -> dtypes.dtype:
    """The type that autocast uses on the CPU."""
    return get_autocast_dtype("cpu")


def get_autocast_gpu_dtype() -> dtypes.dtype:
    """The type that autocast uses on CUDA."""
    return get_autocast_dtype("cuda")


def is_autocast_cache_enabled() -> bool:
    """Whether the innermost `autocast` block keeps cast weights (outside: whether one would)."""
    blocks = [i for i in state.interpreters if isinstance(i, autocast)]
    return blocks[-1].cache_enabled if blocks else True


def clear_autocast_cache() -> None:
    """Forget the cast weights of all blocks that this thread is in."""
    for interpreter in state.interpreters:
        if isinstance(interpreter, autocast):
            interpreter.cache.clear()
