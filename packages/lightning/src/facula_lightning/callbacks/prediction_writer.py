"""BasePredictionWriter: predictions to files as they are made."""

from __future__ import annotations

from typing import Any

from facula_lightning.callbacks.callback import Callback
from facula_lightning.exceptions import choice


class BasePredictionWriter(Callback):
    """Hears of predictions: define `write_on_batch_end` or `write_on_epoch_end`; `write_interval` chooses batch or epoch."""

    def __init__(self, write_interval: str = "batch") -> None:
        self.interval = choice(
            "BasePredictionWriter", "write_interval", write_interval, "batch", "epoch", "batch_and_epoch"
        )

    def write_on_batch_end(
        self,
        trainer: Any,
        pl_module: Any,
        prediction: Any,
        batch_indices: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int,
    ) -> None:
        """Write what was predicted for one batch."""

    def write_on_epoch_end(self, trainer: Any, pl_module: Any, predictions: list[Any], batch_indices: Any) -> None:
        """Write all predictions."""

    def on_predict_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        if "batch" in self.interval:
            self.write_on_batch_end(trainer, pl_module, outputs, None, batch, batch_idx, dataloader_idx)

    def on_predict_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        if "epoch" in self.interval:
            self.write_on_epoch_end(trainer, pl_module, trainer.prediction_loop.predictions, None)
