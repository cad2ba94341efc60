"""Callback: what a callback may hear of, each hook an empty method."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from facula_lightning.module import LightningModule
    from facula_lightning.trainer import Trainer

__all__ = ["Callback"]


class Callback:
    """Code that runs at chosen moments of a run; a subclass defines the hooks it needs.

    Every hook gets the trainer and the module. `state_dict` and `load_state_dict` keep the callback's state in
    checkpoints, under `state_key`, which must differ between two callbacks of one class.

    >>> class Shout(Callback):
    ...     def on_train_end(self, trainer, pl_module):
    ...         print("done")
    >>> Shout().state_key
    'Shout'
    """

    judges: ClassVar[bool] = False
    """Whether it acts on finished metrics: such callbacks hear of an epoch's end last."""

    log: Callable[..., None]
    log_dict: Callable[..., None]

    @property
    def state_key(self) -> str:
        """The name of this callback's state in a checkpoint."""
        return type(self).__qualname__

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint should hold of this callback."""
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take back what `state_dict` returned."""

    # fmt: off
    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Before a run; `stage` is fit, validate, test or predict."""
    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None: """After a run."""
    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """When fitting begins, before the sanity check."""
    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None: """When fitting has ended."""
    def on_sanity_check_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Before the validation batches that are tried ahead of training."""
    def on_sanity_check_end(self, trainer: Trainer, pl_module: LightningModule) -> None: """After the sanity check."""
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None: """Before the first epoch."""
    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None: """After the last epoch."""
    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Before an epoch's first batch."""
    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """After an epoch's last batch and its validation."""
    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Before a training batch."""
    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, outputs: Any,
        batch: Any, batch_idx: int) -> None:
        """After a training batch; `outputs` is what `training_step` returned, detached."""
    def on_before_zero_grad(self, trainer: Trainer, pl_module: LightningModule, optimizer: Any) -> None:
        """Before gradients are cleared."""
    def on_before_backward(self, trainer: Trainer, pl_module: LightningModule, loss: Any) -> None:
        """Before `loss.backward()`."""
    def on_after_backward(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """After `loss.backward()`; gradients are not clipped yet."""
    def on_before_optimizer_step(self, trainer: Trainer, pl_module: LightningModule, optimizer: Any) -> None:
        """Before the gradients are clipped and the optimizer steps."""
    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None: """Before validation."""
    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """After validation; its metrics are in `trainer.callback_metrics`."""
    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Before the first validation batch."""
    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """After the last validation batch, while metrics can still be logged."""
    def on_validation_batch_start(self, trainer: Trainer, pl_module: LightningModule,
        batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
        """Before a validation batch."""
    def on_validation_batch_end(self, trainer: Trainer, pl_module: LightningModule, outputs: Any,
        batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
        """After a validation batch."""
    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None: """Before testing."""
    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None: """After testing."""
    def on_test_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Before the first test batch."""
    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """After the last test batch, while metrics can still be logged."""
    def on_test_batch_start(self, trainer: Trainer, pl_module: LightningModule,
        batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
        """Before a test batch."""
    def on_test_batch_end(self, trainer: Trainer, pl_module: LightningModule, outputs: Any,
        batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
        """After a test batch."""
    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None: """Before predicting."""
    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None: """After predicting."""
    def on_predict_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Before the first batch to predict."""
    def on_predict_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """After the last batch to predict."""
    def on_predict_batch_start(self, trainer: Trainer, pl_module: LightningModule,
        batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
        """Before a batch to predict."""
    def on_predict_batch_end(self, trainer: Trainer, pl_module: LightningModule, outputs: Any,
        batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
        """After a batch to predict."""
    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """When the run is ended by an exception, before it is raised again."""
    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """When a checkpoint is written; add to it what should be kept."""
    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """When a checkpoint has been read, before weights are restored."""
    # fmt: on
