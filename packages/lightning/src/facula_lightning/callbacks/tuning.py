"""Finders: try learning rates or batch sizes before training, then put everything back."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import facula_lightning as pl
from facula_lightning.callbacks.callback import Callback
from facula_lightning.exceptions import MisconfigurationException, choice
from facula_lightning.loops.loaders import transfer
from facula_lightning.seed import isolate_rng


@contextmanager
def _tried(trainer: pl.Trainer, module: Any) -> Iterator[None]:
    """Train in here; afterwards weights, optimizers, counters and random numbers are as they were."""
    schedulers = [config.scheduler for config in trainer.lr_scheduler_configs]
    things = [module, *trainer.optimizers, *schedulers]
    states = [copy.deepcopy(thing.state_dict()) for thing in things]
    loop, metrics = trainer.fit_loop, trainer.metrics
    step, active, loggers, trainer.loggers = loop.global_step, metrics.active, trainer.loggers, []
    metrics.active = metrics.training
    module.train()
    try:
        with isolate_rng():
            yield
    finally:
        for thing, state in zip(things, states, strict=True):
            thing.load_state_dict(state)
        module.zero_grad()
        loop.global_step, metrics.active, trainer.loggers = step, active, loggers
        metrics.training.reset()


def _losses(trainer: pl.Trainer, count: int) -> Iterator[float]:
    """Train on `count` batches, from the beginning again where there are fewer; gives each loss."""
    trainer.fit_loop.prepare()
    move, done = transfer(trainer), 0
    while done < count:
        before = done
        for batch in trainer.fit_loop.loader:
            if done == count:
                return
            batch = batch if move is None else move(batch, 0)
            trainer.metrics.batch = batch
            outputs = trainer.optimization.run(batch, 0, accumulating=False)
            done += 1
            yield math.nan if outputs is None else float(outputs["loss"])
        if done == before:
            return


@dataclass(eq=False)
class LearningRateFinder(Callback):
    """Trains a few batches at rates from `min_lr` to `max_lr` and begins at the one where the loss falls steepest.

    `results` are the rates and losses, `suggestion` the rate; it is set in the optimizer and in `module.lr` or
    `module.hparams.lr` (or `attr_name`). Source: Smith, "Cyclical learning rates for training neural networks", 2017.
    """

    min_lr: float = 1e-8
    max_lr: float = 1.0
    num_training_steps: int = 100
    mode: str = "exponential"
    early_stop_threshold: float | None = 4.0
    update_attr: bool = True
    attr_name: str = ""
    results: dict[str, list[float]] = field(default_factory=lambda: {"lr": [], "loss": []}, init=False)
    suggestion: float | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        choice("LearningRateFinder", "mode", self.mode, "exponential", "linear")

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.ckpt_path is not None:
            return
        if len(trainer.optimizers) != 1:
            raise MisconfigurationException(
                f"LearningRateFinder: expected one optimizer, got {len(trainer.optimizers)}. Set the rates yourself."
            )
        self._search(trainer, pl_module)
        if self.suggestion is not None:
            for group in trainer.optimizers[0].param_groups:
                group["lr"] = self.suggestion
                if "initial_lr" in group:
                    group["initial_lr"] = self.suggestion
            if self.update_attr:
                _set(pl_module, self.attr_name, ("lr", "learning_rate"), self.suggestion)

    def _rate(self, step: int) -> float:
        part = step / max(1, self.num_training_steps - 1)
        if self.mode == "linear":
            return self.min_lr + (self.max_lr - self.min_lr) * part
        return float(self.min_lr * (self.max_lr / self.min_lr) ** part)

    def _search(self, trainer: pl.Trainer, module: Any) -> None:
        smooth, best = 0.0, math.inf
        rates, losses = self.results["lr"], self.results["loss"]
        with _tried(trainer, module):
            groups = trainer.optimizers[0].param_groups
            groups[0]["lr"] = self._rate(0)
            for step, loss in enumerate(_losses(trainer, self.num_training_steps)):
                smooth = 0.98 * smooth + 0.02 * loss
                rates.append(self._rate(step))
                losses.append(smooth / (1 - 0.98 ** (step + 1)))
                best = min(best, losses[-1])
                if self.early_stop_threshold and step > 1 and not losses[-1] <= self.early_stop_threshold * best:
                    break
                for group in groups:
                    group["lr"] = self._rate(step + 1)
        first = min(10, len(losses) // 4) + 1
        slopes = [(losses[i + 1] - losses[i - 1], rates[i]) for i in range(first, len(losses) - 1)]
        self.suggestion = min((pair for pair in slopes if math.isfinite(pair[0])), default=(0.0, None))[1]


@dataclass(eq=False)
class BatchSizeFinder(Callback):
    """Doubles the batch size until memory ends (or `max_val`), and trains with the largest that fitted.

    The size is `batch_arg_name` of the data module or the module, or of their `hparams`. With `mode="binsearch"` sizes between
    the largest that fitted and the first that did not are tried too.
    """

    mode: str = "power"
    steps_per_trial: int = 3
    init_val: int = 2
    max_trials: int = 25
    batch_arg_name: str = "batch_size"
    max_val: int = 8192
    optimal_batch_size: int | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        choice("BatchSizeFinder", "mode", self.mode, "power", "binsearch")

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.ckpt_path is not None:
            return
        fits, fails, size = 0, self.max_val + 1, self.init_val
        with _tried(trainer, pl_module):
            for _ in range(self.max_trials):
                if self._fits(trainer, size):
                    fits = size
                else:
                    fails = size
                if fits and self.mode == "binsearch" and fails <= self.max_val:
                    size = (fits + fails) // 2
                else:
                    size = size * 2 if fits == size else size // 2
                if size in (0, fits) or size >= fails:
                    break
        self.optimal_batch_size = fits or 1
        _set(trainer.datamodule or pl_module, self.batch_arg_name, (), self.optimal_batch_size)

    def _fits(self, trainer: pl.Trainer, size: int) -> bool:
        _set(trainer.datamodule or trainer.module, self.batch_arg_name, (), size)
        try:
            for _ in _losses(trainer, self.steps_per_trial):
                pass
        except (MemoryError, RuntimeError) as error:
            if not isinstance(error, MemoryError) and "out of memory" not in str(error).lower():
                raise
            return False
        return True


def _set(owner: Any, name: str, others: tuple[str, ...], value: Any) -> None:
    """Set an attribute, or a hyperparameter of that name."""
    for candidate in [name] if name else others:
        if candidate in owner.hparams:
            owner.hparams[candidate] = value
            return
        if hasattr(owner, candidate):
            setattr(owner, candidate, value)
            return
    if name:
        raise MisconfigurationException(
            f"finder: expected {type(owner).__name__} to have {name!r} as attribute or hyperparameter, got neither. "
            f"Assign self.{name} in __init__ and use it in the loaders."
        )
