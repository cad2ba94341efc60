"""ModelCheckpoint: keeps the best, the newest or all states of a run as files; OnExceptionCheckpoint: that of a crash."""

from __future__ import annotations

import math
import os
import re
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import facula_lightning as pl
from facula_lightning import storage
from facula_lightning.callbacks.callback import Callback
from facula_lightning.checkpoint import EXTENSION
from facula_lightning.exceptions import MisconfigurationException, choice

_FIELD = re.compile(r"\{([^{}:]+)(:[^{}]*)?\}")


@dataclass(eq=False)
class ModelCheckpoint(Callback):
    """Writes a checkpoint every epoch (or every n steps, or after a time), and removes those that are not to be kept.

    Without `monitor` the newest is kept; with it the `save_top_k` best by `mode` ("min" or "max"), all for -1, none for 0.
    `filename` is a template such as "{epoch}-{val_loss:.2f}", which gives `epoch=3-val_loss=0.12`; `save_last` also writes
    `last`. A name that is taken gets `-v1`, unless `enable_version_counter` is off. `best_model_path`, `best_model_score`
    and `last_model_path` say what was kept.

    Errors: MisconfigurationException for a `monitor` that was not logged, naming what was.

    >>> ModelCheckpoint(monitor="val_loss").format_checkpoint_name({"epoch": 3, "step": 40, "val_loss": 0.125}, "{epoch}-{val_loss:.2f}")
    'epoch=3-val_loss=0.12.ckpt.safetensors'
    """

    dirpath: str | Path | None = None
    filename: str | None = None
    monitor: str | None = None
    verbose: bool = False
    save_last: bool | None = None
    save_top_k: int = 1
    save_weights_only: bool = False
    mode: str = "min"
    auto_insert_metric_name: bool = True
    every_n_train_steps: int | None = None
    train_time_interval: timedelta | None = None
    every_n_epochs: int | None = None
    save_on_train_epoch_end: bool | None = None
    enable_version_counter: bool = True

    FILE_EXTENSION: ClassVar[str] = EXTENSION
    CHECKPOINT_NAME_LAST: ClassVar[str] = "last"
    judges = True
    kept = (
        "monitor", "best_model_score", "best_model_path", "current_score", "dirpath", "best_k_models",
        "kth_best_model_path", "last_model_path", "saved_step",
    )  # fmt: skip

    def __post_init__(self) -> None:
        choice("ModelCheckpoint", "mode", self.mode, "min", "max")
        if self.save_top_k < -1:
            raise MisconfigurationException(
                f"ModelCheckpoint: expected save_top_k to be -1 or more, got {self.save_top_k}. Use -1 to keep all."
            )
        if self.monitor is None and self.save_top_k not in (-1, 0, 1):
            raise MisconfigurationException(
                f"ModelCheckpoint: expected a monitor to choose the best {self.save_top_k} by, got none. "
                "Pass monitor='val_loss', or save_top_k=-1 to keep all."
            )
        triggers = sum(map(bool, (self.every_n_train_steps, self.train_time_interval, self.every_n_epochs)))
        if triggers > 1:
            raise MisconfigurationException(
                "ModelCheckpoint: expected one of every_n_train_steps, train_time_interval and every_n_epochs, "
                f"got {triggers}. Use several ModelCheckpoint callbacks."
            )
        self.dirpath = None if self.dirpath is None else storage.resolved(self.dirpath)
        self.every_n_train_steps = self.every_n_train_steps or 0
        self.every_n_epochs = self.every_n_epochs or int(not triggers)
        self.best_model_path = self.last_model_path = self.kth_best_model_path = ""
        self.best_model_score: float | None = None
        self.current_score: float | None = None
        self.best_k_models: dict[str, float] = {}
        self.saved_step = -1
        self._saved_at = time.monotonic()

    @property
    def state_key(self) -> str:
        return (
            f"ModelCheckpoint(monitor={self.monitor!r}, mode={self.mode!r}, "
            f"every_n_train_steps={self.every_n_train_steps}, every_n_epochs={self.every_n_epochs}, train_time_interval={self.train_time_interval})"
        )

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        here = (self.monitor, self.dirpath, self.last_model_path)
        super().load_state_dict(state_dict)
        self.monitor, self.dirpath, last = here
        if self.dirpath not in (None, state_dict["dirpath"]):  # files are looked after in their own folder only
            self.last_model_path, self.best_k_models = last, {}
        self.best_k_models = {path: score for path, score in self.best_k_models.items() if storage.exists(path)}
        self.kth_best_model_path = self._worst()

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        if self.dirpath is None and stage == "fit":
            folder = os.path.realpath(os.path.join(trainer.log_dir or trainer.default_root_dir, "checkpoints"))
            self.dirpath = trainer.strategy.broadcast(folder)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._saved_at = time.monotonic()

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        if trainer.fit_loop.accumulating:
            return
        step = trainer.global_step
        every = self.every_n_train_steps
        due = bool(every) and step % every == 0
        if self.train_time_interval is not None:
            spent = trainer.strategy.broadcast(time.monotonic() - self._saved_at)
            due = spent >= self.train_time_interval.total_seconds()
        if due and step != self.saved_step:
            self._saved_at = time.monotonic()
            self._save(trainer)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        within = trainer.validating and trainer.fit_loop.batches > 0 and not trainer.is_last_batch
        if within and self._after_validation(trainer) and self._epoch_due(trainer):
            self._save(trainer)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not self._epoch_due(trainer) or trainer.global_step == self.saved_step:
            return
        if not self._after_validation(trainer) or trainer.fit_loop.validated == trainer.fit_loop.batches:
            self._save(trainer)

    def _epoch_due(self, trainer: pl.Trainer) -> bool:
        return bool(self.every_n_epochs) and (trainer.current_epoch + 1) % self.every_n_epochs == 0

    def _after_validation(self, trainer: pl.Trainer) -> bool:
        """Whether to save where validation has run, rather than at every epoch's end."""
        if self.save_on_train_epoch_end is not None:
            return not self.save_on_train_epoch_end
        return not trainer.validation_loop.empty

    def _save(self, trainer: pl.Trainer) -> None:
        self.saved_step = trainer.global_step
        score = self._score(trainer)
        values = trainer.metrics.seen_by(2)
        values |= {"epoch": trainer.current_epoch, "step": trainer.global_step}
        if self.save_top_k and (score is None or self._good_enough(score)):
            path = self._free_path(self.format_checkpoint_name(values))
            dropped = self._keep(path, score)
            trainer.save_checkpoint(path, self.save_weights_only)
            if dropped and dropped != path and trainer.is_global_zero:
                storage.remove(dropped)
            if self.verbose:
                trainer.module.print(f"epoch {trainer.current_epoch}, step {trainer.global_step}: saved {path}")
        if self.save_last:
            name = self.format_checkpoint_name(values, self.CHECKPOINT_NAME_LAST)
            self.last_model_path = self._path(name)
            trainer.save_checkpoint(self.last_model_path, self.save_weights_only)

    def _score(self, trainer: pl.Trainer) -> float | None:
        if self.monitor is None:
            return None
        if self.monitor in ("epoch", "step"):
            return float(trainer.current_epoch if self.monitor == "epoch" else trainer.global_step)
        self.current_score = trainer.metrics.monitored("ModelCheckpoint", self.monitor)
        return self.current_score

    def _rank(self, score: float) -> float:
        """Less is better; what is no number comes last."""
        return math.inf if math.isnan(score) else score if self.mode == "min" else -score

    def _worst(self) -> str:
        return max(self.best_k_models, key=lambda path: self._rank(self.best_k_models[path]), default="")

    def _good_enough(self, score: float) -> bool:
        full = self.save_top_k != -1 and len(self.best_k_models) >= self.save_top_k
        return not full or self._rank(score) < self._rank(self.best_k_models[self._worst()])

    def _keep(self, path: str, score: float | None) -> str:
        """Note a new file; returns the one that it pushes out, or an empty string."""
        if score is None:
            dropped, self.best_model_path = self.best_model_path, path
            return dropped if self.save_top_k == 1 else ""
        full = self.save_top_k != -1 and len(self.best_k_models) >= self.save_top_k
        dropped = self._worst() if full else ""
        self.best_k_models.pop(dropped, None)
        self.best_k_models[path] = score
        if self.best_model_score is None or self._rank(score) < self._rank(self.best_model_score):
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

    def _path(self, name: str) -> str:
        return os.path.join(self.dirpath or "", name)

    def _free_path(self, name: str) -> str:
        """A path of that name that holds no other checkpoint."""
        path = self._path(name)
        stem, version = name.removesuffix(self.FILE_EXTENSION), 1
        while self.enable_version_counter and path != self.best_model_path and storage.exists(path):
            path = self._path(f"{stem}-v{version}{self.FILE_EXTENSION}")
            version += 1
        return path


class OnExceptionCheckpoint(Callback):
    """Writes `<dirpath>/<filename>.ckpt.safetensors` when training is ended by an exception, to go on from there.

    >>> os.path.basename(OnExceptionCheckpoint("run").ckpt_path)
    'on_exception.ckpt.safetensors'
    """

    def __init__(self, dirpath: str | Path, filename: str = "on_exception") -> None:
        if not filename:
            raise ValueError("OnExceptionCheckpoint: expected a filename, got an empty one. Leave it out.")
        self.dirpath, self.filename = storage.resolved(dirpath), filename

    @property
    def ckpt_path(self) -> str:
        """The file."""
        return os.path.join(self.dirpath, self.filename + EXTENSION)

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        if trainer.training or (trainer.validating and trainer.fit_loop.batches):
            trainer.save_checkpoint(self.ckpt_path)
