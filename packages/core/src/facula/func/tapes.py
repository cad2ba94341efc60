"""The tape as the transformations use it: inputs of their own to differentiate for, and pulling gradients back from results.

What runs inside of vmap is on the tape as whole batches, so the batches of the vmaps that are active become leading
dimensions (`strip`) before the tape is walked, and batches again (`dress`) afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from facula import dtypes
from facula.autograd.engine import _below, _quiet, _run, _starts
from facula.autograd.state import state
from facula.autograd.tape import Leaf, current
from facula.errors import runtime_error, type_error
from facula.func.lanes import Lanes, dress, levels, only, strip
from facula.tensors.tensor import Tensor


class Inputs:
    """Tensors that a function is differentiated for: stand-ins for the given ones, connected to them where they have history."""

    def __init__(self, given: Sequence[Any], name: str) -> None:
        self.levels = levels()
        for t in given:
            if not isinstance(t, Tensor):
                raise type_error(
                    f"{name}: Expected all inputs to differentiate for to be Tensors, got {type(t).__name__}. "
                    "Choose others by argnums, or convert with facula.as_tensor()."
                )
            if not dtypes.is_differentiable(t.array.dtype):
                raise runtime_error(
                    f"{name}: only Tensors of floating point and complex dtype can require gradients, got {t.dtype}. Convert it with .float() first."
                )
        outer = [strip(t, self.levels) for t in given]
        with only(self.outside()):
            self.own = [t.view_as(t) if state.grad and t.requires_grad else t.detach().requires_grad_() for t in outer]
        self.recorded = state.grad
        self.tensors = [dress(t, self.levels) for t in self.own]

    def outside(self) -> list[Any]:
        """The interpreters without the vmaps that were active when the inputs were made."""
        return [i for i in state.interpreters if i not in self.levels]

    def linked(self, outputs: Sequence[Tensor]) -> bool:
        """Whether something else than our inputs that wants a gradient is below `outputs`."""
        own = {t.node for t in self.own if type(t.node) is Leaf}
        starts = [current(t).node for t in outputs]
        return any(type(n) is Leaf and n not in own for n in _below(n for n in starts if n is not None))

    def released(self, t: Any, outputs: Sequence[Tensor]) -> Any:
        """A result as others may see it: without our inputs as its history."""
        if not isinstance(t, Tensor) or (self.recorded and self.linked([t])):
            return t
        return t.detach() if t.requires_grad else t


def pull(
    outputs: Sequence[Tensor],
    inputs: Sequence[Tensor],
    seeds: Sequence[Any],
    active: list[Lanes],
    create_graph: bool,
    zeros: bool = True,
    keep: bool = True,
) -> list[Any]:
    """The vector-Jacobian products of `outputs` for `inputs`, which were recorded while the vmaps `active` ran.

    `inputs` stand without their batches; `outputs`, `seeds` and the result with them.
    """
    ys = [strip(t, active) for t in outputs]
    vs = [strip(t, active) for t in seeds]
    outside = [i for i in state.interpreters if i not in active]
    with only(outside):
        used = [(y, v) for y, v in zip(ys, vs, strict=True) if current(y).node is not None]
        found: dict[Any, Any] = {}
        nodes = [current(x).node for x in inputs]
        if used:
            roots, starts = _starts([y for y, _ in used], [v for _, v in used], "func")

            def sink(node: Any, g: Any, owned: bool) -> None:
                if node in wanted:
                    found[node] = g if isinstance(g, Tensor) else _owned(g, owned)

            wanted = set(nodes)
            tensors = create_graph or bool(outside)
            with _quiet(create_graph):
                _run(roots, starts, keep, tensors, wanted, sink)
        results = [found.get(n) for n in nodes]
        results = [x.new_zeros(x.shape) if g is None and zeros else g for g, x in zip(results, inputs, strict=True)]
    return [None if g is None else dress(g, active) for g in results]


def _owned(g: Any, owned: bool) -> Tensor:
    from facula.tensors.tensor import wrap

    return wrap(g if owned else g.copy())
