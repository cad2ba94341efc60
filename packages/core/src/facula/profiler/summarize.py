"""`facula.summary`: what each layer of a network makes, holds and costs, in one table."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

from facula import ops
from facula.autograd.state import Interpreter, no_grad
from facula.devices.generator import get_rng_state, set_rng_state
from facula.dtypes import dtype as DType
from facula.errors import value_error
from facula.nn.module import Module
from facula.nn.uninitialized import is_lazy
from facula.profiler.averages import aligned, in_bytes, in_units
from facula.profiler.flops import forward_flops
from facula.profiler.modules import ModuleTracker
from facula.tensors.tensor import Tensor
from facula.tree import tree_flatten


@dataclasses.dataclass
class LayerSummary:
    """One module: its path, class and depth, the shape it returned last, and what it holds and costs.

    `parameters` and `trainable` count numbers, its children's included; `flops` is twice the multiply-adds of all its calls;
    `memory` is the bytes of its outputs in all calls.
    """

    name: str
    kind: str
    depth: int
    parameters: int
    trainable: int
    is_leaf: bool
    output_shape: Any = None
    calls: int = 0
    flops: int = 0
    memory: int = 0


@dataclasses.dataclass
class Summary:
    """The layers of a network, and their totals; printing it shows the table."""

    layers: list[LayerSummary]
    parameters: int
    trainable: int
    flops: int
    input_bytes: int
    output_bytes: int
    parameter_bytes: int

    @property
    def non_trainable(self) -> int:
        """How many numbers of the parameters are not trained."""
        return self.parameters - self.trainable

    @property
    def total_bytes(self) -> int:
        """Input, parameters and buffers, and the outputs of all layers."""
        return self.input_bytes + self.parameter_bytes + self.output_bytes

    def __str__(self) -> str:
        titles = ["Layer (type)", "Output shape", "Params", "Trainable", "FLOPs", "Memory"]
        cells = [
            [
                f"{'  ' * layer.depth}{layer.name.rpartition('.')[2]} ({layer.kind})",
                "--" if layer.output_shape is None else str(layer.output_shape),
                f"{layer.parameters:,}" if layer.parameters else "--",
                f"{layer.trainable:,}" if layer.trainable else "--",
                in_units(layer.flops) if layer.flops else "--",
                in_bytes(layer.memory) if layer.memory else "--",
            ]
            for layer in self.layers
        ]
        lines = aligned(titles, cells)
        lines += [
            f"Parameters: {self.parameters:,} ({self.trainable:,} trainable, {self.non_trainable:,} not)",
            f"FLOPs of a forward: {in_units(self.flops)}",
            f"Input: {in_bytes(self.input_bytes)}, parameters and buffers: {in_bytes(self.parameter_bytes)}, "
            f"outputs: {in_bytes(self.output_bytes)}, together: {in_bytes(self.total_bytes)}",
        ]
        return "\n".join(lines)

    __repr__ = __str__


class _Counter(Interpreter):
    """Adds the arithmetic of each op to the modules that are running, and notes what modules return."""

    def __init__(self, layers: dict[int, LayerSummary]) -> None:
        self.layers, self.total = layers, 0
        self.tracker = ModuleTracker(left=self.left)

    def __enter__(self) -> Any:
        self.tracker.start()
        return super().__enter__()

    def __exit__(self, *exc: object) -> None:
        super().__exit__(*exc)
        self.tracker.stop()

    def process(self, op: Any, inputs: tuple[Any, ...], attrs: tuple[Any, ...]) -> Any:
        result = op.bind(inputs, attrs)
        count = forward_flops(op, inputs, result)
        if count:
            self.total += count
            for module in {id(m) for _, m in self.tracker.running} & self.layers.keys():
                self.layers[module].flops += count
        return result

    def left(self, path: str, module: Module, output: Any) -> None:
        layer = self.layers.get(id(module))
        tensors = _tensors(output)
        if layer is not None:
            layer.calls += 1
            layer.memory += sum(t.nbytes for t in tensors)
            shapes = [tuple(t.shape) for t in tensors]
            layer.output_shape = shapes[0] if len(shapes) == 1 else shapes or None


def summary(
    model: Module,
    input: Any = None,
    *,
    input_size: Sequence[Any] | None = None,
    input_data: Any = None,
    dtype: DType | None = None,
    device: Any = None,
    depth: int | None = None,
) -> Summary:
    """Run a network once, in eval mode and without gradients, and say what each layer makes, holds and costs.

    `input` (or `input_data`) is what the network is called with: a tensor, a tuple of them, or a dict of keyword arguments;
    `input_size` is a shape or a list of shapes to fill with zeros of `dtype`. `depth` limits the rows, not the counts.
    The network's mode and the random numbers that follow are as if it had not run; lazy layers get their shapes by it.

    Errors: ValueError unless there is exactly one of `input`, `input_size` and `input_data`.

    >>> import facula
    >>> model = facula.nn.Sequential(facula.nn.Linear(4, 8), facula.nn.ReLU(), facula.nn.Linear(8, 2))
    >>> found = facula.summary(model, input_size=(16, 4))
    >>> found.parameters, found.flops, [layer.output_shape for layer in found.layers]
    (58, 1536, [(16, 2), (16, 8), (16, 8), (16, 2)])
    """
    given = [x for x in (input, input_size, input_data) if x is not None]
    if len(given) != 1:
        raise value_error(
            f"summary: expected one of input, input_size and input_data, got {len(given)}. "
            "Pass what the model is called with, or input_size=(N, ...)."
        )
    data = _zeros(input_size, dtype, device) if input_size is not None else given[0]
    args, kwargs = ((), data) if isinstance(data, dict) else (data if isinstance(data, (tuple, list)) else (data,), {})
    modes = {module: module.training for module in model.modules()}
    numbers = get_rng_state()
    layers: dict[int, LayerSummary] = {}
    for level, name, module in _walk(model):
        if id(module) not in layers:
            layers[id(module)] = LayerSummary(name, type(module).__name__, level, 0, 0, not list(module.children()))
    counter = _Counter(layers)
    model.eval()
    try:
        with no_grad(), counter:
            model(*args, **kwargs)
    finally:
        for module, mode in modes.items():
            module.training = mode
        set_rng_state(numbers)
    for module in model.modules():  # after the call, which gives lazy layers their parameters
        layer = layers.get(id(module))
        if layer is not None:
            layer.parameters, layer.trainable = _counts(module)
    rows = [layer for layer in layers.values() if depth is None or layer.depth <= depth]
    total, trainable = _counts(model)
    return Summary(
        rows,
        total,
        trainable,
        counter.total,
        sum(t.nbytes for t in _tensors((args, kwargs))),
        sum(layer.memory for layer in layers.values() if layer.is_leaf),
        sum(t.nbytes for t in (*model.parameters(), *model.buffers()) if not is_lazy(t)),
    )


def _walk(module: Module, level: int = 0, name: str = "") -> Iterator[tuple[int, str, Module]]:
    yield level, name or type(module).__name__, module
    for child_name, child in module.named_children():
        yield from _walk(child, level + 1, f"{name}.{child_name}" if name else child_name)


def _counts(module: Module) -> tuple[int, int]:
    parameters = [p for p in module.parameters() if not is_lazy(p)]
    return sum(p.numel() for p in parameters), sum(p.numel() for p in parameters if p.requires_grad)


def _zeros(size: Any, dtype: DType | None, device: Any) -> Any:
    """Zeros of one shape, or of each shape of a list."""
    if all(isinstance(n, int) for n in size):
        return ops.function("zeros")(*size, dtype=dtype, device=device)
    return tuple(_zeros(each, dtype, device) for each in size)


def _tensors(value: Any) -> list[Tensor]:
    return [x for x in tree_flatten(value)[0] if isinstance(x, Tensor)]
