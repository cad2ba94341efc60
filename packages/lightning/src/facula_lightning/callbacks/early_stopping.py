"""EarlyStopping: end a run when a number gets no better."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from facula_lightning.callbacks.callback import Callback
from facula_lightning.exceptions import MisconfigurationException

if TYPE_CHECKING:
    from facula_lightning.module import LightningModule
    from facula_lightning.trainer import Trainer

__all__ = ["EarlyStopping"]


class EarlyStopping(Callback):
    """Stops when `monitor` has not got better by more than `min_delta` for `patience` checks in a row.

    `mode` is "min" or "max". It also stops at a value that is not finite (`check_finite`), at one that is better than
    `stopping_threshold` or worse than `divergence_threshold`. `strict=False` ignores a `monitor` that was not logged.

    Errors: MisconfigurationException for a `monitor` that was not logged, naming what was.

    >>> EarlyStopping("val_loss", patience=2).patience
    2
    """

    judges = True

    def __init__(
        self,
        monitor: str,
        min_delta: float = 0.0,
        patience: int = 3,
        verbose: bool = False,
        mode: str = "min",
        strict: bool = True,
        check_finite: bool = True,
        stopping_threshold: float | None = None,
        divergence_threshold: float | None = None,
        check_on_train_epoch_end: bool | None = None,
        log_rank_zero_only: bool = False,
    ) -> None:
        if mode not in ("min", "max"):
            raise MisconfigurationException(f"EarlyStopping: expected mode 'min' or 'max', got {mode!r}. Choose one.")
        self.monitor, self.min_delta, self.patience = monitor, abs(min_delta), patience
        self.verbose, self.mode, self.strict, self.check_finite = verbose, mode, strict, check_finite
        self.stopping_threshold, self.divergence_threshold = stopping_threshold, divergence_threshold
        self.check_on_train_epoch_end = check_on_train_epoch_end
        self.log_rank_zero_only = log_rank_zero_only
        self.best_score = math.inf if mode == "min" else -math.inf
        self.wait_count = 0
        self.stopped_epoch = 0

    @property
    def state_key(self) -> str:
        return f"EarlyStopping(monitor={self.monitor!r}, mode={self.mode!r})"

    def state_dict(self) -> dict[str, Any]:
        return {
            "wait_count": self.wait_count,
            "stopped_epoch": self.stopped_epoch,
            "best_score": self.best_score if math.isfinite(self.best_score) else None,
            "patience": self.patience,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.wait_count, self.stopped_epoch = int(state_dict["wait_count"]), int(state_dict["stopped_epoch"])
        if state_dict["best_score"] is not None:
            self.best_score = float(state_dict["best_score"])
        self.patience = int(state_dict["patience"])

    def _at_epoch_end(self, trainer: Trainer) -> bool:
        if self.check_on_train_epoch_end is not None:
            return self.check_on_train_epoch_end
        return trainer.val_check_interval == 1.0 and trainer.check_val_every_n_epoch == 1

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._at_epoch_end(trainer):
            self._check(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.validating and trainer.fit_loop.batches and not self._at_epoch_end(trainer):
            self._check(trainer)

    def _check(self, trainer: Trainer) -> None:
        known = trainer.metrics.seen_by(2)
        if self.monitor not in known:
            if self.strict:
                raise MisconfigurationException(
                    f"EarlyStopping: expected a logged value named {self.monitor!r} to monitor, "
                    f"got {', '.join(sorted(known)) or 'nothing logged yet'}. "
                    f"Call self.log({self.monitor!r}, value) in the module."
                )
            return
        reason = self._judge(known[self.monitor])
        if trainer.strategy.reduce(bool(reason), "max"):
            trainer.should_stop = True
            self.stopped_epoch = trainer.current_epoch
            if self.verbose:
                module: Any = trainer.module
                module.print(f"stopped after epoch {trainer.current_epoch}: {reason}")

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
