"""Progress: a moving bar on a terminal, a line an epoch everywhere else."""

from __future__ import annotations

import importlib.util
import math
import time
from typing import IO, TYPE_CHECKING, Any

from facula_lightning.callbacks.callback import Callback

if TYPE_CHECKING:
    from facula_lightning.module import LightningModule
    from facula_lightning.trainer import Trainer

__all__ = ["LineProgressBar", "ProgressBar", "RichProgressBar", "default_progress_bar"]

_STAGES = {"validate": "Validating", "test": "Testing", "predict": "Predicting", "sanity": "Sanity check"}


class ProgressBar(Callback):
    """Base of what shows how far a run is; `print` writes a line without disturbing it."""

    def print(self, *args: Any, sep: str = " ", end: str = "\n") -> None:
        """Write a line above the bar."""
        print(*args, sep=sep, end=end)  # noqa: T201

    def get_metrics(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, str]:
        """What to show beside the bar: values logged with `prog_bar=True`, those of the running loop first."""
        metrics = trainer.metrics
        own = {**metrics.active.newest(0), **(metrics.active.reduced(0) if metrics.epoch_ended else {})}
        shown = {**own, **trainer.progress_bar_metrics}
        wanted, other = ("_epoch", "_step") if metrics.epoch_ended else ("_step", "_epoch")
        doubled = {name for name in shown if name.endswith(other) and name.removesuffix(other) + wanted in shown}
        return {
            name.removesuffix(wanted) if name.removesuffix(wanted) + other in doubled else name: _short(value)
            for name, value in shown.items()
            if name not in doubled
        }


class LineProgressBar(ProgressBar):
    """One line an epoch, for logs and pipes.

    >>> LineProgressBar().state_key
    'LineProgressBar'
    """

    def __init__(self) -> None:
        self._started = 0.0

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._started = time.perf_counter()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        seconds = time.perf_counter() - self._started
        values = "  ".join(f"{name} {value}" for name, value in self.get_metrics(trainer, pl_module).items())
        self.print(f"{_epoch(trainer)}  {trainer.fit_loop.batch} batches in {seconds:.1f} s  {values}".rstrip())


class RichProgressBar(ProgressBar):
    """A bar for the epoch and one for validation, with speed, time left and logged values.

    It is redrawn `refresh_rate` times a second, by a thread, so that it costs the loop next to nothing; `leave` keeps
    every epoch's bar.

    >>> RichProgressBar(leave=True).leave
    True
    """

    def __init__(self, refresh_rate: int = 8, leave: bool = False, console: Any = None) -> None:
        self.refresh_rate, self.leave = refresh_rate, leave
        self._console = console
        self._bar: Any = None
        self._train: Any = None
        self._other: Any = None
        self._shown = 0.0

    def print(self, *args: Any, sep: str = " ", end: str = "\n") -> None:
        if self._bar is None:
            super().print(*args, sep=sep, end=end)
        else:
            self._bar.console.print(sep.join(map(str, args)), end=end, markup=False, highlight=False)

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if stage != "fit":
            self._start()

    def on_sanity_check_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._start()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._start()

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self._stop()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        self._stop()

    def _start(self) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        if self._bar is not None:
            return
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TimeRemainingColumn(elapsed_when_finished=True),
            TextColumn("{task.fields[speed]}", style="dim"),
            TextColumn("{task.fields[values]}"),
            console=self._console,
            refresh_per_second=self.refresh_rate,
            transient=False,
        )
        self._bar.start()

    def _stop(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = self._train = self._other = None

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        label = _epoch(trainer)
        count = trainer.fit_loop.count
        total = None if math.isinf(count) else count
        if self._train is None or self.leave:
            self._train = self._bar.add_task(label, total=total, speed="", values="")
        else:
            self._bar.reset(self._train, description=label, total=total)
        self._shown = self._epoch_started = time.perf_counter()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        now = time.perf_counter()
        if now - self._shown < 1 / self.refresh_rate and batch_idx + 1 < trainer.fit_loop.count:
            return
        self._shown = now
        self._show(trainer, pl_module, batch_idx + 1)

    def _show(self, trainer: Trainer, pl_module: LightningModule, done: int) -> None:
        if self._train is None:
            self.on_train_epoch_start(trainer, pl_module)
        speed = f"{done / max(time.perf_counter() - self._epoch_started, 1e-9):.0f} it/s"
        values = "  ".join(f"{name} {value}" for name, value in self.get_metrics(trainer, pl_module).items())
        self._bar.update(self._train, completed=done, speed=speed, values=values)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._show(trainer, pl_module, trainer.fit_loop.batch)

    def _other_start(self, trainer: Trainer, counts: list[float]) -> None:
        total = sum(counts)
        if trainer.sanity_checking:
            total = sum(min(count, trainer.num_sanity_val_steps) for count in counts)
        label = _STAGES[trainer.stage or "validate"]
        self._other = self._bar.add_task(label, total=None if math.isinf(total) else total, speed="", values="")

    def _other_end(self, trainer: Trainer) -> None:
        if self._bar is not None and self._other is not None:
            if trainer.sanity_checking or (trainer.validating and self._train is not None):
                self._bar.remove_task(self._other)
            self._other = None

    def _other_advance(self) -> None:
        if self._other is not None:
            self._bar.advance(self._other)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._other_start(trainer, trainer.num_val_batches)

    def on_validation_batch_end(self, trainer: Trainer, pl_module: LightningModule, *rest: Any) -> None:
        self._other_advance()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._other_end(trainer)

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._other_start(trainer, trainer.num_test_batches)

    def on_test_batch_end(self, trainer: Trainer, pl_module: LightningModule, *rest: Any) -> None:
        self._other_advance()

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._other_end(trainer)

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._other_start(trainer, trainer.prediction_loop.counts)

    def on_predict_batch_end(self, trainer: Trainer, pl_module: LightningModule, *rest: Any) -> None:
        self._other_advance()

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._other_end(trainer)


def default_progress_bar(stream: IO[str]) -> ProgressBar:
    """A bar where `stream` is a terminal and rich is installed, else lines."""
    moving = stream is not None and stream.isatty() and importlib.util.find_spec("rich") is not None
    return RichProgressBar() if moving else LineProgressBar()


def _epoch(trainer: Trainer) -> str:
    last = trainer.max_epochs
    return f"Epoch {trainer.current_epoch + 1}" + (f"/{last}" if last > 0 else "")


def _short(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.4g}"
