"""LearningRateMonitor: learning rates among the logged numbers."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from facula_lightning.callbacks.callback import Callback
from facula_lightning.exceptions import MisconfigurationException

if TYPE_CHECKING:
    from facula_lightning.module import LightningModule
    from facula_lightning.trainer import Trainer

__all__ = ["LearningRateMonitor"]


class LearningRateMonitor(Callback):
    """Logs the learning rate of every optimizer as `lr-<class>`, with `-1`, `/pg1` where there are several.

    `logging_interval` is "step", "epoch", or None for the interval of each scheduler. `log_momentum` and
    `log_weight_decay` add those.

    >>> LearningRateMonitor("step").logging_interval
    'step'
    """

    def __init__(
        self, logging_interval: str | None = None, log_momentum: bool = False, log_weight_decay: bool = False
    ) -> None:
        if logging_interval not in (None, "step", "epoch"):
            raise MisconfigurationException(
                f"LearningRateMonitor: expected logging_interval 'step', 'epoch' or None, got {logging_interval!r}. "
                "Choose one of them."
            )
        self.logging_interval = logging_interval
        self.log_momentum, self.log_weight_decay = log_momentum, log_weight_decay
        self.lrs: dict[str, list[float]] = {}

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.loggers:
            raise MisconfigurationException(
                "LearningRateMonitor: expected a logger to write to, got none. Set Trainer(logger=True)."
            )

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        if self.logging_interval == "epoch" or batch_idx % trainer.accumulate_grad_batches:
            return
        if (trainer.fit_loop.stepped + 1) % trainer.log_every_n_steps == 0:
            self._log(trainer, "step" if self.logging_interval is None else None)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.logging_interval != "step":
            self._log(trainer, "epoch" if self.logging_interval is None else None)

    def _log(self, trainer: Trainer, interval: str | None) -> None:
        values = self._values(trainer, interval)
        for name, value in values.items():
            self.lrs.setdefault(name, []).append(value)
            for audience in trainer.metrics.finished[1:]:
                audience[name] = value
        trainer.log_metrics(values, trainer.fit_loop.stepped)

    def _values(self, trainer: Trainer, interval: str | None) -> dict[str, float]:
        by_scheduler = {id(config.scheduler.optimizer): config for config in trainer.lr_scheduler_configs}
        classes = Counter(type(optimizer).__name__ for optimizer in trainer.optimizers)
        seen: Counter[str] = Counter()
        found: dict[str, float] = {}
        for optimizer in trainer.optimizers:
            config = by_scheduler.get(id(optimizer))
            kind = type(optimizer).__name__
            name = f"lr-{kind}" if classes[kind] == 1 or not seen[kind] else f"lr-{kind}-{seen[kind]}"
            seen[kind] += 1
            if interval is not None and (config.interval if config else "epoch") != interval:
                continue
            if config is not None and config.name:
                name = config.name
            groups = optimizer.param_groups
            for number, group in enumerate(groups, 1):
                label = f"{name}/pg{number}" if len(groups) > 1 else name
                found[label] = float(group["lr"])
                if self.log_momentum:
                    momentum = group["betas"][0] if "betas" in group else group.get("momentum", 0)
                    found[f"{label}-momentum"] = float(momentum)
                if self.log_weight_decay:
                    found[f"{label}-weight_decay"] = float(group.get("weight_decay", 0))
        return found
