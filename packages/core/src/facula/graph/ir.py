"""A traced program: values, the calls of ops between them, and the constants they need."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any


@dataclasses.dataclass(eq=False)
class Value:
    """One array in a graph: its name, shape and NumPy dtype."""

    name: str
    shape: tuple[int, ...]
    dtype: Any


@dataclasses.dataclass(eq=False)
class Call:
    """One op call: inputs are `Value`s, Python numbers or None; attributes are those of the record."""

    op: Any
    inputs: tuple[Any, ...]
    attrs: tuple[Any, ...]
    outputs: list[Value]

    def attributes(self) -> dict[str, Any]:
        """The attributes by name."""
        return dict(zip(self.op.attrs, self.attrs, strict=True))


@dataclasses.dataclass(eq=False)
class Graph:
    """A straight-line program: calls in order, from `inputs` and `constants` to `outputs`."""

    inputs: list[Value] = dataclasses.field(default_factory=list)
    outputs: list[Value] = dataclasses.field(default_factory=list)
    calls: list[Call] = dataclasses.field(default_factory=list)
    constants: dict[Value, Any] = dataclasses.field(default_factory=dict)

    def prune(self) -> Graph:
        """Drop calls and constants that no output needs; returns the graph."""
        needed = set(self.outputs)
        kept = []
        for call in reversed(self.calls):
            if needed.intersection(call.outputs):
                kept.append(call)
                needed.update(v for v in call.inputs if isinstance(v, Value))
        self.calls = kept[::-1]
        self.constants = {v: a for v, a in self.constants.items() if v in needed}
        return self

    def run(self, *arrays: Any) -> Any:
        """Interpret the graph on tensors; what tests compare with the program that was traced."""
        from facula.tensors.tensor import wrap

        table: dict[Value, Any] = dict(zip(self.inputs, arrays, strict=True))
        table.update({v: wrap(a) for v, a in self.constants.items()})
        for call in self.calls:
            inputs = tuple(table[v] if isinstance(v, Value) else v for v in call.inputs)
            results = call.op.bind(inputs, call.attrs)
            table.update(zip(call.outputs, results if call.op.returns else (results,), strict=True))
        outs = tuple(table[v] for v in self.outputs)
        return outs[0] if len(outs) == 1 else outs

    def __str__(self) -> str:
        lines = [f"graph({', '.join(f'{v.name}: {_type(v)}' for v in self.inputs)}):"]
        for call in self.calls:
            args = [v.name if isinstance(v, Value) else repr(v) for v in call.inputs]
            args += [f"{k}={v!r}" for k, v in call.attributes().items()]
            lines.append(
                f"    {', '.join(v.name for v in call.outputs)} = {call.op.name}({', '.join(args)})  # {_type(call.outputs[0])}"
            )
        return "\n".join([*lines, f"    return {', '.join(v.name for v in self.outputs)}"])


def _type(v: Value) -> str:
    return f"{v.dtype}{list(v.shape)}"


def leaves(structure: Any) -> Sequence[Any]:
    """The tensors in a returned structure, in order."""
    from facula.tensors.tensor import Tensor
    from facula.tree import tree_leaves

    return [x for x in tree_leaves(structure) if isinstance(x, Tensor)]
