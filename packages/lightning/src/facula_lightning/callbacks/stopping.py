"""What ends a run early: a number that gets no better, and the clock."""

from __future__ import annotations

import math
import re
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import facula_lightning as pl
from facula_lightning.callbacks.callback import Callback
from facula_lightning.exceptions import MisconfigurationException, choice


@dataclass(eq=False)
class EarlyStopping(Callback):
    """Stops when `monitor` has not got better by more than `min_delta` for `patience` checks in a row.

    `mode` is "min" or "max". It also stops at a value that is not finite (`check_finite`), at one that is better than
    `stopping_threshold` or worse than `divergence_threshold`. `strict=False` ignores a `monitor` that was not logged.

    Errors: MisconfigurationException for a `monitor` that was not logged, naming what was.
    """

    monitor: str
    min_delta: float = 0.0
    patience: int = 3
    verbose: bool = False
    mode: str = "min"
    strict: bool = True
    check_finite: bool = True
    stopping_threshold: float | None = None
    divergence_threshold: float | None = None
    check_on_train_epoch_end: bool | None = None
    log_rank_zero_only: bool = False

    judges = True
    kept = ("wait_count", "stopped_epoch", "best_score", "patience")

    def __post_init__(self) -> None:
        choice("EarlyStopping", "mode", self.mode, "min", "max")
        self.min_delta = abs(self.min_delta)
        self.best_score = math.inf if self.mode == "min" else -math.inf
        self.wait_count = self.stopped_epoch = 0

    @property
    def state_key(self) -> str:
        return f"EarlyStopping(monitor={self.monitor!r}, mode={self.mode!r})"

    def _at_epoch_end(self, trainer: pl.Trainer) -> bool:
        if self.check_on_train_epoch_end is not None:
            return self.check_on_train_epoch_end
        return trainer.val_check_interval == 1.0 and trainer.check_val_every_n_epoch == 1

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self._at_epoch_end(trainer):
            self._check(trainer)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.validating and trainer.fit_loop.batches and not self._at_epoch_end(trainer):
            self._check(trainer)

    def _check(self, trainer: pl.Trainer) -> None:
        score = trainer.metrics.monitored("EarlyStopping", self.monitor, self.strict)
        if score is None:
            return
        reason = self._judge(score)
        if trainer.strategy.reduce(bool(reason), "max"):
            trainer.should_stop = True
            self.stopped_epoch = trainer.current_epoch
            if self.verbose:
                trainer.module.print(f"stopped after epoch {trainer.current_epoch}: {reason}")

    def _judge(self, score: float) -> str:
        """Why to stop at this value; an empty string for going on."""
        sign = 1 if self.mode == "min" else -1
        if self.check_finite and not math.isfinite(score):
            return f"{self.monitor} is {score}"
        if self.stopping_threshold is not None and sign * score < sign * self.stopping_threshold:
            return f"{self.monitor} is {score:.4g}, better than {self.stopping_threshold:.4g}"
        if self.divergence_threshold is not None and sign * score > sign * self.divergence_threshold:
            return f"{self.monitor} is {score:.4g}, worse than {self.divergence_threshold:.4g}"
        if sign * score < sign * self.best_score - self.min_delta:
            self.best_score, self.wait_count = score, 0
            return ""
        self.wait_count += 1
        if self.wait_count >= self.patience:
            return f"{self.monitor} got no better than {self.best_score:.4g} for {self.wait_count} checks"
        return ""


class Timer(Callback):
    """Measures training, validation and test in seconds, and stops training after `duration`.

    `duration` is a timedelta, a dict of its arguments, or a string "DD:HH:MM:SS"; None only measures. It is looked at
    after every step, or every epoch with `interval="epoch"`. Time spent before a checkpoint counts after it.

    >>> Timer("00:00:01:30").duration
    90.0
    """

    def __init__(
        self, duration: str | timedelta | dict[str, int] | None = None, interval: str = "step", verbose: bool = True
    ) -> None:
        self.duration = None if duration is None else seconds(duration)
        self.interval, self.verbose = choice("Timer", "interval", interval, "step", "epoch"), verbose
        self._started: dict[str, float] = {}
        self._ended: dict[str, float] = {}
        self._before = 0.0

    def start_time(self, stage: str = "train") -> float | None:
        """When a stage began, by the monotonic clock."""
        return self._started.get(stage)

    def end_time(self, stage: str = "train") -> float | None:
        """When a stage ended, by the monotonic clock."""
        return self._ended.get(stage)

    def time_elapsed(self, stage: str = "train") -> float:
        """Seconds spent in train, validate or test."""
        started = self._started.get(stage)
        spent = 0.0 if started is None else (self._ended.get(stage) or time.monotonic()) - started
        return spent + (self._before if stage == "train" else 0.0)

    def time_remaining(self, stage: str = "train") -> float | None:
        """Seconds left until `duration`; None without one."""
        return None if self.duration is None else self.duration - self.time_elapsed(stage)

    def state_dict(self) -> dict[str, Any]:
        return {"time_elapsed": self.time_elapsed()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._before = float(state_dict["time_elapsed"])

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._started[trainer.stage or ""] = time.monotonic()
        self._ended.pop(trainer.stage or "", None)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._ended[trainer.stage or ""] = time.monotonic()

    on_validation_start = on_test_start = on_train_start
    on_validation_end = on_test_end = on_train_end

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        if self.interval == "step":
            self._check(trainer)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.interval == "epoch":
            self._check(trainer)

    def _check(self, trainer: pl.Trainer) -> None:
        remaining = self.time_remaining()
        if remaining is None or trainer.should_stop:
            return
        if trainer.strategy.reduce(remaining, "min") <= 0:
            trainer.should_stop = True
            if self.verbose:
                trainer.module.print(f"time is up after {self.time_elapsed():.1f} s")


def seconds(duration: str | timedelta | dict[str, int], owner: str = "Timer") -> float:
    """The seconds of a timedelta, of a dict of its arguments, or of "DD:HH:MM:SS"."""
    if isinstance(duration, dict):
        duration = timedelta(**duration)
    if isinstance(duration, timedelta):
        return duration.total_seconds()
    match = re.fullmatch(r"(\d+):(\d\d):(\d\d):(\d\d)", duration.strip()) if isinstance(duration, str) else None
    if match is None:
        raise MisconfigurationException(
            f"{owner}: expected a duration as 'DD:HH:MM:SS', a timedelta or a dict, got {duration!r}. Write '00:01:30:00'."
        )
    days, hours, minutes, rest = map(int, match.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=rest).total_seconds()
