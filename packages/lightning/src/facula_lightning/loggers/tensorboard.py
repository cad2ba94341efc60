"""TensorBoardLogger: event files that TensorBoard reads, written without TensorBoard."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

from facula.utils.tensorboard import SummaryWriter, summaries
from facula_lightning.loggers.logger import CSVLogger, written


class TensorBoardLogger(CSVLogger):
    """Writes `<save_dir>/<name>/version_<n>/events.out.tfevents...`; hyperparameters become a text and `hparams.yaml`.

    `experiment` is the `SummaryWriter`, for pictures, histograms and texts. `log_graph` and `default_hp_metric` are accepted
    for programs that pass them.
    """

    def __init__(
        self,
        save_dir: str | Path,
        name: str | None = "lightning_logs",
        version: int | str | None = None,
        log_graph: bool = False,
        default_hp_metric: bool = True,
        prefix: str = "",
    ) -> None:
        super().__init__(save_dir, name, version, prefix)

    @cached_property
    def experiment(self) -> SummaryWriter:
        """What writes the file."""
        return SummaryWriter(self.log_dir, max_queue=self.flush_logs_every_n_steps)

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        values = [summaries.scalar(name, value) for name, value in self.named(metrics).items()]
        self.experiment.add_summary(values, step or 0)

    def log_hyperparams(self, params: dict[str, Any]) -> None:
        super().log_hyperparams(params)
        rows = "".join(f"\n|{k}|{written(v)}|" for k, v in self.hparams.items())
        self.experiment.add_text("hyperparameters", f"|name|value|\n|-|-|{rows}", 0)

    def save(self) -> None:
        if "experiment" in vars(self):
            self.experiment.flush()
