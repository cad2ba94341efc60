"""Callback: what a callback may hear of, each hook an empty method; also one made of functions, and one for predictions."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, ClassVar

import facula_lightning as pl
from facula.errors import unknown
from facula_lightning.exceptions import choice


class Callback:
    """Code that runs at chosen moments of a run; a subclass defines the hooks it needs.

    Every hook gets the trainer and the module. `state_dict` and `load_state_dict` keep the callback's state in
    checkpoints, under `state_key`, which must differ between two callbacks of one class; what they hold is the attributes
    that `kept` names, unless they are defined otherwise.

    >>> class Shout(Callback):
    ...     def on_train_end(self, trainer, pl_module):
    ...         print("done")
    >>> Shout().state_key
    'Shout'
    """

    judges: ClassVar[bool] = False
    """Whether it acts on finished metrics: such callbacks hear of an epoch's end last."""
    kept: ClassVar[tuple[str, ...]] = ()
    """The attributes that are its state."""

    log: Callable[..., None]
    log_dict: Callable[..., None]

    @property
    def state_key(self) -> str:
        """The name of this callback's state in a checkpoint."""
        return type(self).__qualname__

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint should hold of this callback."""
        return {name: copy.copy(getattr(self, name)) for name in self.kept}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take back what `state_dict` returned."""
        for name in self.kept:
            setattr(self, name, copy.copy(state_dict[name]))

    # fmt: off
    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Before a run; `stage` is fit, validate, test or predict."""
    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None: """After a run."""
    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """When fitting begins, before the sanity check."""
    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None: """When fitting has ended."""
    def on_sanity_check_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Before the validation batches that are tried ahead of training."""
    def on_sanity_check_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """After the sanity check."""
    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None: """Before the first epoch."""
    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None: """After the last epoch."""
    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Before an epoch's first batch."""
    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """After an epoch's last batch and its validation."""
    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int) -> None:
        """Before a training batch."""
    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any,
        batch: Any, batch_idx: int) -> None:
        """After a training batch; `outputs` is what `training_step` returned, detached."""
    def on_before_zero_grad(self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: Any) -> None:
        """Before gradients are cleared."""
    def on_before_backward(self, trainer: pl.Trainer, pl_module: pl.LightningModule, loss: Any) -> None:
        """Before `loss.backward()`."""
    def on_after_backward(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """After `loss.backward()`; gradients are not clipped yet."""
    def on_before_optimizer_step(self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: Any) -> None:
        """Before the gradients are clipped and the optimizer steps."""
    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Before validation; likewise `on_test_start` and `on_predict_start`."""
    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """After validation, its metrics in `trainer.callback_metrics`; likewise `on_test_end` and `on_predict_end`."""
    def on_validation_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Before the first validation batch; likewise of test and predict."""
    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """After the last validation batch, while metrics can still be logged; likewise of test and predict."""
    def on_validation_batch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule,
        batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
        """Before a validation batch; likewise of test and predict."""
    def on_validation_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any,
        batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
        """After a validation batch; likewise of test and predict."""
    on_test_start = on_predict_start = on_validation_start
    on_test_end = on_predict_end = on_validation_end
    on_test_epoch_start = on_predict_epoch_start = on_validation_epoch_start
    on_test_epoch_end = on_predict_epoch_end = on_validation_epoch_end
    on_test_batch_start = on_predict_batch_start = on_validation_batch_start
    on_test_batch_end = on_predict_batch_end = on_validation_batch_end
    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """When the run is ended by an exception, before it is raised again."""
    def on_save_checkpoint(self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]) -> None:
        """When a checkpoint is written; add to it what should be kept."""
    def on_load_checkpoint(self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]) -> None:
        """When a checkpoint has been read, before weights are restored."""
    # fmt: on


_HOOKS = [name for name in vars(Callback) if name.startswith("on_") or name in ("setup", "teardown")]


class LambdaCallback(Callback):
    """Calls the given functions as hooks; each takes what the hook of its name takes.

    Errors: UnknownNameError (a ValueError) for a name that is no hook, with the nearest one.

    >>> callback = LambdaCallback(on_train_end=lambda trainer, pl_module: print("done"))
    >>> callback.on_train_end(None, None)
    done
    """

    def __init__(self, **hooks: Callable[..., Any] | None) -> None:
        for name, function in hooks.items():
            if name not in _HOOKS:
                raise unknown("hook", name, _HOOKS, "facula_lightning.Callback")
            if function is not None:
                setattr(self, name, function)


class BasePredictionWriter(Callback):
    """Hears of predictions: define `write_on_batch_end` or `write_on_epoch_end`; `write_interval` chooses batch or epoch."""

    def __init__(self, write_interval: str = "batch") -> None:
        self.interval = choice(
            "BasePredictionWriter", "write_interval", write_interval, "batch", "epoch", "batch_and_epoch"
        )

    # fmt: off
    def write_on_batch_end(self, trainer: Any, pl_module: Any, prediction: Any, batch_indices: Any,
        batch: Any, batch_idx: int, dataloader_idx: int) -> None:
        """Write what was predicted for one batch."""
    def write_on_epoch_end(self, trainer: Any, pl_module: Any, predictions: list[Any], batch_indices: Any) -> None:
        """Write all predictions."""
    # fmt: on

    def on_predict_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        if "batch" in self.interval:
            self.write_on_batch_end(trainer, pl_module, outputs, None, batch, batch_idx, dataloader_idx)

    def on_predict_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        if "epoch" in self.interval:
            self.write_on_epoch_end(trainer, pl_module, trainer.prediction_loop.predictions, None)
