"""Monitors: what a run does besides learning, among its logged numbers."""

from __future__ import annotations

import os
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import facula
import facula_lightning as pl
from facula_lightning.batches import batch_size
from facula_lightning.callbacks.callback import Callback
from facula_lightning.exceptions import MisconfigurationException, choice


class _Monitor(Callback):
    """A callback that has nothing to do without a logger."""

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not trainer.loggers:
            raise MisconfigurationException(
                f"{type(self).__name__}: expected a logger to write to, got none. Set Trainer(logger=True)."
            )


@dataclass(eq=False)
class LearningRateMonitor(_Monitor):
    """Logs the learning rate of every optimizer as `lr-<class>`, with `-1`, `/pg1` where there are several.

    `logging_interval` is "step", "epoch", or None for the interval of each scheduler. `log_momentum` and
    `log_weight_decay` add those.
    """

    logging_interval: str | None = None
    log_momentum: bool = False
    log_weight_decay: bool = False
    lrs: dict[str, list[float]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        choice("LearningRateMonitor", "logging_interval", self.logging_interval, "step", "epoch", None)

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        if self.logging_interval == "epoch" or trainer.fit_loop.batch % trainer.accumulate_grad_batches:
            return
        if (trainer.fit_loop.stepped + 1) % trainer.log_every_n_steps == 0:
            self._log(trainer, "step" if self.logging_interval is None else None)

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.logging_interval != "step":
            self._log(trainer, "epoch" if self.logging_interval is None else None)

    def _log(self, trainer: pl.Trainer, interval: str | None) -> None:
        values = self._values(trainer, interval)
        for name, value in values.items():
            self.lrs.setdefault(name, []).append(value)
            for audience in trainer.metrics.finished[1:]:
                audience[name] = value
        trainer.log_metrics(values, trainer.fit_loop.stepped)

    def _values(self, trainer: pl.Trainer, interval: str | None) -> dict[str, float]:
        by_scheduler = {id(config.scheduler.optimizer): config for config in trainer.lr_scheduler_configs}
        seen: Counter[str] = Counter()
        found: dict[str, float] = {}
        for optimizer in trainer.optimizers:
            config = by_scheduler.get(id(optimizer))
            kind = type(optimizer).__name__
            name = (config and config.name) or (f"lr-{kind}-{seen[kind]}" if seen[kind] else f"lr-{kind}")
            seen[kind] += 1
            if interval is not None and (config.interval if config else "epoch") != interval:
                continue
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


class DeviceStatsMonitor(_Monitor):
    """Logs the process's memory and share of the CPU (and the GPU's memory) at every logged step."""

    def __init__(self, cpu_stats: bool | None = None) -> None:
        self.cpu_stats = cpu_stats
        self._before = (time.perf_counter(), time.process_time())

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        import resource

        if not trainer.fit_loop.logs:
            return
        now = (time.perf_counter(), time.process_time())
        wall, busy = now[0] - self._before[0], now[1] - self._before[1]
        self._before = now
        values = {"cpu_percent": 100 * busy / max(wall, 1e-9), "load_1min": os.getloadavg()[0]}
        values["peak_memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        if trainer.strategy.root_device.type == "cuda":
            values["gpu_memory_mb"] = facula.cuda.memory_allocated() / 2**20
        trainer.log_metrics({f"DeviceStatsMonitor/{k}": v for k, v in values.items()}, trainer.fit_loop.stepped - 1)


@dataclass(eq=False)
class ThroughputMonitor(_Monitor):
    """Logs batches and samples a second over the newest `window_size` batches at every logged step, as `train/device/...`.

    `batch_size_fn` counts the samples of a batch (by default the first dimension of its first tensor), `length_fn` its
    items (tokens, say), which adds `train/device/items_per_sec`. Times are of one process; validation does not count.
    """

    batch_size_fn: Callable[[Any], int] = batch_size
    length_fn: Callable[[Any], int] | None = None
    window_size: int = 100
    _paused = 0.0  # seconds of validation

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        super().on_train_start(trainer, pl_module)
        begun = (time.perf_counter(), 0, 0)  # seconds, samples and items by then
        self._window: deque[tuple[float, int, int]] = deque([begun], maxlen=self.window_size + 1)
        self._paused = 0.0

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._paused -= time.perf_counter()

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._paused += time.perf_counter()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        _, samples, items = self._window[-1]
        items += self.length_fn(batch) if self.length_fn is not None else 0
        samples += self.batch_size_fn(batch)
        self._window.append((time.perf_counter() - self._paused, samples, items))
        if not trainer.fit_loop.logs:
            return
        first, newest = self._window[0], self._window[-1]
        spent = max(newest[0] - first[0], 1e-9)
        values = {"batches_per_sec": (len(self._window) - 1) / spent, "samples_per_sec": (newest[1] - first[1]) / spent}
        if self.length_fn is not None:
            values["items_per_sec"] = (newest[2] - first[2]) / spent
        totals = {"train/batches": trainer.fit_loop.batches, "train/samples": newest[1]}
        named = {f"train/device/{name}": value for name, value in values.items()}
        trainer.log_metrics(named | totals, trainer.fit_loop.stepped - 1)
