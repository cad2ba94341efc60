"""What changes from epoch to epoch: which layers learn, and how many batches are accumulated."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import facula
import facula_lightning as pl
from facula_lightning.callbacks.callback import Callback
from facula_lightning.exceptions import MisconfigurationException
from facula_lightning.optimizers import parameters_of


def multiplicative(epoch: int) -> float:
    """Twice the rate each epoch."""
    return 2.0


class BaseFinetuning(Callback):
    """A subclass defines `freeze_before_training(pl_module)` and `finetune_function(pl_module, epoch, optimizer)`.

    The latter is called before each epoch, and again for the epochs done when a run goes on from a checkpoint.
    """

    kept = ("epochs",)
    epochs = 0  # how many have begun

    @staticmethod
    def freeze(modules: Any, train_bn: bool = True) -> None:
        """Stop the gradients of a module or several; those of batch norms go on with `train_bn`."""
        for module in modules if isinstance(modules, Iterable) else [modules]:
            for part in module.modules():
                norm = isinstance(part, (facula.nn.BatchNorm1d, facula.nn.BatchNorm2d, facula.nn.BatchNorm3d))
                for parameter in part.parameters(recurse=False):
                    parameter.requires_grad = norm and train_bn

    @staticmethod
    def make_trainable(modules: Any) -> None:
        """Let a module or several learn."""
        for module in modules if isinstance(modules, Iterable) else [modules]:
            module.requires_grad_(True)

    @staticmethod
    def unfreeze_and_add_param_group(
        modules: Any, optimizer: Any, lr: float | None = None, initial_denom_lr: float = 10.0, train_bn: bool = True
    ) -> None:
        """Let modules learn, in a group of the optimizer of their own, at `lr` or the first group's over a number."""
        BaseFinetuning.make_trainable(modules)
        known = set(map(id, parameters_of(optimizer)))
        parts = modules if isinstance(modules, Iterable) else [modules]
        new = [p for part in parts for p in part.parameters() if id(p) not in known]
        if new:
            rate = optimizer.param_groups[0]["lr"] / initial_denom_lr if lr is None else lr
            optimizer.add_param_group({"params": new, "lr": rate})

    def freeze_before_training(self, pl_module: Any) -> None:
        """Freeze layers, before optimizers are made."""
        raise NotImplementedError(
            f"{type(self).__name__}.freeze_before_training: expected a definition, got none. Call self.freeze(...) in it."
        )

    def finetune_function(self, pl_module: Any, epoch: int, optimizer: Any) -> None:
        """Unfreeze layers at their epoch."""

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        if stage == "fit":
            self.freeze_before_training(pl_module)

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        for epoch in range(self.epochs):
            self._finetune(trainer, pl_module, epoch)

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._finetune(trainer, pl_module, trainer.current_epoch)
        self.epochs = trainer.current_epoch + 1

    def _finetune(self, trainer: pl.Trainer, module: Any, epoch: int) -> None:
        for optimizer in trainer.optimizers:
            self.finetune_function(module, epoch, optimizer)


@dataclass(eq=False)
class BackboneFinetuning(BaseFinetuning):
    """Freezes `module.backbone` until an epoch, then lets it learn at a rate that grows to that of the rest.

    The rate begins at `backbone_initial_ratio_lr` of the rest's (or `backbone_initial_lr`) and is multiplied by
    `lambda_func(epoch)` before each epoch; with `should_align` it never exceeds that of the rest.
    """

    unfreeze_backbone_at_epoch: int = 10
    lambda_func: Callable[[int], float] = multiplicative
    backbone_initial_ratio_lr: float = 0.1
    backbone_initial_lr: float | None = None
    should_align: bool = True
    train_bn: bool = True

    def freeze_before_training(self, pl_module: Any) -> None:
        if not isinstance(getattr(pl_module, "backbone", None), facula.nn.Module):
            raise MisconfigurationException(
                f"BackboneFinetuning: expected {type(pl_module).__name__} to have a layer named backbone, got none. Assign self.backbone in __init__."
            )
        self.freeze(pl_module.backbone, self.train_bn)

    def finetune_function(self, pl_module: Any, epoch: int, optimizer: Any) -> None:
        rate, begins = optimizer.param_groups[0]["lr"], self.unfreeze_backbone_at_epoch
        if epoch == begins:
            given = self.backbone_initial_lr
            first = rate * self.backbone_initial_ratio_lr if given is None else given
            self.unfreeze_and_add_param_group(pl_module.backbone, optimizer, first, train_bn=self.train_bn)
        elif epoch > begins:
            grown = optimizer.param_groups[-1]["lr"] * self.lambda_func(epoch)
            optimizer.param_groups[-1]["lr"] = min(grown, rate) if self.should_align else grown


class GradientAccumulationScheduler(Callback):
    """Accumulates `scheduling[epoch]` batches from that epoch on.

    >>> GradientAccumulationScheduler({0: 8, 4: 1}).going_to_accumulate_grad_batches()
    True
    """

    def __init__(self, scheduling: dict[int, int]) -> None:
        if not scheduling or any(epoch < 0 or count < 1 for epoch, count in scheduling.items()):
            raise MisconfigurationException(
                f"GradientAccumulationScheduler: expected epochs from 0 with counts from 1, got {scheduling}. Pass e.g. {{0: 8, 4: 1}}."
            )
        self.scheduling = dict(sorted({0: 1, **scheduling}.items()))

    def going_to_accumulate_grad_batches(self) -> bool:
        """Whether any epoch accumulates."""
        return any(count > 1 for count in self.scheduling.values())

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.accumulate_grad_batches != 1:
            raise MisconfigurationException(
                f"GradientAccumulationScheduler: expected Trainer(accumulate_grad_batches=1), got {trainer.accumulate_grad_batches}. Set one of them."
            )

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        reached = [count for epoch, count in self.scheduling.items() if epoch <= trainer.current_epoch]
        trainer.accumulate_grad_batches = reached[-1]

    on_train_epoch_start = on_train_start

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        trainer.accumulate_grad_batches = 1
