"""Tracing: run a function once on example tensors and write down every op call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from facula.autograd.state import Interpreter, no_grad
from facula.errors import runtime_error
from facula.graph.ir import Call, Graph, Value, leaves
from facula.tensors.tensor import Tensor


class Tracer(Interpreter):
    """Writes each call into a `Graph`. Tensors that no call made are constants (weights by their given names)."""

    def __init__(self, names: dict[int, str] | None = None) -> None:
        self.graph, self.names = Graph(), names or {}
        self.values: dict[int, Value] = {}
        self.alive: list[Any] = []  # ids stay unique while their tensors live
        self.used: dict[str, int] = {}

    def named(self, base: str) -> str:
        """A name that no other value has."""
        count = self.used[base] = self.used.get(base, 0) + 1
        return base if count == 1 else f"{base}_{count - 1}"

    def value_of(self, t: Any) -> Any:
        """The value of a tensor; numbers and None stand for themselves."""
        if not isinstance(t, Tensor):
            return t
        if id(t) not in self.values:
            v = self.add(t, self.named(self.names.get(id(t), "constant")))
            self.graph.constants[v] = t.array
        return self.values[id(t)]

    def add(self, t: Tensor, name: str) -> Value:
        v = self.values[id(t)] = Value(name, tuple(t.array.shape), t.array.dtype)
        self.alive.append(t)
        return v

    def process(self, op: Any, inputs: tuple[Any, ...], attrs: tuple[Any, ...]) -> Any:
        results = op.bind(inputs, attrs)
        outs = results if op.returns else (results,)
        ins = tuple(self.value_of(x) for x in inputs)
        self.graph.calls.append(Call(op, ins, attrs, [self.add(t, self.named(op.name)) for t in outs]))
        return results

    def wrote(self, target: Any, value: Any, writer: str) -> None:
        """An in-place write: from now on the target means the value."""
        if target.root is not None:
            raise runtime_error(
                f"trace: expected no in-place writes to views, got {writer} on one. Write out of place, or to a clone."
            )
        self.values[id(target)] = self.value_of(value)
        self.alive.append(target)


def trace(
    function: Callable[..., Any],
    args: Sequence[Any],
    names: dict[int, str] | None = None,
    input_names: Sequence[str] | None = None,
) -> Graph:
    """The graph of `function(*args)`; tensors among `args` become its inputs.

    `names` maps the id of a tensor (a weight) to the name that its constant gets.

    >>> import facula
    >>> from facula.graph.trace import trace
    >>> print(trace(lambda x: facula.relu(x + 1), [facula.ones(2)]))
    graph(input_0: float32[2]):
        add = add(input_0, 1, alpha=1)  # float32[2]
        relu = relu(add)  # float32[2]
        return relu
    """
    tracer = Tracer(names)
    chosen = list(input_names or ())
    for i, t in enumerate(leaves(list(args))):
        tracer.graph.inputs.append(tracer.add(t, tracer.named(chosen[i] if i < len(chosen) else f"input_{i}")))
    with no_grad(), tracer:
        result = function(*args)
    tracer.graph.outputs = [tracer.value_of(t) for t in leaves(result)]
    return tracer.graph.prune()
