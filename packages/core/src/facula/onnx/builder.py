"""Assembles an ONNX graph: nodes, initializers, names. The forms of ops (`forms.py`) write through it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from facula.graph.ir import Value


class Builder:
    """`ex.Softmax(x, axis=1)` adds a node and returns the name of its result; arrays and numbers become initializers."""

    def __init__(self, dynamic: bool) -> None:
        self.dynamic = dynamic  # whether some size of the inputs is left open
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []
        self.names: dict[Value, str] = {}
        self.count = 0
        self.like: Any = None  # the dtype that Python numbers of the current call take

    def fresh(self, base: str) -> str:
        self.count += 1
        return f"{base}_{self.count}"

    def operand(self, x: Any) -> str:
        """The name of an operand: a graph value, an array, a number, or "" for None."""
        if x is None:
            return ""
        if isinstance(x, str):
            return x
        if isinstance(x, Value):
            return self.names[x]
        return self.constant(np.asarray(x, self.like if isinstance(x, (bool, int, float)) else None))

    def constant(self, array: Any, name: str = "") -> str:
        """An initializer holding an array."""
        from onnx import numpy_helper

        name = name or self.fresh("const")
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(array).reshape(np.shape(array)), name))
        return name

    def ints(self, *values: int) -> str:
        """An int64 initializer, as shapes and axes are given."""
        return self.constant(np.asarray(values, np.int64))

    def node(self, kind: str, inputs: tuple[Any, ...], outputs: int = 1, **attributes: Any) -> Any:
        """Add a node; returns the name of its result, or a list of names."""
        from onnx import helper

        names = [self.operand(x) for x in inputs]
        while names and not names[-1]:
            names.pop()
        results = [self.fresh(kind) for _ in range(outputs)]
        self.nodes.append(
            helper.make_node(kind, names, results, **{k: v for k, v in attributes.items() if v is not None})
        )
        return results[0] if outputs == 1 else results

    def __getattr__(self, kind: str) -> Callable[..., Any]:
        if not kind[0].isupper():
            raise AttributeError(kind)
        return lambda *inputs, outputs=1, **attributes: self.node(kind, inputs, outputs, **attributes)

    def cast(self, x: Any, dtype: Any) -> Any:
        """A Cast to a NumPy dtype."""
        from onnx import helper

        return self.Cast(x, to=helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def shape(self, source: tuple[int, ...], target: tuple[int, ...]) -> str:
        """A Reshape target that still holds when a size of the input is left open: 0 copies a size, -1 infers one."""
        if not self.dynamic or not source:
            return self.ints(*target)
        sizes = [
            0 if i < len(source) and n == source[i] and source[: i + 1] == target[: i + 1] else n
            for i, n in enumerate(target)
        ]
        for i, n in enumerate(sizes):
            if n != 0:
                if i == 0 and -1 not in sizes:
                    sizes[i] = -1
                break
        return self.ints(*sizes)
