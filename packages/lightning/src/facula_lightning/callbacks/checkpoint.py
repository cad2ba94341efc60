"""ModelCheckpoint: keeps the best, the newest or all states of a run as files."""

from __future__ import annotations

import math
import os
import re
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from facula_lightning import storage
from facula_lightning.callbacks.callback import Callback
from facula_lightning.checkpoint import EXTENSION
from facula_lightning.exceptions import MisconfigurationException

if TYPE_CHECKING:
    from facula_lightning.module import LightningModule
    from facula_lightning.trainer import Trainer

__all__ = ["ModelCheckpoint"]

_FIELD = re.compile(r"\{([^{}:]+)(:[^{}]*)?\}")


class ModelCheckpoint(Callback):
    """Writes a checkpoint every epoch (or every n steps, or after a time), and removes those that are not to be kept.

    Without `monitor` the newest is kept; with it the `save_top_k` best by `mode` ("min" or "max"), all for -1, none for 0.
    `filename` is a template such as "{epoch}-{val_loss:.2f}", which gives `epoch=3-val_loss=0.12`; `save_last` also writes
    `last`. `best_model_path`, `best_model_score` and `last_model_path` say what was kept.

    Errors: MisconfigurationException for a `monitor` that was not logged, naming what was.

    >>> ModelCheckpoint(monitor="val_loss").format_checkpoint_name({"epoch": 3, "step": 40, "val_loss": 0.125}, "{epoch}-{val_loss:.2f}")
    'epoch=3-val_loss=0.12.ckpt.safetensors'
    """

    FILE_EXTENSION: ClassVar[str] = EXTENSION
    CHECKPOINT_NAME_LAST: ClassVar[str] = "last"
    judges = True

    def __init__(
        self,
        dirpath: str | Path | None = None,
        filename: str | None = None,
        monitor: str | None = None,
        verbose: bool = False,
        save_last: bool | None = None,
        save_top_k: int = 1,
        save_weights_only: bool = False,
        mode: str = "min",
        auto_insert_metric_name: bool = True,
        every_n_train_steps: int | None = None,
        train_time_interval: timedelta | None = None,
        every_n_epochs: int | None = None,
        save_on_train_epoch_end: bool | None = None,
    ) -> None:
        if mode not in ("min", "max"):
            raise MisconfigurationException(f"ModelCheckpoint: expected mode 'min' or 'max', got {mode!r}. Choose one.")
        if save_top_k < -1:
            raise MisconfigurationException(
                f"ModelCheckpoint: expected save_top_k to be -1 or more, got {save_top_k}. Use -1 to keep all."
            )
        if monitor is None and save_top_k not in (-1, 0, 1):
            raise MisconfigurationException(
                f"ModelCheckpoint: expected a monitor to choose the best {save_top_k} by, got none. "
                "Pass monitor='val_loss', or save_top_k=-1 to keep all."
            )
        triggers = [every_n_train_steps, train_time_interval, every_n_epochs]
        if sum(bool(trigger) for trigger in triggers) > 1:
            raise MisconfigurationException(
                "ModelCheckpoint: expected one of every_n_train_steps, train_time_interval and every_n_epochs, "
                f"got {sum(bool(trigger) for trigger in triggers)}. Use several ModelCheckpoint callbacks."
            )
        self.dirpath = None if dirpath is None else storage.resolved(dirpath)
        self.filename, self.monitor, self.mode = filename, monitor, mode
        self.verbose, self.save_last, self.save_top_k = verbose, save_last, save_top_k
        self.save_weights_only = save_weights_only
        self.auto_insert_metric_name = auto_insert_metric_name
        self.every_n_train_steps = every_n_train_steps or 0
        self.train_time_interval = train_time_interval
        self.every_n_epochs = 1 if not any(triggers) else every_n_epochs or 0
        self.save_on_train_epoch_end = save_on_train_epoch_end
        self.best_model_path, self.last_model_path, self.kth_best_model_path = "", "", ""
        self.best_model_score: float | None = None
        self.current_score: float | None = None
        self.best_k_models: dict[str, float] = {}
        self._saved_step = -1
        self._saved_at = time.monotonic()

    @property
    def state_key(self) -> str:
        return (
            f"ModelCheckpoint(monitor={self.monitor!r}, mode={self.mode!r}, "
            f"every_n_train_steps={self.every_n_train_steps}, every_n_epochs={self.every_n_epochs}, "
            f"train_time_interval={self.train_time_interval})"
        )

    def state_dict(self) -> dict[str, Any]:
        return {
            "monitor": self.monitor,
            "best_model_score": self.best_model_score,
            "best_model_path": self.best_model_path,
            "current_score": self.current_score,
            "dirpath": self.dirpath,
            "best_k_models": dict(self.best_k_models),
            "kth_best_model_path": self.kth_best_model_path,
            "last_model_path": self.last_model_path,
            "saved_step": self._saved_step,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._saved_step = int(state_dict["saved_step"])
        self.best_model_score = state_dict["best_model_score"]
        self.best_model_path = state_dict["best_model_path"]
        self.current_score = state_dict["current_score"]
        if self.dirpath is None or self.dirpath == state_dict["dirpath"]:
            self.last_model_path = state_dict["last_model_path"]
            kept = {path: score for path, score in state_dict["best_k_models"].items() if storage.exists(path)}
            self.best_k_models = kept
            self.kth_best_model_path = self._worst() if kept else ""

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if self.dirpath is None and stage == "fit":
            folder = os.path.realpath(os.path.join(trainer.log_dir or trainer.default_root_dir, "checkpoints"))
            self.dirpath = trainer.strategy.broadcast(folder)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._saved_at = time.monotonic()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if trainer.fit_loop.accumulating:
            return
        step = trainer.global_step
        due = self.every_n_train_steps > 0 and step % self.every_n_train_steps == 0
        if self.train_time_interval is not None:
            spent = trainer.strategy.broadcast(time.monotonic() - self._saved_at)
            due = spent >= self.train_time_interval.total_seconds()
        if due and step != self._saved_step:
            self._saved_at = time.monotonic()
            self._save(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        within = trainer.validating and trainer.fit_loop.batches > 0 and not trainer.is_last_batch
        if within and self._after_validation(trainer) and self._epoch_due(trainer):
            self._save(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not self._epoch_due(trainer) or trainer.global_step == self._saved_step:
            return
        if not self._after_validation(trainer) or trainer.fit_loop.validated == trainer.fit_loop.batches:
            self._save(trainer)

    def _epoch_due(self, trainer: Trainer) -> bool:
        return self.every_n_epochs > 0 and (trainer.current_epoch + 1) % self.every_n_epochs == 0

    def _after_validation(self, trainer: Trainer) -> bool:
        """Whether to save where validation has run, rather than at every epoch's end."""
        if self.save_on_train_epoch_end is not None:
            return not self.save_on_train_epoch_end
        return not trainer.validation_loop.empty

    def _save(self, trainer: Trainer) -> None:
        self._saved_step = trainer.global_step
        score = self._score(trainer)
        values = trainer.metrics.seen_by(2)
        values |= {"epoch": trainer.current_epoch, "step": trainer.global_step}
        if self.save_top_k and (self.monitor is None or self._good_enough(score)):
            path = self._free_path(self.format_checkpoint_name(values))
            dropped = self._keep(path, score)
            trainer.save_checkpoint(path, self.save_weights_only)
            if dropped and dropped != path and trainer.is_global_zero:
                storage.remove(dropped)
            if self.verbose:
                pl_module: Any = trainer.module
                pl_module.print(f"epoch {trainer.current_epoch}, step {trainer.global_step}: saved {path}")
        if self.save_last:
            name = self.format_checkpoint_name(values, self.CHECKPOINT_NAME_LAST)
            assert self.dirpath is not None
            self.last_model_path = os.path.join(self.dirpath, name)
            trainer.save_checkpoint(self.last_model_path, self.save_weights_only)

    def _score(self, trainer: Trainer) -> float | None:
        if self.monitor is None:
            return None
        known = trainer.metrics.seen_by(2)
        if self.monitor in ("epoch", "step"):
            return float(trainer.current_epoch if self.monitor == "epoch" else trainer.global_step)
        if self.monitor not in known:
            raise MisconfigurationException(
                f"ModelCheckpoint: expected a logged value named {self.monitor!r} to monitor, "
                f"got {', '.join(sorted(known)) or 'nothing logged yet'}. "
                f"Call self.log({self.monitor!r}, value) in the module."
            )
        self.current_score = known[self.monitor]
        return self.current_score

    def _better(self, score: float, other: float) -> bool:
        if math.isnan(score):
            return False
        return math.isnan(other) or (score < other if self.mode == "min" else score > other)

    def _good_enough(self, score: float | None) -> bool:
        if self.save_top_k == -1 or len(self.best_k_models) < self.save_top_k:
            return True
        assert score is not None
        return self._better(score, self.best_k_models[self._worst()])

    def _worst(self) -> str:
        worst = ""
        for path, score in self.best_k_models.items():
            if not worst or self._better(self.best_k_models[worst], score):
                worst = path
        return worst

    def _keep(self, path: str, score: float | None) -> str:
        """Note a new file; returns the one that it pushes out, or an empty string."""
        if score is None:
            dropped, self.best_model_path = self.best_model_path, path
            return dropped if self.save_top_k == 1 else ""
        dropped = ""
        if self.save_top_k != -1 and len(self.best_k_models) >= self.save_top_k:
            dropped = self._worst()
            del self.best_k_models[dropped]
        self.best_k_models[path] = score
        if self.best_model_score is None or self._better(score, self.best_model_score):
            self.best_model_path, self.best_model_score = path, score
        self.kth_best_model_path = self._worst()
        return dropped

    def format_checkpoint_name(self, metrics: dict[str, float], filename: str | None = None) -> str:
        """The file's name for these values."""
        template = filename or self.filename or "{epoch}-{step}"

        def fill(match: re.Match[str]) -> str:
            name, spec = match.group(1), match.group(2) or ""
            text = format(metrics.get(name, 0), spec[1:])
            return f"{name}={text}" if self.auto_insert_metric_name else text

        return _FIELD.sub(fill, template) + self.FILE_EXTENSION

    def _free_path(self, name: str) -> str:
        """A path of that name that holds no other checkpoint."""
        assert self.dirpath is not None
        path = os.path.join(self.dirpath, name)
        stem, version = name.removesuffix(self.FILE_EXTENSION), 1
        while path != self.best_model_path and storage.exists(path):
            path = os.path.join(self.dirpath, f"{stem}-v{version}{self.FILE_EXTENSION}")
            version += 1
        return path
