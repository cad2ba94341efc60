"""Finetuning: layers that are frozen at first and learn later."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import facula
from facula_lightning.callbacks.callback import Callback
from facula_lightning.exceptions import MisconfigurationException

if TYPE_CHECKING:
    from facula_lightning.module import LightningModule
    from facula_lightning.trainer import Trainer

__all__ = ["BackboneFinetuning", "BaseFinetuning"]


def multiplicative(epoch: int) -> float:
    """Twice the rate each epoch."""
    return 2.0


class BaseFinetuning(Callback):
    """A subclass defines `freeze_before_training(pl_module)` and `finetune_function(pl_module, epoch, optimizer)`.

    The latter is called before each epoch, and again for the epochs done when a run goes on from a checkpoint.
    """

    def __init__(self) -> None:
        self._epochs = 0

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
            for parameter in module.parameters():
                parameter.requires_grad = True

    @staticmethod
    def unfreeze_and_add_param_group(
        modules: Any, optimizer: Any, lr: float | None = None, initial_denom_lr: float = 10.0, train_bn: bool = True
    ) -> None:
        """Let modules learn, in a group of the optimizer of their own, at `lr` or the first group's over a number."""
        BaseFinetuning.make_trainable(modules)
        known = {id(p) for group in optimizer.param_groups for p in group["params"]}
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

    def state_dict(self) -> dict[str, Any]:
        return {"epochs": self._epochs}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._epochs = int(state_dict["epochs"])

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if stage == "fit":
            self.freeze_before_training(pl_module)

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        for epoch in range(self._epochs):
            self._finetune(trainer, pl_module, epoch)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._finetune(trainer, pl_module, trainer.current_epoch)
        self._epochs = trainer.current_epoch + 1

    def _finetune(self, trainer: Trainer, module: Any, epoch: int) -> None:
        for optimizer in trainer.optimizers:
            self.finetune_function(module, epoch, optimizer)


class BackboneFinetuning(BaseFinetuning):
    """Freezes `module.backbone` until an epoch, then lets it learn at a rate that grows to that of the rest.

    The rate begins at `backbone_initial_ratio_lr` of the rest's (or `backbone_initial_lr`) and is multiplied by
    `lambda_func(epoch)` before each epoch; with `should_align` it never exceeds that of the rest.
    """

    def __init__(
        self,
        unfreeze_backbone_at_epoch: int = 10,
        lambda_func: Callable[[int], float] = multiplicative,
        backbone_initial_ratio_lr: float = 0.1,
        backbone_initial_lr: float | None = None,
        should_align: bool = True,
        train_bn: bool = True,
    ) -> None:
        super().__init__()
        self.unfreeze_at, self.factor, self.ratio = unfreeze_backbone_at_epoch, lambda_func, backbone_initial_ratio_lr
        self.initial, self.should_align, self.train_bn = backbone_initial_lr, should_align, train_bn

    def freeze_before_training(self, pl_module: Any) -> None:
        if not isinstance(getattr(pl_module, "backbone", None), facula.nn.Module):
            raise MisconfigurationException(
                f"BackboneFinetuning: expected {type(pl_module).__name__} to have a layer named backbone, got none. "
                "Assign self.backbone in __init__."
            )
        self.freeze(pl_module.backbone, self.train_bn)

    def finetune_function(self, pl_module: Any, epoch: int, optimizer: Any) -> None:
        rate = optimizer.param_groups[0]["lr"]
        if epoch == self.unfreeze_at:
            first = rate * self.ratio if self.initial is None else self.initial
            self.unfreeze_and_add_param_group(pl_module.backbone, optimizer, first, train_bn=self.train_bn)
        elif epoch > self.unfreeze_at:
            grown = optimizer.param_groups[-1]["lr"] * self.factor(epoch)
            optimizer.param_groups[-1]["lr"] = min(grown, rate) if self.should_align else grown
