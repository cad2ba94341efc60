"""A callback of the Trainer."""

from __future__ import annotations

from typing import Any

import facula_lightning as lightning
from facula import isfinite


class StopWhenNotFinite(lightning.Callback):
    """Stop the training once a loss is infinite or not a number."""

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        loss = outputs["loss"] if isinstance(outputs, dict) else outputs
        if loss is not None and not isfinite(loss).all():
            trainer.should_stop = True
