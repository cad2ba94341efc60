"""ModelSummary: the layers of a module and how many parameters they have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import facula
import facula_lightning as pl
from facula_lightning.batches import first_tensor
from facula_lightning.callbacks.callback import Callback
from facula_lightning.module import evaluated
from facula_lightning.tables import human, text_table


@dataclass
class LayerRow:
    """One line of a summary: a layer, its parameters and, if the module was tried on an example, its shapes."""

    name: str
    kind: str
    parameters: int
    trainable: int
    in_shape: tuple[int, ...] | None = None
    out_shape: tuple[int, ...] | None = None

    def measure(self, layer: Any, inputs: Any, output: Any) -> None:
        """A forward hook that notes the shapes."""
        self.in_shape, self.out_shape = (
            None if (found := first_tensor(value)) is None else tuple(found.shape) for value in (inputs, output)
        )


def _counted(module: Any) -> tuple[int, int]:
    """How many parameters there are, and how many of them learn."""
    counts = [(p.numel(), p.numel() * p.requires_grad) for p in module.parameters()]
    return sum(count for count, _ in counts), sum(learn for _, learn in counts)


class ModelSummary(Callback):
    """Prints the layers down to `max_depth` (-1: all) with their parameters when fitting begins.

    With `module.example_input_array` it tries the module once and adds the shapes that go in and out.
    """

    def __init__(self, max_depth: int = 1) -> None:
        if max_depth < -1:
            raise ValueError(f"ModelSummary: expected max_depth to be -1 or more, got {max_depth}. Use -1 for all.")
        self.max_depth = max_depth

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.is_global_zero and self.max_depth != 0:
            self.show(pl_module, format_summary(pl_module, summarize(pl_module, self.max_depth)))

    def show(self, pl_module: Any, text: str) -> None:
        """Print the summary."""
        pl_module.print(text)


class RichModelSummary(ModelSummary):
    """The summary in a frame, by rich."""

    def show(self, pl_module: Any, text: str) -> None:
        from rich import console, panel

        console.Console().print(panel.Panel(text, title=type(pl_module).__name__, expand=False))


def summarize(module: Any, max_depth: int = 1, example: Any = None) -> list[LayerRow]:
    """The rows of a summary, outermost layers first; `example` (or the module's own) is tried for shapes.

    >>> import facula
    >>> [row.parameters for row in summarize(facula.nn.Sequential(facula.nn.Linear(2, 3), facula.nn.ReLU()))]
    [9, 0]
    """
    layers = [
        (LayerRow(name, type(layer).__name__, *_counted(layer)), layer)
        for name, layer in module.named_modules()
        if name and (max_depth == -1 or name.count(".") < max_depth)
    ]
    example = getattr(module, "example_input_array", None) if example is None else example
    if example is not None:
        handles = [layer.register_forward_hook(row.measure) for row, layer in layers]
        try:
            with evaluated(module), facula.no_grad():
                module(*example) if isinstance(example, tuple) else module(example)
        finally:
            for handle in handles:
                handle.remove()
    return [row for row, _ in layers]


def format_summary(module: Any, rows: list[LayerRow]) -> str:
    """The summary as text, with totals."""
    shapes = any(row.out_shape for row in rows)
    header = ["", "name", "type", "params", *(["in", "out"] if shapes else [])]
    cells = []
    for number, row in enumerate(rows):
        line = [str(number), row.name, row.kind, human(row.parameters)]
        cells.append(line + ([str(row.in_shape or "?"), str(row.out_shape or "?")] if shapes else []))
    total, trainable = _counted(module)
    size = sum(p.numel() * p.dtype.itemsize for p in module.parameters()) / 1e6
    totals = f"{human(trainable)} trainable of {human(total)} parameters, {size:.3g} MB"
    return f"{text_table(header, cells, right=[3])}\n{totals}"
