"""Timer: how long a run takes, and an end when its time is up."""

from __future__ import annotations

import re
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from facula_lightning.callbacks.callback import Callback
from facula_lightning.exceptions import MisconfigurationException

if TYPE_CHECKING:
    from facula_lightning.module import LightningModule
    from facula_lightning.trainer import Trainer

__all__ = ["Timer"]


class Timer(Callback):
    """Measures training, validation and test in seconds, and stops training after `duration`.

    `duration` is a timedelta, a dict of its arguments, or a string "DD:HH:MM:SS"; None only measures. It is looked at
    after every step, or every epoch with `interval="epoch"`. Time spent before a checkpoint counts after it.

    >>> Timer("00:00:01:30").duration
    90.0
    """

    def __init__(
        self,
        duration: str | timedelta | dict[str, int] | None = None,
        interval: str = "step",
        verbose: bool = True,
    ) -> None:
        if interval not in ("step", "epoch"):
            raise MisconfigurationException(
                f"Timer: expected interval 'step' or 'epoch', got {interval!r}. Choose one."
            )
        self.duration = None if duration is None else seconds(duration)
        self.interval, self.verbose = interval, verbose
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

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._begin("train")

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._ended["train"] = time.monotonic()

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._begin("validate")

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._ended["validate"] = time.monotonic()

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._begin("test")

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._ended["test"] = time.monotonic()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self.interval == "step":
            self._check(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.interval == "epoch":
            self._check(trainer)

    def _begin(self, stage: str) -> None:
        self._started[stage] = time.monotonic()
        self._ended.pop(stage, None)

    def _check(self, trainer: Trainer) -> None:
        remaining = self.time_remaining()
        if remaining is None or trainer.should_stop:
            return
        if trainer.strategy.reduce(remaining, "min") <= 0:
            trainer.should_stop = True
            if self.verbose:
                module: Any = trainer.module
                module.print(f"time is up after {self.time_elapsed():.1f} s")


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
