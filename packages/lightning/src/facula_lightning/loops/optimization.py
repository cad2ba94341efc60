"""One training batch: forward, backward and the optimizer's step."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import facula
import facula_lightning as pl
from facula_lightning.attributes import overridden
from facula_lightning.exceptions import MisconfigurationException
from facula_lightning.module import LightningModule
from facula_lightning.optimizers import LightningOptimizer, parameters_of


class Optimization:
    """Runs `training_step` and, unless the module does it itself, what follows from its loss.

    With accumulation the loss is divided by the number of batches, gradients add up, and the optimizer steps at the
    last of them (or of the epoch). A step that returns {"loss": mean, "weight": how many} has its gradients added by
    weight and divided by the sum of weights over batches and processes: the gradient of the mean over everything.
    """

    def __init__(self, trainer: pl.Trainer, module: LightningModule) -> None:
        self.trainer = trainer
        self.module = module
        self.hooks = trainer.hooks
        self.weight = 0.0  # of the batches whose gradients are accumulated, where training_step gives weights
        steppers = [trainer.precision.stepper(optimizer) for optimizer in trainer.optimizers]
        self.wrapped = [LightningOptimizer(stepper, trainer) for stepper in steppers]
        self.optimizer = steppers[0] if steppers else None
        self._parallel = trainer.strategy.world_size > 1
        self.automatic = module.automatic_optimization
        self.takes_index = arity("training_step", module.training_step, 2) > 1
        self._step: Any = module.training_step
        self._differentiate: Any = module.backward
        if trainer.profiler is not None:
            self._step = trainer.profiler.wrap("training_step", self._step)
            self._differentiate = trainer.profiler.wrap("backward", self._differentiate)
        self._own_clipping = overridden(module, "configure_gradient_clipping", LightningModule)
        self._step_is_plain = not overridden(module, "optimizer_step", LightningModule)
        kind = type(self.optimizer)  # one whose closure can as well run before it keeps tracebacks short
        known = kind.__module__.startswith("facula.optim") and kind.__name__ != "LBFGS"
        self._closure_first = self._step_is_plain and known
        self._batch: tuple[Any, int] = (None, 0)
        self._batch_weight: float | None = None
        self._outputs: Any = None

    def run(self, batch: Any, batch_idx: int, accumulating: bool) -> Any:
        """One batch; returns what hooks get as `outputs`."""
        self._batch = (batch, batch_idx)
        self._outputs = self._batch_weight = None
        if not self.automatic:
            return self._manual()
        if self.optimizer is None or accumulating:
            with self.trainer.strategy.no_sync():
                self._closure(clip=False)
            return self._outputs
        module = self.module
        metrics = self.trainer.metrics
        before, metrics.hook = metrics.hook, "optimizer_step"
        try:
            if self._closure_first:
                self._closure()
                self.optimizer.step()
            elif self._step_is_plain:
                self.optimizer.step(self._closure)
            else:
                module.optimizer_step(self.trainer.current_epoch, batch_idx, self.optimizer, self._closure)
        finally:
            metrics.hook = before
        self.trainer.fit_loop.global_step += 1
        return self._outputs

    def training_step(self) -> Any:
        """What the module's `training_step` returns for the batch at hand."""
        metrics = self.trainer.metrics
        before, metrics.hook = metrics.hook, "training_step"
        if self._parallel:
            self.trainer.strategy.before_step(self.module)
        try:
            with self.trainer.precision.forward():
                return self._step(*self._batch) if self.takes_index else self._step(self._batch[0])
        finally:
            metrics.hook = before

    def backward(self, loss: Any, *args: Any, **kwargs: Any) -> None:
        """Gradients of a loss, with the hooks around."""
        self.hooks("on_before_backward", loss)
        self._differentiate(self.trainer.precision.scaled(loss), *args, **kwargs)
        self.hooks("on_after_backward")

    def _closure(self, clip: bool = True) -> Any:
        """Forward, clear gradients, backward; then what comes before the optimizer looks at them."""
        batch_idx = self._batch[1]
        loss = self._loss(self.training_step())
        optimizer = self.optimizer
        if optimizer is None:
            return loss
        accumulated = self.trainer.accumulate_grad_batches
        if batch_idx % accumulated == 0:
            self.weight = 0.0
            self.hooks("on_before_zero_grad", optimizer)
            self.module.optimizer_zero_grad(self.trainer.current_epoch, batch_idx, optimizer)
        if loss is not None:
            if not loss.requires_grad:
                raise RuntimeError(
                    "training_step: expected a loss that requires grad, got one that no parameter leads to. "
                    "Leave out .detach(), .item() and no_grad(), and let some parameters learn."
                )
            if self._batch_weight is not None:
                self.weight += self._batch_weight
            self.backward(loss)
        if clip:
            self.trainer.precision.unscale(optimizer)
            if self._batch_weight is not None:
                self._average(optimizer)
            self.hooks("on_before_optimizer_step", optimizer)
            value = self.trainer.gradient_clip_val
            if value is not None or self._own_clipping:
                self.module.configure_gradient_clipping(optimizer, value, self.trainer.gradient_clip_algorithm)
        return loss

    def _average(self, optimizer: Any) -> None:
        """Divide gradients of weighted losses by the weights of all batches and all processes."""
        strategy = self.trainer.strategy
        total = strategy.reduce(self.weight, "sum")
        for parameter in parameters_of(optimizer) if total else ():
            if parameter.grad is not None:
                parameter.grad *= strategy.world_size / total

    def _loss(self, returned: Any) -> Any:
        """The loss in what `training_step` returned, divided by the batches that are accumulated."""
        if returned is None:
            return None
        extra: dict[str, Any] = {}
        loss = returned
        if isinstance(returned, Mapping):
            if "loss" not in returned:
                raise MisconfigurationException(
                    f"training_step: expected a dict with the key 'loss', got keys {', '.join(map(repr, returned))}. Return {{'loss': loss, ...}}."
                )
            loss = returned["loss"]
            extra = {key: value for key, value in returned.items() if key != "loss"}
        if not isinstance(loss, facula.Tensor):
            fix = " without .item()" if isinstance(loss, float | int) else ", or {'loss': loss, ...}"
            raise MisconfigurationException(
                f"training_step: expected a loss tensor, a dict with 'loss', or None, got {type(loss).__name__}. Return the loss{fix}."
            )
        if loss.numel() != 1:
            raise MisconfigurationException(
                f"training_step: expected a loss of one element, got shape {tuple(loss.shape)}. Return loss.mean()."
            )
        if "weight" in extra:
            self._batch_weight = float(extra["weight"])
            self._outputs = {"loss": loss.detach(), **extra}
            return loss * self._batch_weight
        if self.trainer.accumulate_grad_batches != 1:
            loss = loss / self.trainer.accumulate_grad_batches
        self._outputs = {"loss": loss.detach(), **extra}
        return loss

    def _manual(self) -> Any:
        returned = self.training_step()
        if isinstance(returned, facula.Tensor):
            return {"loss": returned.detach()}
        if returned is None or isinstance(returned, Mapping):
            return returned
        raise MisconfigurationException(
            f"training_step: expected a tensor, a dict or None in manual optimization, got {type(returned).__name__}. Return nothing."
        )


def arity(name: str, step: Any, most: int, loaders: int = 1) -> int:
    """How many of batch, batch_idx and dataloader_idx a step takes; the last one of `*args` only with several loaders."""
    parameters = inspect.signature(step).parameters.values()
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return 3 if loaders > 1 else min(most, 2)
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    needed = [p for p in parameters if p.default is p.empty and p.kind is not p.VAR_KEYWORD]
    if not positional or len(needed) > most or any(p.kind is p.KEYWORD_ONLY for p in needed):
        raise TypeError(
            f"{name}: expected it to take batch and batch_idx{', perhaps dataloader_idx' if most == 3 else ''}, "
            f"got {inspect.signature(step)}. Write def {name}(self, batch, batch_idx)."
        )
    return min(len(positional), most)
