"""`FlopCounterMode`: count the arithmetic of a program, forward and backward, by module and op."""

from __future__ import annotations

import weakref
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from facula.autograd.state import Interpreter, state
from facula.autograd.tape import Pick
from facula.profiler.averages import aligned, in_units
from facula.profiler.flops import FORMULAS, backward_flops, count, forward_flops
from facula.profiler.modules import ModuleTracker


def register_flop_formula(targets: Any, get_raw: bool = False) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Decorate the formula of an op (or of several): from its inputs' shapes and `out`, the result's shape, to a count.

    `get_raw` is accepted; formulas are of shapes.
    """

    def register(formula: Callable[..., int]) -> Callable[..., int]:
        for target in targets if isinstance(targets, (list, tuple)) else (targets,):
            FORMULAS[_name(target)] = formula, ()
        return formula

    return register


def _name(target: Any) -> str:
    """The record's name for a name, a record or the function that is its door."""
    return target if isinstance(target, str) else str(getattr(target, "op", target).name)


class FlopCounterMode(Interpreter):
    """Count twice the multiply-adds of what runs inside, forward and backward, and print a table at the end.

    `depth` limits the table's rows, `display=False` prints nothing; `custom_mapping` gives formulas for more ops by name, as
    `register_flop_formula` takes them.

    >>> import facula
    >>> model = facula.nn.Linear(3, 2)
    >>> with facula.utils.flop_counter.FlopCounterMode(display=False) as counter:
    ...     model(facula.ones(4, 3)).sum().backward()
    >>> counter.get_total_flops(), dict(counter.get_flop_counts()["Linear"])
    (96, {'linear': 96})
    """

    def __init__(
        self,
        mods: Any = None,
        depth: int = 2,
        display: bool = True,
        custom_mapping: dict[Any, Callable[..., int]] | None = None,
    ) -> None:
        self.depth, self.display = depth, display
        self.custom = {_name(op): formula for op, formula in (custom_mapping or {}).items()}
        self.tracker = ModuleTracker()
        self._reset()

    def _reset(self) -> None:
        self.flop_counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        self._made: weakref.WeakKeyDictionary[Any, tuple[str, int]] = weakref.WeakKeyDictionary()

    def __enter__(self) -> FlopCounterMode:
        self._reset()
        self.tracker.start()
        super().__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        super().__exit__(*exc)
        self.tracker.stop()
        if self.display:
            print(self.get_table(self.depth))  # noqa: T201

    def process(self, op: Any, inputs: tuple[Any, ...], attrs: tuple[Any, ...]) -> Any:
        result = op.bind(inputs, attrs)
        formula = self.custom.get(op.name)
        found = forward_flops(op, inputs, result) if formula is None else count(formula, inputs, result)
        if found:
            self._count(op, self.tracker.path, found)
            node = (result[0] if isinstance(result, tuple) else result).node
            if node is not None:
                self._made[node.parent if type(node) is Pick else node] = self.tracker.path, found
        return result

    def around_backward(self, step: Callable[..., Any], sink: Callable[..., None]) -> tuple[Any, Any]:
        def counted(node: Any, g: Any, create_graph: bool) -> Any:
            path, forward = self._made.get(node, ("", 0))
            found = backward_flops(node, forward)
            if found:
                self._count(node.op, path, found)
            around = state.interpreters  # the formulas of a backward may be ops themselves: they are counted as a whole
            state.interpreters = [i for i in around if i is not self]
            state.set_grad(state.grad)
            try:
                return step(node, g, create_graph)
            finally:
                state.interpreters = around
                state.set_grad(state.grad)

        return counted, sink

    def _count(self, op: Any, path: str, found: int) -> None:
        name = op.name.removesuffix("_op")
        parts = path.split(".") if path else []
        for place in ("Global", *(".".join(parts[: i + 1]) for i in range(len(parts)))):
            self.flop_counts[place][name] += found

    def get_total_flops(self) -> int:
        """All that was counted."""
        return sum(self.flop_counts["Global"].values())

    def get_flop_counts(self) -> dict[str, dict[str, int]]:
        """For each module's path, and for "Global": the count of each op."""
        return {path: dict(counts) for path, counts in self.flop_counts.items()}

    def get_table(self, depth: int | None = None) -> str:
        """The counts as text, down to `depth` levels of modules."""
        depth = self.depth if depth is None else depth
        total = self.get_total_flops()
        cells = []
        for path, counts in self.flop_counts.items():
            level = 0 if path == "Global" else path.count(".") + 1
            if level > depth:
                continue
            own = sum(counts.values())
            cells.append([" " * level + path, in_units(own), f"{100 * own / total:.2f}%"])
            cells += [[" " * level + f" - {op}", in_units(n), f"{100 * n / total:.2f}%"] for op, n in counts.items()]
        return "\n".join(aligned(["Module", "FLOPs", "% Total"], cells))
