"""The loop of validation and test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from facula_lightning.exceptions import MisconfigurationException
from facula_lightning.hooks import overridden
from facula_lightning.loops.loaders import Batches, find, limited, shared, transfer
from facula_lightning.loops.optimization import arity
from facula_lightning.module import LightningModule

if TYPE_CHECKING:
    from facula_lightning.trainer import Trainer

__all__ = ["EvaluationLoop", "evaluating", "several"]


class EvaluationLoop:
    """Runs `validation_step` or `test_step` over one or several loaders and returns their reduced metrics."""

    def __init__(self, trainer: Trainer, stage: str) -> None:
        self.trainer = trainer
        self.stage = stage  # validation or test
        self.loaders: list[Any] = []
        self.counts: list[float] = []
        self.total = 0  # batches in all runs, what step metrics are logged against

    @property
    def empty(self) -> bool:
        """Whether there is nothing to run."""
        return not any(self.counts)

    def prepare(self, required: bool) -> None:
        """Find the loaders and count their batches."""
        trainer, module = self.trainer, self.trainer.module
        short = "val" if self.stage == "validation" else "test"
        step = f"{self.stage}_step"
        self.loaders, self.counts = [], []
        defined = overridden(module, step, LightningModule)
        if not required and not defined:
            return
        found = find(trainer, trainer.given_loaders.get(short), short)
        if required and not defined:
            getattr(module, step)()
        if found is None:
            if required:
                caller = "validate" if short == "val" else "test"
                raise MisconfigurationException(
                    f"Trainer.{caller}: expected batches, got none. "
                    f"Pass dataloaders or a datamodule, or define {short}_dataloader in the module."
                )
            return
        self.loaders = [shared(trainer, loader) for loader in several(found)]
        limit = getattr(trainer, f"limit_{short}_batches")
        self.counts = [limited(loader, limit, f"limit_{short}_batches") for loader in self.loaders]

    def run(self, limit: float | None = None) -> list[dict[str, float]]:
        """One pass; `limit` cuts every loader to so many batches. Returns the metrics of each loader."""
        trainer, hooks, metrics = self.trainer, self.trainer.hooks, self.trainer.metrics
        stage = self.stage
        with evaluating(trainer, stage):
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
        return self._by_loader(reduced)

    def _run_loader(self, index: int, loader: Any, count: float) -> None:
        trainer, hooks, metrics = self.trainer, self.trainer.hooks, self.trainer.metrics
        step = getattr(trainer.module, f"{self.stage}_step")
        move = transfer(trainer)
        taken = arity(step, len(self.loaders))
        for number, (batch, _) in enumerate(Batches(loader, count) if count else ()):
            if move is not None:
                batch = move(batch, index)
            metrics.batch = batch
            hooks(f"on_{self.stage}_batch_start", batch, number, index)
            metrics.hook = f"{self.stage}_step"
            try:
                with trainer.precision.forward():
                    outputs = step(*(batch, number, index)[:taken])
            finally:
                metrics.hook = None
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


class evaluating:
    """A block without gradients and with the module in evaluation mode; each layer's mode is put back after."""

    def __init__(self, trainer: Trainer, stage: str) -> None:
        self.trainer = trainer
        self.stage = stage

    def __enter__(self) -> None:
        import facula

        module = self.trainer.module
        self.modes = [(part, part.training) for part in module.modules()]
        getattr(module, f"on_{self.stage}_model_eval")()
        self.grad = facula.inference_mode() if self.trainer.inference_mode else facula.no_grad()
        self.grad.__enter__()

    def __exit__(self, *error: Any) -> None:
        self.grad.__exit__(*error)
        module = self.trainer.module
        if self.stage == "validation" and overridden(module, "on_validation_model_train", LightningModule):
            module.on_validation_model_train()
            return
        for part, training in self.modes:
            part.training = training


def several(found: Any) -> list[Any]:
    """Loaders as a list; a list of things that are neither loaders nor lists of batches is one list of batches."""
    if isinstance(found, dict):
        return list(found.values())
    if isinstance(found, list | tuple) and all(hasattr(part, "dataset") or isinstance(part, list) for part in found):
        return list(found)
    return [found]
