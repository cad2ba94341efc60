"""The loop of `Trainer.predict`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from facula_lightning.exceptions import MisconfigurationException
from facula_lightning.loops.evaluation import evaluating, several
from facula_lightning.loops.loaders import Batches, find, limited, shared, transfer
from facula_lightning.loops.optimization import arity

if TYPE_CHECKING:
    from facula_lightning.trainer import Trainer

__all__ = ["PredictionLoop"]


class PredictionLoop:
    """Runs `predict_step` over one or several loaders and returns what it returned."""

    def __init__(self, trainer: Trainer) -> None:
        self.trainer = trainer
        self.loaders: list[Any] = []
        self.counts: list[float] = []
        self.predictions: list[list[Any]] = []

    def prepare(self) -> None:
        """Find the loaders and count their batches."""
        trainer = self.trainer
        found = find(trainer, trainer.given_loaders.get("predict"), "predict")
        if found is None:
            raise MisconfigurationException(
                "Trainer.predict: expected batches, got none. "
                "Pass dataloaders or a datamodule, or define predict_dataloader in the module."
            )
        self.loaders = [shared(trainer, loader) for loader in several(found)]
        limit = trainer.limit_predict_batches
        self.counts = [limited(loader, limit, "limit_predict_batches") for loader in self.loaders]

    def run(self) -> list[Any]:
        """The predictions of every batch; with several loaders a list of such lists."""
        trainer, hooks = self.trainer, self.trainer.hooks
        step = trainer.module.predict_step
        taken = arity(step, len(self.loaders))
        move = transfer(trainer)
        found = self.predictions = []
        with evaluating(trainer, "predict"):
            hooks("on_predict_start")
            hooks("on_predict_epoch_start")
            for index, (loader, count) in enumerate(zip(self.loaders, self.counts, strict=True)):
                found.append([])
                for number, (batch, _) in enumerate(Batches(loader, count) if count else ()):
                    if move is not None:
                        batch = move(batch, index)
                    hooks("on_predict_batch_start", batch, number, index)
                    with trainer.precision.forward():
                        outputs = step(*(batch, number, index)[:taken])
                    found[-1].append(outputs)
                    hooks("on_predict_batch_end", outputs, batch, number, index)
            hooks("on_predict_epoch_end")
            hooks("on_predict_end")
        return found[0] if len(found) == 1 else found
