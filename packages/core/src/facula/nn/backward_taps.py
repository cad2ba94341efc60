"""Backward hooks of modules: identity nodes on the tape around a call, which see the gradients pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from facula.autograd.function import Function
from facula.errors import runtime_error
from facula.tensors.tensor import Tensor

if TYPE_CHECKING:
    from facula.nn.module import Module

Hook = Callable[..., Any]


class _InputTap(Function):
    """Identity on the inputs; its backward sees the gradients that leave the module."""

    @staticmethod
    def forward(ctx: Any, taps: BackwardTaps, *tensors: Tensor) -> Any:
        ctx.taps = taps
        return tuple(t.view_as(t) for t in tensors)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> Any:
        return (None, *ctx.taps.leave(gradients))


class _OutputTap(Function):
    """Identity on the outputs; its backward sees the gradients that enter the module."""

    @staticmethod
    def forward(ctx: Any, taps: BackwardTaps, *tensors: Tensor) -> Any:
        ctx.taps = taps
        return tuple(t.view_as(t) for t in tensors)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> Any:
        return (None, *ctx.taps.enter(gradients))


class BackwardTaps:
    """The two identity nodes around one call of a module, and what passes between them."""

    def __init__(self, module: Module, pre_hooks: list[Hook], hooks: list[Hook]) -> None:
        self.module, self.pre_hooks, self.hooks = module, pre_hooks, hooks
        self.input_slots: list[int] = []
        self.input_count = 0
        self.output_slots: list[int] = []
        self.output_count = 0
        self.entered: tuple[Tensor | None, ...] = ()

    def tap_inputs(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """Route the inputs that need a gradient through the input node."""
        self.input_count = len(args)
        self.input_slots = [i for i, a in enumerate(args) if isinstance(a, Tensor) and a.requires_grad]
        return self._route(_InputTap, args, self.input_slots) if self.hooks and self.input_slots else args

    def tap_outputs(self, result: Any) -> Any:
        """Route the results that need a gradient through the output node."""
        results = result if isinstance(result, (tuple, list)) else (result,)
        self.output_count = len(results)
        self.output_slots = [i for i, r in enumerate(results) if isinstance(r, Tensor) and r.requires_grad]
        if not self.output_slots:
            return result
        routed = self._route(_OutputTap, tuple(results), self.output_slots)
        if not isinstance(result, (tuple, list)):
            return routed[0]
        if hasattr(result, "_fields"):
            return type(result)(*routed)
        return type(result)(routed)

    def _route(self, node: type[Function], values: tuple[Any, ...], slots: list[int]) -> tuple[Any, ...]:
        routed = list(values)
        for slot, tensor in zip(slots, node.apply(self, *[values[i] for i in slots]), strict=True):
            routed[slot] = tensor
        return tuple(routed)

    def enter(self, gradients: tuple[Tensor | None, ...]) -> tuple[Tensor | None, ...]:
        """Backward reaches the outputs: run the pre-hooks, and the hooks too when no input wants a gradient."""
        full = _spread(gradients, self.output_slots, self.output_count)
        for hook in self.pre_hooks:
            full = _replaced(hook(self.module, full), full, "backward pre-hook")
        self.entered = full
        if not self.input_slots:
            nothing: tuple[Tensor | None, ...] = (None,) * self.input_count
            for hook in self.hooks:
                if hook(self.module, nothing, full) is not None:
                    raise runtime_error(
                        f"backward hook of {type(self.module).__name__}: expected None where no input requires grad, "
                        "got new gradients. Return None."
                    )
        return tuple(full[i] for i in self.output_slots)

    def leave(self, gradients: tuple[Tensor | None, ...]) -> tuple[Tensor | None, ...]:
        """Backward reaches the inputs: run the hooks, which may replace the gradients."""
        full = _spread(gradients, self.input_slots, self.input_count)
        for hook in self.hooks:
            full = _replaced(hook(self.module, full, self.entered), full, "backward hook")
        self.entered = ()
        return tuple(full[i] for i in self.input_slots)


def _spread(values: tuple[Tensor | None, ...], slots: list[int], count: int) -> tuple[Tensor | None, ...]:
    spread: list[Tensor | None] = [None] * count
    for slot, value in zip(slots, values, strict=True):
        spread[slot] = value
    return tuple(spread)


def _replaced(answer: Any, before: tuple[Tensor | None, ...], name: str) -> tuple[Tensor | None, ...]:
    if answer is None:
        return before
    after = answer if isinstance(answer, tuple) else (answer,)
    if len(after) != len(before):
        raise runtime_error(
            f"{name}: expected {len(before)} gradients, got {len(after)}. Return as many as the hook was given."
        )
    return after
