"""Averaged weights: exponential moving averages and stochastic weight averaging."""

from __future__ import annotations

from typing import Any, ClassVar

import facula
import facula_lightning as pl
from facula_lightning.callbacks.callback import Callback
from facula_lightning.optimizers import SchedulerConfig
from facula_lightning.seed import isolate_rng


class WeightAveraging(Callback):
    """Keeps an average of the weights, validates with it, and leaves it in the module when training ends.

    Checkpoints hold the average as their weights and the weights of training beside it, so that a run goes on exactly.
    A subclass calls `take` when the average is to take the weights in.
    """

    kept: ClassVar[tuple[str, ...]] = ("count",)

    def __init__(self) -> None:
        self.average: dict[str, Any] = {}
        self.count = 0
        self._own: dict[str, Any] | None = None  # the weights of training while the average stands in for them
        self._stage = ""

    def take(self, module: Any, share: float) -> None:
        """average += share * (weights - average)."""
        with facula.no_grad():
            for name, value in module.named_parameters():
                if name not in self.average:
                    self.average[name] = value.detach().clone()
                else:
                    self.average[name].add_(value.detach() - self.average[name], alpha=share)
        self.count += 1

    def _put(self, module: Any, values: dict[str, Any]) -> None:
        with facula.no_grad():
            for name, value in module.named_parameters():
                value.copy_(values[name])

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        self._stage = stage

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self._stage == "fit" and self.average and self._own is None:
            self._own = {name: value.detach().clone() for name, value in pl_module.named_parameters()}
            self._put(pl_module, self.average)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self._own is not None:
            self._put(pl_module, self._own)
            self._own = None

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.average:
            self._put(pl_module, self.average)

    def on_save_checkpoint(self, trainer: pl.Trainer, pl_module: Any, checkpoint: dict[str, Any]) -> None:
        if self.average:
            weights = checkpoint["state_dict"]
            checkpoint["current_model_state"] = {**weights, **(self._own or {})}
            checkpoint["state_dict"] = {**weights, **self.average}

    def on_load_checkpoint(self, trainer: pl.Trainer, pl_module: Any, checkpoint: dict[str, Any]) -> None:
        if self._stage == "fit" and "current_model_state" in checkpoint:
            names = [name for name, _ in pl_module.named_parameters()]
            self.average = {name: checkpoint["state_dict"][name].to(pl_module.device) for name in names}
            checkpoint["state_dict"] = checkpoint["current_model_state"]


class EMAWeightAveraging(WeightAveraging):
    """average = decay * average + (1 - decay) * weights, every `update_every_n_steps` optimizer steps."""

    def __init__(self, decay: float = 0.999, update_every_n_steps: int = 1, update_starting_at_step: int = 0) -> None:
        super().__init__()
        self.decay, self.every, self.first = decay, update_every_n_steps, update_starting_at_step

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        step = trainer.global_step
        if not trainer.fit_loop.accumulating and step >= self.first and step % self.every == 0:
            self.take(pl_module, 1 - self.decay)


class StochasticWeightAveraging(WeightAveraging):
    """From `swa_epoch_start` (an epoch, or a part of them) on the mean of each epoch's weights, at the rate `swa_lrs`.

    When training ends the statistics of batch norms are taken anew with the mean. Source: Izmailov et al., 2018.
    """

    kept: ClassVar[tuple[str, ...]] = ("count", "begun")

    def __init__(
        self,
        swa_lrs: float | list[float],
        swa_epoch_start: float = 0.8,
        annealing_epochs: int = 10,
        annealing_strategy: str = "cos",
    ) -> None:
        super().__init__()
        self.swa_lrs, self.swa_epoch_start = swa_lrs, swa_epoch_start
        self.annealing: dict[str, Any] = {"anneal_epochs": annealing_epochs, "anneal_strategy": annealing_strategy}
        self.begun = False

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.begun:
            self._begin(trainer)

    def _begin(self, trainer: pl.Trainer) -> None:
        self.begun = True
        schedule = facula.optim.swa_utils.SWALR(trainer.optimizers[0], self.swa_lrs, **self.annealing)
        trainer.lr_scheduler_configs[:] = [SchedulerConfig(schedule)]

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        start = self.swa_epoch_start
        first = int(start * trainer.max_epochs) if isinstance(start, float) else start
        if trainer.current_epoch >= first and not self.begun:
            self._begin(trainer)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.begun:
            self.take(pl_module, 1 / (self.count + 1))

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        super().on_train_end(trainer, pl_module)
        if self.begun:
            with isolate_rng():
                facula.optim.swa_utils.update_bn(trainer.fit_loop.loader, pl_module)
