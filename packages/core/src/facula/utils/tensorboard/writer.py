"""SummaryWriter: adds what a run has to tell to one event file, with PyTorch's names."""

from __future__ import annotations

import os
import socket
import sys
import time
import weakref
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from facula.utils.tensorboard import summaries
from facula.utils.tensorboard.events import double, integer, message, record

_NUMBERS = count()  # two files of one process and moment differ in these


def _append(path: Path, waiting: list[bytes]) -> None:
    if waiting:
        with path.open("ab") as file:
            file.write(b"".join(waiting))
        waiting.clear()


class SummaryWriter:
    """Writes numbers, histograms, pictures and texts to `<log_dir>/events.out.tfevents...`, without TensorBoard.

    `log_dir` is `runs/<time>_<host><comment>` unless given. Events wait in memory until there are `max_queue` of them,
    `flush_secs` have passed, or the writer is flushed, closed or no longer used. With `purge_step` TensorBoard forgets what an
    earlier file says of that step and later ones.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, SummaryWriter(folder) as writer:
    ...     writer.add_scalar("loss", 0.5, global_step=3)
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str] | None = None,
        comment: str = "",
        purge_step: int | None = None,
        max_queue: int = 10,
        flush_secs: float = 120,
        filename_suffix: str = "",
    ) -> None:
        if log_dir is None or not os.fspath(log_dir):
            log_dir = os.path.join("runs", f"{datetime.now():%b%d_%H-%M-%S}_{socket.gethostname()}{comment}")
        self.log_dir, self.max_queue, self.flush_secs = os.fspath(log_dir), max_queue, flush_secs
        folder, host = Path(log_dir), socket.gethostname()
        folder.mkdir(parents=True, exist_ok=True)
        name = f"events.out.tfevents.{int(time.time()):010d}.{host}.{os.getpid()}.{next(_NUMBERS)}{filename_suffix}"
        self._waiting: list[bytes] = []
        self._path, self._flushed = folder / name, time.monotonic()
        self._finish = weakref.finalize(self, _append, self._path, self._waiting)
        self._others: dict[str, SummaryWriter] = {}
        self._event(message(3, "brain.Event:2"))
        if purge_step is not None:
            self._event(message(7, integer(1, 1)), purge_step)  # the start of a session
        self.flush()

    def get_logdir(self) -> str:
        """The folder of the file."""
        return self.log_dir

    def _event(self, content: bytes, step: int | None = None, walltime: float | None = None) -> None:
        moment = double(1, time.time() if walltime is None else walltime)
        self._waiting.append(record(moment + (b"" if step is None else integer(2, int(step))) + content))
        if len(self._waiting) >= self.max_queue or time.monotonic() - self._flushed >= self.flush_secs:
            self.flush()

    def add_summary(
        self, values: Sequence[bytes], global_step: int | None = None, walltime: float | None = None
    ) -> None:
        """Add what functions of `facula.utils.tensorboard.summaries` returned, in one event."""
        self._event(message(5, *values), global_step, walltime)

    def add_scalar(
        self,
        tag: str,
        scalar_value: Any,
        global_step: int | None = None,
        walltime: float | None = None,
        new_style: bool = False,
        double_precision: bool = False,
    ) -> None:
        """Add a number; in the new style as a tensor, with `double_precision` as one of float64."""
        value = summaries.number("add_scalar", scalar_value)
        self.add_summary([summaries.scalar(tag, value, new_style, double_precision)], global_step, walltime)

    def add_scalars(
        self,
        main_tag: str,
        tag_scalar_dict: Mapping[str, Any],
        global_step: int | None = None,
        walltime: float | None = None,
    ) -> None:
        """Add several numbers to one diagram; each is a run of its own, in a folder below."""
        for tag, value in tag_scalar_dict.items():
            folder = os.path.join(self.log_dir, f"{main_tag.replace('/', '_')}_{tag}")
            if folder not in self._others:
                self._others[folder] = SummaryWriter(folder, max_queue=self.max_queue, flush_secs=self.flush_secs)
            self._others[folder].add_scalar(main_tag, value, global_step, walltime)

    def add_histogram(
        self,
        tag: str,
        values: Any,
        global_step: int | None = None,
        bins: Any = "tensorflow",
        walltime: float | None = None,
        max_bins: int | None = None,
    ) -> None:
        """Add how values are spread; `bins` is "tensorflow" or what `np.histogram` takes, `max_bins` joins neighbours."""
        self.add_summary([summaries.histogram(tag, values, bins, max_bins)], global_step, walltime)

    def add_image(
        self,
        tag: str,
        img_tensor: Any,
        global_step: int | None = None,
        walltime: float | None = None,
        dataformats: str = "CHW",
    ) -> None:
        """Add a picture: bytes, or floats from 0 to 1, its dimensions in the order of `dataformats`."""
        pixels = summaries.pixels("add_image", img_tensor, dataformats)
        self.add_summary([summaries.image(tag, pixels)], global_step, walltime)

    def add_images(
        self,
        tag: str,
        img_tensor: Any,
        global_step: int | None = None,
        walltime: float | None = None,
        dataformats: str = "NCHW",
    ) -> None:
        """Add a batch of pictures as one, eight to a row."""
        pixels = summaries.pixels("add_images", img_tensor, dataformats)
        self.add_summary([summaries.image(tag, pixels)], global_step, walltime)

    def add_figure(
        self, tag: str, figure: Any, global_step: int | None = None, close: bool = True, walltime: float | None = None
    ) -> None:
        """Add a matplotlib figure, or several of one size; `close` also closes them in pyplot."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        figures = figure if isinstance(figure, list | tuple) else [figure]
        drawn = []
        for one in figures:
            canvas = FigureCanvasAgg(one)
            canvas.draw()
            drawn.append(np.asarray(canvas.buffer_rgba()))
            if close and (pyplot := sys.modules.get("matplotlib.pyplot")):
                pyplot.close(one)
        self.add_images(tag, np.stack(drawn), global_step, walltime, "NHWC")

    def add_text(
        self, tag: str, text_string: str, global_step: int | None = None, walltime: float | None = None
    ) -> None:
        """Add a text, which is shown as Markdown, under `<tag>/text_summary`."""
        self.add_summary([summaries.text(f"{tag}/text_summary", text_string)], global_step, walltime)

    def add_hparams(
        self,
        hparam_dict: Mapping[str, Any],
        metric_dict: Mapping[str, Any],
        hparam_domain_discrete: Mapping[str, Sequence[Any]] | None = None,
        run_name: str | None = None,
        global_step: int | None = None,
    ) -> None:
        """Add the hyperparameters of a run and the metrics to compare it by, as a run of its own in a folder below."""
        now = time.time()
        values = summaries.hyperparameters(hparam_dict, list(metric_dict), hparam_domain_discrete, now)
        with SummaryWriter(os.path.join(self.log_dir, str(now) if run_name is None else run_name)) as writer:
            for value in values:
                writer.add_summary([value])
            for tag, metric in metric_dict.items():
                writer.add_scalar(tag, metric, global_step)

    def flush(self) -> None:
        """Write what waits."""
        _append(self._path, self._waiting)
        self._flushed = time.monotonic()
        for other in self._others.values():
            other.flush()

    def close(self) -> None:
        """Write what waits; what is added later goes to the same file."""
        self.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
