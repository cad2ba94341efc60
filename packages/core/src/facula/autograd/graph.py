"""`torch.autograd.graph`: nodes of the tape, and hooks on what it keeps for backward.

The hooks are an interpreter: while they are active every recorded call has its kept tensors packed; otherwise they cost
nothing.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from facula.autograd import tape
from facula.autograd.op import Op
from facula.autograd.state import Interpreter, state
from facula.errors import runtime_error
from facula.tensors.inplace import bump
from facula.tensors.tensor import Tensor, wrap

__all__ = ["Node", "disable_saved_tensors_hooks", "increment_version", "save_on_cpu", "saved_tensors_hooks"]


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
    """Let `saved_tensors_hooks` raise `error_message` in here.

    >>> import facula
    >>> with facula.autograd.graph.disable_saved_tensors_hooks("not here"):
    ...     pass
    """
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
