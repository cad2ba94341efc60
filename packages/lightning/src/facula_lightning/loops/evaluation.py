"""The loop of validation, test and prediction."""

from __future__ import annotations

import warnings
from typing import Any

import facula
import facula_lightning as pl
from facula_lightning.attributes import overridden
from facula_lightning.datamodule import undefined
from facula_lightning.exceptions import MisconfigurationException
from facula_lightning.loops.loaders import Batches, find, limited, shared, transfer
from facula_lightning.loops.optimization import arity
from facula_lightning.module import LightningModule, evaluated


class EvaluationLoop:
    """Runs `validation_step`, `test_step` or `predict_step` over one or several loaders.

    It returns the reduced metrics of each loader or, of `predict_step`, what it returned for every batch.
    """

    def __init__(self, trainer: pl.Trainer, stage: str) -> None:
        self.trainer = trainer
        self.stage = stage  # validation, test or predict
        self.short, self.caller = ("val", "validate") if stage == "validation" else (stage, stage)
        self.loaders: list[Any] = []
        self.counts: list[float] = []
        self.predictions: list[list[Any]] = []
        self.total = 0  # batches in all runs, what step metrics are logged against

    @property
    def empty(self) -> bool:
        """Whether there is nothing to run."""
        return not any(self.counts)

    def prepare(self, required: bool = True) -> None:
        """Find the loaders and count their batches."""
        trainer, module, step = self.trainer, self.trainer.module, f"{self.stage}_step"
        self.loaders, self.counts = [], []
        defined = self.stage == "predict" or overridden(module, step, LightningModule)
        if not required and not defined:
            if trainer.given_loaders.get(self.short) is not None:
                warnings.warn(f"{undefined(module, step, 'Trainer.fit')} Nothing is validated.", stacklevel=2)
            return
        found = find(trainer, trainer.given_loaders.get(self.short), self.short)
        if required and not defined:
            getattr(module, step)()
        if found is None:
            if required:
                raise MisconfigurationException(
                    f"Trainer.{self.caller}: expected batches, got none. Pass dataloaders or a datamodule, or define {self.short}_dataloader in the module."
                )
            return
        self.loaders = [shared(trainer, loader) for loader in _several(found)]
        name = f"limit_{self.short}_batches"
        self.counts = [limited(loader, getattr(trainer, name), name) for loader in self.loaders]

    def run(self, limit: float | None = None) -> list[Any]:
        """One pass; `limit` cuts every loader to so many batches."""
        trainer, hooks, metrics, stage = self.trainer, self.trainer.hooks, self.trainer.metrics, self.stage
        self.predictions = []
        module, back = trainer.module, f"on_{stage}_model_train"
        leave = getattr(module, back) if overridden(module, back, LightningModule) else None
        grad = facula.inference_mode() if trainer.inference_mode else facula.no_grad()
        with evaluated(module, getattr(module, f"on_{stage}_model_eval"), leave), grad:
            metrics.active, metrics.epoch_ended = metrics.evaluation, False
            metrics.evaluation.reset()
            hooks(f"on_{stage}_start")
            hooks(f"on_{stage}_epoch_start")
            for index, (loader, count) in enumerate(zip(self.loaders, self.counts, strict=True)):
                metrics.suffix = f"/dataloader_idx_{index}" if len(self.loaders) > 1 else ""
                self._run_loader(index, loader, count if limit is None else min(count, limit))
                metrics.suffix = ""
            metrics.epoch_ended = True
            hooks(f"on_{stage}_epoch_end")
            wanted = metrics.finish(metrics.evaluation)
            reduced = metrics.evaluation.reduced(2)
            trainer.log_metrics(wanted, max(trainer.fit_loop.stepped - 1, 0))
            hooks(f"on_{stage}_end")
        if stage == "predict":
            return self.predictions[0] if len(self.predictions) == 1 else self.predictions
        return self._by_loader(reduced)

    def _run_loader(self, index: int, loader: Any, count: float) -> None:
        trainer, hooks, metrics = self.trainer, self.trainer.hooks, self.trainer.metrics
        name = f"{self.stage}_step"
        step, move = getattr(trainer.module, name), transfer(trainer)
        taken = arity(name, step, 3, len(self.loaders))
        kept: list[Any] | None = [] if self.stage == "predict" else None
        if kept is not None:
            self.predictions.append(kept)
        for number, (batch, _) in enumerate(Batches(loader, count) if count else ()):
            if move is not None:
                batch = move(batch, index)
            metrics.batch = batch
            hooks(f"on_{self.stage}_batch_start", batch, number, index)
            metrics.hook = name
            try:
                with trainer.precision.forward():
                    outputs = step(*(batch, number, index)[:taken])
            finally:
                metrics.hook = None
            if kept is not None:
                kept.append(outputs)
            hooks(f"on_{self.stage}_batch_end", outputs, batch, number, index)
            newest = metrics.evaluation.newest(1)
            if newest and trainer.stage != "sanity":
                trainer.log_metrics(newest, self.total)
            self.total += 1

    def _by_loader(self, reduced: dict[str, float]) -> list[dict[str, float]]:
        if len(self.loaders) == 1:
            return [reduced]
        ends = [f"/dataloader_idx_{index}" for index in range(len(self.loaders))]
        common = {name: value for name, value in reduced.items() if "/dataloader_idx_" not in name}
        return [{**common, **{n: v for n, v in reduced.items() if n.endswith(end)}} for end in ends]


def _several(found: Any) -> list[Any]:
    """Loaders as a list; a list of things that are neither loaders nor lists of batches is one list of batches."""
    if isinstance(found, dict):
        return list(found.values())
    if isinstance(found, list | tuple) and all(hasattr(part, "dataset") or isinstance(part, list) for part in found):
        return list(found)
    return [found]
