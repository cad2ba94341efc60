"""Small callbacks: accumulation by epoch, the state of the machine, predictions to files."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from facula_lightning.callbacks.callback import Callback
from facula_lightning.exceptions import MisconfigurationException

if TYPE_CHECKING:
    from facula_lightning.module import LightningModule
    from facula_lightning.trainer import Trainer

__all__ = ["BasePredictionWriter", "DeviceStatsMonitor", "GradientAccumulationScheduler"]


class GradientAccumulationScheduler(Callback):
    """Accumulates `scheduling[epoch]` batches from that epoch on.

    >>> GradientAccumulationScheduler({0: 8, 4: 1}).going_to_accumulate_grad_batches()
    True
    """

    def __init__(self, scheduling: dict[int, int]) -> None:
        if not scheduling or any(epoch < 0 or count < 1 for epoch, count in scheduling.items()):
            raise MisconfigurationException(
                f"GradientAccumulationScheduler: expected epochs from 0 with counts from 1, got {scheduling}. "
                "Pass e.g. {0: 8, 4: 1}."
            )
        self.scheduling = dict(sorted({0: 1, **scheduling}.items()))

    def going_to_accumulate_grad_batches(self) -> bool:
        """Whether any epoch accumulates."""
        return any(count > 1 for count in self.scheduling.values())

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.accumulate_grad_batches != 1:
            raise MisconfigurationException(
                "GradientAccumulationScheduler: expected Trainer(accumulate_grad_batches=1), "
                f"got {trainer.accumulate_grad_batches}. Set one of them."
            )

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.on_train_epoch_start(trainer, pl_module)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        reached = [count for epoch, count in self.scheduling.items() if epoch <= trainer.current_epoch]
        trainer.accumulate_grad_batches = reached[-1]

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        trainer.accumulate_grad_batches = 1


class DeviceStatsMonitor(Callback):
    """Logs the process's memory and share of the CPU (and the GPU's memory) at every logged step."""

    def __init__(self, cpu_stats: bool | None = None) -> None:
        self.cpu_stats = cpu_stats
        self._before = (time.perf_counter(), time.process_time())

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        import resource

        loop = trainer.fit_loop
        if loop.accumulating or loop.stepped % trainer.log_every_n_steps:
            return
        now = (time.perf_counter(), time.process_time())
        wall, busy = now[0] - self._before[0], now[1] - self._before[1]
        self._before = now
        values = {"cpu_percent": 100 * busy / max(wall, 1e-9), "load_1min": os.getloadavg()[0]}
        values["peak_memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        if trainer.strategy.root_device.type == "cuda":
            import facula

            values["gpu_memory_mb"] = facula.cuda.memory_allocated() / 2**20
        trainer.log_metrics({f"DeviceStatsMonitor/{k}": v for k, v in values.items()}, loop.stepped - 1)


class BasePredictionWriter(Callback):
    """Hears of predictions: define `write_on_batch_end` or `write_on_epoch_end`; `write_interval` chooses batch or epoch."""

    def __init__(self, write_interval: str = "batch") -> None:
        if write_interval not in ("batch", "epoch", "batch_and_epoch"):
            raise MisconfigurationException(
                f"BasePredictionWriter: expected write_interval 'batch', 'epoch' or 'batch_and_epoch', got {write_interval!r}. "
                "Choose one."
            )
        self.interval = write_interval

    def write_on_batch_end(
        self,
        trainer: Any,
        pl_module: Any,
        prediction: Any,
        batch_indices: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int,
    ) -> None:
        """Write what was predicted for one batch."""

    def write_on_epoch_end(self, trainer: Any, pl_module: Any, predictions: list[Any], batch_indices: Any) -> None:
        """Write all predictions."""

    def on_predict_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        if "batch" in self.interval:
            self.write_on_batch_end(trainer, pl_module, outputs, None, batch, batch_idx, dataloader_idx)

    def on_predict_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if "epoch" in self.interval:
            self.write_on_epoch_end(trainer, pl_module, trainer.prediction_loop.predictions, None)
