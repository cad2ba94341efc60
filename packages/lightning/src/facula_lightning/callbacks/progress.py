"""Progress: a moving bar on a terminal, a line an epoch everywhere else."""

from __future__ import annotations

import importlib.util
import math
import sys
import time
from typing import IO, Any

import facula_lightning as pl
from facula_lightning.callbacks.callback import Callback
from facula_lightning.exceptions import optional

_STAGES = {"validate": "Validating", "test": "Testing", "predict": "Predicting", "sanity": "Sanity check"}


class ProgressBar(Callback):
    """Base of what shows how far a run is; `print` writes a line without disturbing it."""

    def print(self, *args: Any, sep: str = " ", end: str = "\n") -> None:
        """Write a line above the bar."""
        print(*args, sep=sep, end=end)  # noqa: T201

    def get_metrics(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> dict[str, str]:
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
    """One line an epoch, for logs and pipes."""

    def __init__(self) -> None:
        self._started = 0.0

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._started = time.perf_counter()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        seconds = time.perf_counter() - self._started
        values = _joined(self.get_metrics(trainer, pl_module))
        self.print(f"{_epoch(trainer)}  {trainer.fit_loop.batch} batches in {seconds:.1f} s  {values}".rstrip())


class MovingBar(ProgressBar):
    """Base of moving bars: one for the epoch and one for what else runs, with speed and logged values.

    A subclass draws: `open` makes a bar, `move` sets how far it is, `close` ends it and may leave it on the screen.
    """

    refresh_rate: int = 8
    leave: bool = False
    _train: Any = None
    _other: Any = None
    _done = 0  # batches of what else runs
    _shown = _begun = 0.0

    def open(self, label: str, total: float | None) -> Any:
        """A new bar."""
        raise NotImplementedError(
            f"{type(self).__name__}.open: expected a definition, got none. Define open, move, close."
        )

    # fmt: off
    def move(self, bar: Any, done: int, speed: float, values: dict[str, str]) -> None: """Show that `done` batches are done."""
    def close(self, bar: Any, leave: bool) -> None: """End a bar."""
    def stop(self) -> None: """End all drawing."""
    # fmt: on

    def due(self, done: int) -> bool:
        """Whether it is time to draw: `refresh_rate` times a second."""
        return time.perf_counter() - self._shown >= 1 / self.refresh_rate

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self._train is not None:
            self.close(self._train, self.leave)
        self._train = self.open(_epoch(trainer), _known(trainer.fit_loop.count))
        self._shown = self._begun = time.perf_counter()

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        if self.due(trainer.fit_loop.batch) or trainer.fit_loop.batch >= trainer.fit_loop.count:
            self.on_train_epoch_end(trainer, pl_module)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self._train is None:  # the run goes on in the middle of an epoch
            self.on_train_epoch_start(trainer, pl_module)
        self._shown = time.perf_counter()
        done = trainer.fit_loop.batch
        self.move(self._train, done, done / max(self._shown - self._begun, 1e-9), self.get_metrics(trainer, pl_module))

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        most = trainer.num_sanity_val_steps if trainer.sanity_checking else math.inf
        loop = {"test": trainer.test_loop, "predict": trainer.prediction_loop}.get(trainer.stage or "")
        counts = (loop or trainer.validation_loop).counts
        self._other, self._done = self.open(_STAGES[trainer.stage or ""], _known(sum(min(n, most) for n in counts))), 0

    def on_validation_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any, **__: Any) -> None:
        self._done += 1
        self.move(self._other, self._done, 0.0, {})

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.close(self._other, not trainer.sanity_checking and self._train is None)
        self._other = None

    on_test_start = on_predict_start = on_validation_start
    on_test_batch_end = on_predict_batch_end = on_validation_batch_end
    on_test_end = on_predict_end = on_validation_end

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        for bar in (self._other, self._train):
            if bar is not None:
                self.close(bar, True)
        self._other = self._train = None
        self.stop()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        self.teardown(trainer, pl_module, "")


class RichProgressBar(MovingBar):
    """Bars by rich, with the time left: the default on a terminal.

    They are redrawn `refresh_rate` times a second, by a thread, so that it costs the loop next to nothing; `leave` keeps
    every epoch's bar.
    """

    def __init__(self, refresh_rate: int = 8, leave: bool = False, console: Any = None) -> None:
        self.refresh_rate, self.leave, self._console = refresh_rate, leave, console
        self._bars: Any = None

    def print(self, *args: Any, sep: str = " ", end: str = "\n") -> None:
        if self._bars is None:
            super().print(*args, sep=sep, end=end)
        else:
            self._bars.console.print(sep.join(map(str, args)), end=end, markup=False, highlight=False)

    def open(self, label: str, total: float | None) -> Any:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        if self._bars is None:
            self._bars = Progress(
                TextColumn("{task.description}"),
                BarColumn(bar_width=20),
                MofNCompleteColumn(),
                TimeRemainingColumn(elapsed_when_finished=True),
                TextColumn("{task.fields[speed]}", style="dim"),
                TextColumn("{task.fields[values]}"),
                console=self._console,
                refresh_per_second=self.refresh_rate,
            )
            self._bars.start()
        return self._bars.add_task(label, total=total, speed="", values="")

    def move(self, bar: Any, done: int, speed: float, values: dict[str, str]) -> None:
        shown = f"{speed:.0f} it/s" if speed else ""
        self._bars.update(bar, completed=done, speed=shown, values=_joined(values))

    def close(self, bar: Any, leave: bool) -> None:
        if not leave:
            self._bars.remove_task(bar)

    def stop(self) -> None:
        if self._bars is not None:
            self._bars.stop()
            self._bars = None


class TQDMProgressBar(MovingBar):
    """Bars by tqdm, for terminals and notebooks, drawn every `refresh_rate` batches. Needs tqdm (extra `tqdm`).

    With a rate of 0 nothing is drawn; `process_position` is how many lines further down the bars begin.
    """

    def __init__(self, refresh_rate: int = 1, process_position: int = 0, leave: bool = False) -> None:
        self.refresh_rate, self.process_position, self.leave = refresh_rate, process_position, leave

    @property
    def _tqdm(self) -> Any:
        return optional("tqdm.auto", "tqdm").tqdm

    def due(self, done: int) -> bool:
        return self.refresh_rate > 0 and done % self.refresh_rate == 0

    def print(self, *args: Any, sep: str = " ", end: str = "\n") -> None:
        if self._train is None and self._other is None:
            super().print(*args, sep=sep, end=end)
        else:
            self._tqdm.write(sep.join(map(str, args)), end=end)

    def open(self, label: str, total: float | None) -> Any:
        place = self.process_position + (self._train is not None)
        return self._tqdm(
            total=total, desc=label, position=place, disable=not self.refresh_rate, dynamic_ncols=True, file=sys.stdout
        )

    def move(self, bar: Any, done: int, speed: float, values: dict[str, str]) -> None:
        bar.set_postfix(values, refresh=False)
        bar.update(done - bar.n)

    def close(self, bar: Any, leave: bool) -> None:
        bar.leave = leave
        bar.close()


def default_progress_bar(stream: IO[str]) -> ProgressBar:
    """A bar where `stream` is a terminal and rich is installed, else lines."""
    moving = stream is not None and stream.isatty() and importlib.util.find_spec("rich") is not None
    return RichProgressBar() if moving else LineProgressBar()


def _epoch(trainer: pl.Trainer) -> str:
    last = trainer.max_epochs
    return f"Epoch {trainer.current_epoch + 1}" + (f"/{last}" if last > 0 else "")


def _known(count: float) -> float | None:
    return None if math.isinf(count) else count


def _joined(values: dict[str, str]) -> str:
    return "  ".join(f"{name} {value}" for name, value in values.items())


def _short(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.4g}"
