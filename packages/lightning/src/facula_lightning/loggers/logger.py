"""Logger: where the numbers of a run go; CSVLogger: into one table that every program can read."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from facula_lightning.hparams import plain


class Logger:
    """Receives metrics and hyperparameters; a subclass writes them somewhere.

    >>> class Memory(Logger):
    ...     def __init__(self):
    ...         self.rows = []
    ...     def log_metrics(self, metrics, step=None):
    ...         self.rows.append((step, metrics))
    >>> memory = Memory()
    >>> memory.log_metrics({"loss": 0.5}, step=3)
    >>> memory.rows
    [(3, {'loss': 0.5})]
    """

    name: Any = None
    """The name of the experiment."""
    version: Any = None
    """The number or name of this run among the experiment's."""
    save_dir: Any = None
    """The folder below which this logger writes."""
    prefix: str = ""
    """What goes before every name, with a `-`."""

    @property
    def log_dir(self) -> str | None:
        """The folder of this run."""
        return self.save_dir

    def named(self, metrics: Mapping[str, float]) -> dict[str, float]:
        """The metrics with the prefix before their names."""
        return {f"{self.prefix}-{name}" if self.prefix else name: float(value) for name, value in metrics.items()}

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Take the numbers of one step."""
        raise NotImplementedError(
            f"{type(self).__name__}.log_metrics: expected the class to define it, got none. Define log_metrics(self, metrics, step)."
        )

    # fmt: off
    def log_hyperparams(self, params: dict[str, Any]) -> None: """Take the hyperparameters of the run."""
    def save(self) -> None: """Write what has not been written yet."""
    # fmt: on

    def finalize(self, status: str) -> None:
        """The run has ended; `status` is "success" or "failed"."""
        self.save()


class CSVLogger(Logger):
    """Writes `<save_dir>/<name>/version_<n>/metrics.csv`, a row a step, and `hparams.yaml` beside it.

    `prefix` goes before every name; rows are written every `flush_logs_every_n_steps` and at the end. A new column
    rewrites the file, so that its first line always names all columns.

    >>> CSVLogger("logs", name="digits", version=3).log_dir.replace(os.sep, "/")
    'logs/digits/version_3'
    """

    def __init__(
        self,
        save_dir: str | Path,
        name: str | None = "lightning_logs",
        version: int | str | None = None,
        prefix: str = "",
        flush_logs_every_n_steps: int = 100,
    ) -> None:
        self.save_dir, self.name, self._version, self.prefix = os.fspath(save_dir), name or "", version, prefix
        self.flush_logs_every_n_steps = flush_logs_every_n_steps
        self.hparams: dict[str, Any] = {}
        self.rows: list[dict[str, float]] = []
        self._columns: list[str] = []
        self._written = 0

    @property
    def version(self) -> int | str:
        """The number or name of this run; the next one that is free where none was given."""
        if self._version is None:
            taken = [path.name[8:] for path in Path(self.save_dir, self.name).glob("version_*") if path.is_dir()]
            self._version = max((int(number) for number in taken if number.isdigit()), default=-1) + 1
        return self._version

    @property
    def log_dir(self) -> str:
        version = self.version if isinstance(self.version, str) else f"version_{self.version}"
        return os.path.join(self.save_dir, self.name, version)

    @property
    def metrics_file(self) -> Path:
        """The table."""
        return Path(self.log_dir) / "metrics.csv"

    def log_hyperparams(self, params: dict[str, Any]) -> None:
        self.hparams.update(params)
        lines = [f"{key}: {written(value)}\n" for key, value in sorted(self.hparams.items())]
        Path(self.log_dir).mkdir(parents=True, exist_ok=True)
        (Path(self.log_dir) / "hparams.yaml").write_text("".join(lines), encoding="utf-8")

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        row = self.named(metrics)
        if "epoch" in row:
            row["epoch"] = int(row["epoch"])
        row["step"] = len(self.rows) if step is None else step
        self.rows.append(row)
        if len(self.rows) - self._written >= self.flush_logs_every_n_steps:
            self.save()

    def save(self) -> None:
        new = self.rows[self._written :]
        if not new:
            return
        named = {name for row in self.rows for name in row} - {"epoch", "step"}
        columns = [*(["epoch"] if any("epoch" in row for row in self.rows) else []), "step", *sorted(named)]
        self.metrics_file.parent.mkdir(parents=True, exist_ok=True)
        if columns == self._columns:
            self._append(self.metrics_file, "a", new)
        else:
            self._columns, partial = columns, self.metrics_file.with_suffix(".csv.part")
            self._append(partial, "w", self.rows)
            os.replace(partial, self.metrics_file)
        self._written = len(self.rows)

    def _append(self, path: Path, mode: str, rows: list[dict[str, float]]) -> None:
        with path.open(mode, newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, self._columns, lineterminator="\n")
            if mode == "w":
                writer.writeheader()
            writer.writerows(rows)


def written(value: Any) -> str:
    """A hyperparameter as JSON; of what JSON does not know, its text."""
    return json.dumps(value if plain(value) else str(value))
