"""In-place writes. Every in-place op is the functional op plus one primitive, `write`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from facula import dtypes
from facula.autograd.primitives import cast, clone, region
from facula.autograd.state import births, state
from facula.autograd.tape import Fence, Leaf, Node, current, move_retained, version_of
from facula.devices import base as devices
from facula.errors import runtime_error, type_error
from facula.tensors.tensor import Tensor, wrap


def bump(t: Tensor, writer: str) -> None:
    """Count a write into the storage under `t` that went past `write` (an optimizer's, a kernel's)."""
    root = t if t.root is None else t.root
    version = root.version
    if version is None:
        version = version_of(root)
    version.count += 1
    version.writer = writer


def check_writable(target: Tensor, value_needs_grad: bool, writer: str) -> bool:
    """Whether a write is recorded; raises where PyTorch forbids it."""
    recorded = state.grad and (target.node is not None or value_needs_grad)
    root = target if target.root is None else target.root
    if state.grad and target.root is not None and (recorded or root.node is not None):
        for step, _ in target.path:
            if type(step) is Fence:
                raise step.refusal(writer, "expected a view that may be written, got one that is being")
    if state.grad and type(root.node) is Leaf:
        what = (
            "a leaf Variable that requires grad" if target is root else "a view of a leaf Variable that requires grad"
        )
        raise runtime_error(f"{writer}: {what} is being used in an in-place operation. Write within no_grad().")
    return recorded


def _copy(target: Any, value: Any, writer: str, uniform: bool) -> None:
    """Array to array of the same shape, on any device; the shared memory of overlapping arrays is respected by NumPy."""
    if not target.size:
        return
    if type(target) is np.ndarray:
        repeats = any(s == 0 and n > 1 for s, n in zip(target.strides, target.shape, strict=True))
        if repeats and not uniform:
            raise runtime_error(
                f"{writer}: unsupported operation: more than one element of the written-to tensor refers to a single memory location. "
                "Please clone() it before writing."
            )
        with np.errstate(all="ignore"):
            np.copyto(target, devices.to_host(value), casting="unsafe")
    elif hasattr(target, "astype"):
        target[...] = devices.move(value, devices.device_of(target))


def write(target: Tensor, value: Tensor, writer: str) -> Tensor:
    """The one in-place primitive: memory, version, and the tape's idea of who made the target.

    If the target is a view, its root gets the node of "root with this region replaced"; stale views find their node again
    from the root when they are next used.
    """
    if target.root is not None:
        current(target)
    for interpreter in state.interpreters:
        if interpreter.wrote(target, value, writer):
            return target
    recorded = check_writable(target, value.node is not None, writer) and dtypes.is_differentiable(target.array.dtype)
    if recorded and value.array.dtype != target.array.dtype:
        value = cast(value, target.array.dtype)
    root = target if target.root is None else target.root
    source = value.node
    if recorded and (type(source) is Leaf or (type(source) is not Node and source is not None)):
        source = clone(value).node
    _copy(target.array, value.array, writer, writer in ("fill_", "zero_") and not recorded)
    version = version_of(root)
    version.count += 1
    version.writer = writer
    if not recorded:
        return target
    if type(source) is Node and source.version is None and "out" in source.op.saved:
        source.version, source.count = version, version.count  # its result lives here now
    old = root.node
    if target is root and source is not None:
        root.node = source
        if old is not None and old.hooks:
            move_retained(root, old, source)
        return target
    n = object.__new__(Node)
    path = () if target is root else target.path
    n.op, n.kept, n.attrs, n.seq, n.version, n.hooks = region, (), (path,), next(births), None, None
    n.edges, n.shapes = (root.node, source), (root.array.shape, target.array.shape)
    root.node = n
    if old is not None and old.hooks:
        move_retained(root, old, n)
    if target is not root:
        target.seen = -1
    return current(target)


def check_result(name: str, target: Tensor, value: Tensor) -> None:
    """An in-place result must fit its target's shape and be castable to its type."""
    if value.array.shape != target.array.shape:
        raise runtime_error(
            f"{name}: output with shape {list(target.shape)} doesn't match the broadcast shape {list(value.shape)}. Write out of place instead."
        )
    have, want = value.array.dtype, target.array.dtype
    if have != want and dtypes.category(have) > dtypes.category(want):
        raise runtime_error(
            f"{name}: result type {dtypes.of(have).name} can't be cast to the desired output type {dtypes.of(want).name}. Convert the target with .to() first."
        )


def _any_requires_grad(*values: Any) -> bool:
    return any(isinstance(t, Tensor) and t.requires_grad for t in values)


def in_place(function: Any, name: str) -> Callable[..., Tensor]:
    """`x.op_(...)` from `op`: the functional result, written back."""
    record = getattr(function, "op", function)
    saved = getattr(record, "saved", ("input",))
    first = getattr(record, "inputs", ("input",))[:1]

    def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        plain = type(self) is Tensor and self.root is None and not (state.grad or state.interpreters or args or kwargs)
        if plain and hasattr(record, "overwrite") and record.overwrite(self.array):  # a loop that needs no other memory
            bump(self, name)
            return self
        # What the gradient needs of the old value would be destroyed by the write: keep a copy.
        spoiled = state.grad and (not first or first[0] in saved) and _any_requires_grad(self, *args, *kwargs.values())
        if state.grad:
            check_writable(self, False, name)
        value = function(clone(self) if spoiled else self, *args, **kwargs)
        check_result(name, self, value)
        return write(self, value, name)

    method.__name__ = name
    method.__doc__ = (
        f"In-place version of `{name.removesuffix('_')}`: writes the result into this tensor and returns it."
    )
    return method


def write_out(out: Any, result: Any) -> Any:
    """Put a result where `out=` says, resizing an empty `out` as PyTorch does."""
    if isinstance(result, tuple):
        for target, value in zip(out, result, strict=True):
            write_out(target, value)
        return type(result)(*out) if hasattr(result, "_fields") else tuple(out)
    if not isinstance(out, Tensor):
        raise type_error(f"out: expected a Tensor, got {type(out).__name__}. Allocate it with facula.empty(0).")
    if state.grad and (out.requires_grad or result.requires_grad):
        raise runtime_error(
            "out=... arguments don't support automatic differentiation, but one of the arguments requires grad. Leave out= away."
        )
    have, want = result.array.dtype, out.array.dtype
    if dtypes.category(have) > dtypes.category(want):
        raise runtime_error(
            f"out: result type {dtypes.of(have).name} can't be cast to the desired output type {dtypes.of(want).name}. Allocate out with that dtype."
        )
    if out.array.shape != result.array.shape:
        out.array = result.array.astype(want) if have != want else result.array.copy()
        bump(out, "out=")
        return out
    return write(out, result.detach(), "out=")


def copy_(self: Tensor, src: Any, non_blocking: bool = False) -> Tensor:
    """Copy the elements of `src` (broadcast, converted) into this tensor and return it."""
    if not isinstance(src, Tensor):
        src = wrap(np.asarray(src, self.array.dtype))
    if src.device != self.device:
        src = src.to(self.device)
    if src.array.shape != self.array.shape:
        src = src.expand(self.shape)
    return write(self, src, "copy_")


Tensor.copy_ = copy_  # type: ignore[attr-defined]
