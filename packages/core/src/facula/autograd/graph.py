"""`torch.autograd.graph`: nodes of the tape, and hooks on what it keeps for backward.

The hooks are an interpreter: while they are active every recorded call has its kept tensors packed; otherwise they cost
nothing.
"""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from facula.autograd import tape
from facula.autograd.op import Op
from facula.autograd.state import Interpreter, state
from facula.errors import assertion_error, runtime_error, value_error
from facula.tensors.inplace import bump
from facula.tensors.tensor import Tensor, wrap

__all__ = [
    "GradientEdge", "Node", "allow_mutation_on_saved_tensors", "disable_saved_tensors_hooks", "get_gradient_edge", "increment_version",
    "register_multi_grad_hook", "save_on_cpu", "saved_tensors_hooks",
]  # fmt: skip

GradientEdge = tape.GradientEdge


class _IsNode(type):
    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, (tape.Node, tape.Pick, tape.Leaf))


class Node(metaclass=_IsNode):
    """What `grad_fn` is: a recorded call, with `name()`, `next_functions` and `register_hook`. For isinstance only.

    >>> import facula
    >>> isinstance(facula.ones(2, requires_grad=True).exp().grad_fn, facula.autograd.graph.Node)
    True
    """


class _Refusals(threading.local):
    def __init__(self) -> None:
        self.messages: list[str] = []


_refusals = _Refusals()


class saved_tensors_hooks(Interpreter):
    """While it is active, what is kept for backward is replaced by `pack_hook(tensor)`, and given back by `unpack_hook`.

    The innermost pair counts. `unpack_hook` returns a tensor with the numbers, shape and type that were packed.

    >>> import facula
    >>> x = facula.tensor(3., requires_grad=True)
    >>> with facula.autograd.graph.saved_tensors_hooks(lambda t: t.item(), lambda number: facula.tensor(number)):
    ...     y = x * x
    >>> y.backward()
    >>> x.grad
    tensor(6.)
    """

    def __init__(self, pack_hook: Callable[[Tensor], Any], unpack_hook: Callable[[Any], Tensor]) -> None:
        self.pack_hook, self.unpack_hook, self.covered = pack_hook, unpack_hook, 0

    def __enter__(self) -> Any:
        if _refusals.messages:
            raise runtime_error(_refusals.messages[-1])
        self._cover(1)
        return super().__enter__()

    def __exit__(self, *exc: object) -> None:
        super().__exit__(*exc)
        self._cover(-1)

    def _cover(self, change: int) -> None:
        """The hooks outside of these do nothing meanwhile."""
        for other in state.interpreters:
            if isinstance(other, saved_tensors_hooks):
                other.covered += change

    def process(self, op: Any, inputs: tuple[Any, ...], attrs: tuple[Any, ...]) -> Any:
        found = op.bind(inputs, attrs)
        first = next((t.node for t in (found if isinstance(found, tuple) else (found,)) if t.node is not None), None)
        if first is not None:
            self.recorded(first.parent if type(first) is tape.Pick else first)
        return found

    def recorded(self, node: Any) -> None:
        if self.covered or not node.kept:
            return
        if not isinstance(node.op, Op):  # a custom Function: its results are kept as memory with a place
            node.kept = tuple(self._packed_input(kept) for kept in node.kept)
            return
        pairs = zip(node.op.saved, node.kept, strict=True)
        node.kept = tuple(
            self._packed_result(kept) if name == "out" else self._packed_input(kept) for name, kept in pairs
        )

    def _packed_input(self, kept: Any) -> Any:
        if isinstance(kept, tuple) and kept and isinstance(kept[0], Tensor):
            t = tape.current(kept[0])
            return tape.Packed(self._pack(t), self.unpack_hook, t.node)
        if isinstance(kept, tuple):  # a variable number of inputs
            return tuple(self._packed_input(k) for k in kept)
        if hasattr(kept, "array"):
            kept.array = tape.Packed(self._pack(wrap(kept.array)), self.unpack_hook, None)
        return kept

    def _packed_result(self, kept: Any) -> Any:
        if kept is None or isinstance(kept, tape.Packed):
            return kept
        if isinstance(kept, tuple):
            return tuple(self._packed_result(k) for k in kept)
        return tape.Packed(self._pack(wrap(kept)), self.unpack_hook, None)

    def _pack(self, t: Tensor) -> Any:
        active, state.interpreters = state.interpreters, []
        grad = state.grad
        state.set_grad(False)
        try:
            return self.pack_hook(t)
        finally:
            state.interpreters = active
            state.set_grad(grad)


class save_on_cpu(saved_tensors_hooks):
    """Keep what backward needs on the CPU, and bring each tensor back to its device when backward asks for it.

    `pin_memory` and `device_type` are accepted; copies are ordinary ones.

    >>> import facula
    >>> x = facula.ones(2, requires_grad=True)
    >>> with facula.autograd.graph.save_on_cpu():
    ...     y = (x * x).sum()
    >>> y.backward()
    >>> x.grad
    tensor([2., 2.])
    """

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:
        super().__init__(lambda t: (t.device, t.detach().cpu()), lambda packed: packed[1].to(packed[0]))


@contextlib.contextmanager
def disable_saved_tensors_hooks(error_message: str) -> Iterator[None]:
    """Let `saved_tensors_hooks` raise `error_message` in here (and at once, if some are active).

    >>> import facula
    >>> with facula.autograd.graph.disable_saved_tensors_hooks("not here"):
    ...     pass
    """
    if any(isinstance(i, saved_tensors_hooks) for i in state.interpreters):
        raise runtime_error(error_message)
    _refusals.messages.append(error_message)
    try:
        yield
    finally:
        _refusals.messages.pop()


def increment_version(tensor: Tensor | Iterable[Tensor]) -> None:
    """Count a write that went past the framework, so that backward notices if it needed the old numbers.

    >>> import facula
    >>> x = facula.ones(2)
    >>> facula.autograd.graph.increment_version(x)
    >>> x._version
    1
    """
    tensors: Iterable[Any] = (tensor,) if isinstance(tensor, Tensor) else tensor
    for t in tensors:
        bump(t, "increment_version")


def get_gradient_edge(tensor: Tensor) -> GradientEdge:
    """The place of `tensor` on the tape; `autograd.grad` and `backward` take it in place of the tensor, which may be forgotten.

    Errors: RuntimeError if the tensor does not require grad.

    >>> import facula
    >>> x = facula.tensor(3., requires_grad=True)
    >>> y = x * x
    >>> edge = facula.autograd.graph.get_gradient_edge(y)
    >>> facula.autograd.grad(y * y, edge)
    (tensor(18.),)
    """
    node = tape.current(tensor).node
    if node is None:
        raise runtime_error(
            "get_gradient_edge: It is not possible to get the gradient edge for a Tensor that does not require gradients, "
            "expected one that does. Call requires_grad_() first."
        )
    return GradientEdge(node.parent, node.index) if type(node) is tape.Pick else GradientEdge(node, 0)


class _Handles:
    """The handles of several hooks as one."""

    def __init__(self, handles: Sequence[tape.RemovableHandle]) -> None:
        self.handles = handles

    def remove(self) -> None:
        for handle in self.handles:
            handle.remove()

    def __enter__(self) -> _Handles:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()


def register_multi_grad_hook(tensors: Sequence[Tensor], fn: Callable[[Any], None], *, mode: str = "all") -> _Handles:
    """Call `fn(gradients)` in each backward when those of all `tensors` in it are known (None for a tensor that is not in it);
    with mode="any", `fn(gradient)` when the first is.

    >>> import facula
    >>> a, b = facula.ones(2, requires_grad=True), facula.ones(2, requires_grad=True)
    >>> with facula.autograd.graph.register_multi_grad_hook((a, b), print):
    ...     (a + 2 * b).sum().backward()
    [tensor([1., 1.]), tensor([2., 2.])]
    """
    if mode not in ("all", "any"):
        raise value_error(
            f"register_multi_grad_hook: Expects mode to be one of ('all', 'any') but got {mode}. Use one of them."
        )
    places = [tape.current(t).node for t in tensors]
    this = threading.local()  # the backward that is seen, the gradients that it has brought, how many it will bring

    def hook_of(i: int) -> Callable[[Tensor], None]:
        def hook(g: Tensor) -> None:
            if getattr(this, "running", None) is not state.running:
                order, goals = this.running = state.running
                this.found = [None] * len(places)
                this.missing = sum(n in order and (goals is None or n in goals) for n in places)
                this.first = True
            this.found[i] = g
            this.missing -= 1
            if mode == "any" and this.first:
                this.first = False
                fn(g)
            elif mode == "all" and not this.missing:
                fn(this.found)

        return hook

    return _Handles([t.register_hook(hook_of(i)) for i, t in enumerate(tensors)])


class _Kept:
    """Memory that backward needs; copied before something else is written there."""

    __slots__ = ("__weakref__", "array")

    def __init__(self, array: Any) -> None:
        self.array = array


class allow_mutation_on_saved_tensors(saved_tensors_hooks):
    """While it is active, what is kept for backward may be written: it is copied first. Backward must run inside, too.

    >>> import facula
    >>> x = facula.ones(2, requires_grad=True)
    >>> with facula.autograd.graph.allow_mutation_on_saved_tensors():
    ...     y = x * 1
    ...     loss = (y ** 2).sum()
    ...     y = y.sin_()
    ...     loss.backward()
    >>> x.grad
    tensor([2., 2.])
    """

    def __init__(self) -> None:
        super().__init__(self._keep, self._give_back)
        self.all: weakref.WeakSet[_Kept] = weakref.WeakSet()

    def __enter__(self) -> Any:
        if any(isinstance(i, allow_mutation_on_saved_tensors) for i in state.interpreters):
            raise runtime_error(
                "allow_mutation_on_saved_tensors: contexts cannot be nested, expected none around this one. Leave the inner one away."
            )
        return super().__enter__()

    def __exit__(self, *exc: object) -> None:
        super().__exit__(*exc)
        self.clear()

    def clear(self) -> None:
        """Forget what was kept; backward cannot use it any more."""
        for kept in self.all:
            kept.array = None
        self.all.clear()

    def _keep(self, t: Tensor) -> _Kept:
        kept = _Kept(t.array)
        self.all.add(kept)
        return kept

    def _give_back(self, kept: _Kept) -> Tensor:
        if kept.array is None:
            raise assertion_error(
                "allow_mutation_on_saved_tensors: Trying to backward outside of the context in which the graph was recorded. "
                "Call backward inside of it."
            )
        return wrap(kept.array)

    def wrote(self, target: Any, value: Any, writer: str) -> None:
        for kept in self.all:
            if type(target.array) is not np.ndarray or np.may_share_memory(kept.array, target.array):
                kept.array = kept.array.copy()
