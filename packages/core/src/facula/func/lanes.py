"""Batches that a function does not see: `Batched` looks like one lane of a batch, `Lanes` runs ops on all lanes at once."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from facula import dtypes
from facula.autograd.primitives import cast
from facula.autograd.state import Interpreter, state
from facula.autograd.tape import current
from facula.errors import runtime_error
from facula.func.batching import batched_call
from facula.ops import expand, movedim, stack
from facula.tensors.inplace import write
from facula.tensors.tensor import Tensor
from facula.tree import tree_flatten, tree_unflatten


class NumbersAsked(RuntimeError, AttributeError):
    """What is raised where the numbers of one lane are asked for."""


class Lane:
    """Stands where an array would be: the shape and type of one lane, and no numbers that could be read."""

    __slots__ = ("dtype", "shape", "value")
    base = None

    def __init__(self, value: Tensor) -> None:
        self.value, self.shape, self.dtype = value, value.array.shape[1:], value.array.dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return int(np.prod(self.shape))

    @property
    def itemsize(self) -> int:
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        return self.size * self.itemsize

    @property
    def strides(self) -> Any:
        return self.value.array.strides[1:]

    def min(self) -> Any:
        """The least number of all lanes: what a check of a range asks for."""
        return self.value.array.min()

    def max(self) -> Any:
        return self.value.array.max()

    def __imul__(self, factor: Any) -> Any:
        self.value.array *= factor
        return self

    @property
    def stands_for(self) -> Any:
        return self.value.array

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise NumbersAsked(
            "vmap: expected operations whose result's shape does not depend on the data, got one that reads the numbers "
            "of a batched tensor (or a tensor that was kept after its vmap ended). Compute with tensors, or loop over the batch."
        )

    def __getattr__(self, name: str) -> Any:
        return self.__array__()

    def __mul__(self, other: Any) -> Any:
        return self.__array__()

    __add__ = __sub__ = __lt__ = __gt__ = __mul__

    def __eq__(self, other: object) -> bool:
        return bool(self.__array__())

    __hash__ = object.__hash__


class Batched(Tensor):
    """One lane of `value`, whose first dimension is the batch of `level`. It has the tape, the memory and the device of `value`."""

    __slots__ = ("lane", "level", "value")
    lane: Lane
    value: Tensor
    level: Lanes

    @property
    def array(self) -> Any:
        return self.lane

    @array.setter
    def array(self, array: Any) -> None:
        if array is not self.lane:
            raise runtime_error(
                "vmap: expected the memory of a batched tensor to stay, got a new array. Write out of place."
            )

    @property
    def node(self) -> Any:
        return current(self.value).node

    @node.setter
    def node(self, node: Any) -> None:
        raise runtime_error(
            "vmap: expected a transformation such as func.grad, got requires_grad_() on a tensor inside of vmap. "
            "Use vmap(grad(f)) instead."
        )

    @property
    def device(self) -> Any:
        return self.value.device

    @property
    def is_cpu(self) -> bool:
        return self.value.is_cpu

    def detach(self) -> Any:
        return batched(self.value.detach(), self.level)

    data = property(detach)

    def item(self) -> Any:
        raise runtime_error(
            "vmap: It looks like you're calling .item() on a Tensor. We don't support vmap over calling .item() on a "
            "Tensor, since each lane has a number of its own. Use facula.where instead of if."
        )

    def tolist(self) -> Any:
        return self.item()

    def numpy(self, *, force: bool = False) -> Any:
        return self.item()

    def data_ptr(self) -> int:
        return self.value.data_ptr()

    def __repr__(self) -> str:
        return f"Batched(shape={tuple(self.shape)}, of={self.value!r})"


def batched(value: Tensor, level: Lanes) -> Batched:
    """`value` as one lane of itself."""
    out = object.__new__(Batched)
    out.value, out.level, out.lane = value, level, Lane(value)
    out.grad = out.root = out.version = None
    return out


class Lanes(Interpreter):
    """One `vmap` that is running: ops on its tensors run on whole batches, by the rules of `batching.py`."""

    batches = True

    def __init__(self, size: int, randomness: str) -> None:
        self.size, self.randomness = size, randomness

    def process(self, op: Any, inputs: tuple[Any, ...], attrs: tuple[Any, ...]) -> Any:
        flags = [self.has(x) for x in inputs]
        named = dict(zip(op.attrs, attrs, strict=True))
        if not any(flags):
            return op.door(*inputs, **named)
        kinds = {x.array.dtype for x in inputs if isinstance(x, Tensor)}
        if op.promote and len(kinds) > 1:  # a lane without dimensions counts less than one with, as in PyTorch
            common = dtypes.result_type(x.array if isinstance(x, Tensor) else x for x in inputs if x is not None)
            values = tuple(cast(self.value(x), common) if isinstance(x, Tensor) else x for x in inputs)
        else:
            values = tuple(self.value(x) for x in inputs)
        found = batched_call(op, self.size, values, flags, named)
        if not isinstance(found, tuple):
            return batched(found, self)
        results = [batched(t, self) for t in found]
        return tuple(results) if isinstance(op.returns, int) else op.returns(*results)

    def has(self, x: Any) -> bool:
        """Whether `x` is batched by this vmap."""
        return type(x) is Batched and x.level is self

    def value(self, x: Any) -> Any:
        return x.value if type(x) is Batched and x.level is self else x

    def wrote(self, target: Any, value: Any, writer: str) -> bool:
        if not self.has(target):
            if self.has(value):
                raise runtime_error(
                    f"vmap: {writer} is not possible because a batched tensor would be written into one that is not being vmapped over. "
                    "Make the target inside of the function from a batched tensor, or use an operation that is not in-place."
                )
            return False
        with only(below(self)):
            source = value.value if self.has(value) else expand(value, target.value.shape)
            write(target.value, source, writer)
        return True

    def draws(self, make: Any, shape: tuple[int, ...]) -> Any:
        if self.randomness == "same":
            return None
        if self.randomness == "error":
            raise runtime_error(
                "vmap: called random operation while in randomness error mode. Please either use the 'same' or 'different' "
                "randomness flags on vmap or perform the randomness operation out of vmap."
            )
        with only(below(self)):
            return batched(make((self.size, *shape)), self)

    def applied(self, function: Any, args: tuple[Any, ...]) -> Any:
        """A custom autograd Function runs lane by lane."""
        return self.lanewise(function.apply, args, {})

    def lanewise(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run a function for each lane, and stack what it returns."""
        leaves, spec = tree_flatten((args, kwargs))
        if not any(self.has(x) for x in leaves):
            with only(below(self)):
                return function(*args, **kwargs)
        lanes = []
        with only(below(self)):
            for i in range(self.size):
                positional, named = tree_unflatten([x.value[i] if self.has(x) else x for x in leaves], spec)
                results, structure = tree_flatten(function(*positional, **named))
                lanes.append(results)
            stacked = [batched(stack(list(column)), self) for column in zip(*lanes, strict=True)]
        return tree_unflatten(stacked, structure)


@contextlib.contextmanager
def only(interpreters: list[Any]) -> Iterator[None]:
    """Run with these interpreters and no others."""
    hidden = state.interpreters
    state.interpreters = interpreters
    state.set_grad(state.grad)
    try:
        yield
    finally:
        state.interpreters = hidden
        state.set_grad(state.grad)


def below(level: Any) -> list[Any]:
    """The interpreters outside of `level`."""
    active = state.interpreters
    return active[: active.index(level)] if level in active else list(active)


def levels() -> list[Lanes]:
    """The vmaps that are running, outermost first."""
    return [i for i in state.interpreters if isinstance(i, Lanes)]


def strip(t: Tensor, active: list[Lanes]) -> Tensor:
    """`t` with the batches of `active` as leading dimensions, outermost first, where it lacks one by expansion."""
    for level in reversed(active):
        t = _strip(t, level)
    return t


def _strip(t: Tensor, level: Lanes) -> Tensor:
    if type(t) is Batched:
        if t.level is level:
            return t.value
        if _inside(t.level, level):
            with only([i for i in below(t.level) if i is not level]):
                value = movedim(_strip(t.value, level), 0, 1)
            return batched(value, t.level)
    return expand(t, (level.size, *t.shape))


def _inside(inner: Lanes, outer: Lanes) -> bool:
    active = state.interpreters
    return inner in active and (outer not in active or active.index(inner) > active.index(outer))


def dress(t: Tensor, active: list[Lanes]) -> Tensor:
    """Undo `strip`: the leading dimensions become the batches of `active` again."""
    for level in active:
        t = _dress(t, level)
    return t


def _dress(t: Tensor, level: Lanes) -> Tensor:
    if type(t) is Batched and _inside(t.level, level):
        with only([i for i in below(t.level) if i is not level]):
            value = _dress(movedim(t.value, 1, 0), level)
        return batched(value, t.level)
    return batched(t, level)


def debug_unwrap(tensor: Tensor, *, recurse: bool = True) -> Tensor:
    """The whole batch behind a tensor that stands for one lane of it inside of vmap (of all nested ones with `recurse`).

    For looking at in a debugger; whatever is computed from it is outside of the transformation.
    """
    while type(tensor) is Batched:
        tensor = tensor.value
        if not recurse:
            break
    return tensor
