"""CSVLogger: metrics as one table that every program can read."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

from facula_lightning.hparams import plain
from facula_lightning.loggers.logger import Logger


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
        self._save_dir = os.fspath(save_dir)
        self._name = name or ""
        self._version = version
        self._prefix = prefix
        self.flush_logs_every_n_steps = flush_logs_every_n_steps
        self.hparams: dict[str, Any] = {}
        self.rows: list[dict[str, float]] = []
        self._columns: list[str] = []
        self._written = 0

    @property
    def name(self) -> str:
        return self._name

    @property
    def version(self) -> int | str:
        if self._version is None:
            self._version = self._next_version()
        return self._version

    @property
    def save_dir(self) -> str:
        return self._save_dir

    @property
    def log_dir(self) -> str:
        version = self.version if isinstance(self.version, str) else f"version_{self.version}"
        return os.path.join(self._save_dir, self._name, version)

    @property
    def metrics_file(self) -> Path:
        """The table."""
        return Path(self.log_dir) / "metrics.csv"

    def _next_version(self) -> int:
        folder = Path(self._save_dir) / self._name
        taken = [path.name[8:] for path in folder.glob("version_*") if path.is_dir()]
        return max((int(number) for number in taken if number.isdigit()), default=-1) + 1

    def log_hyperparams(self, params: dict[str, Any]) -> None:
        self.hparams.update(params)
        lines = [
            f"{key}: {json.dumps(value if plain(value) else str(value))}" for key, value in sorted(self.hparams.items())
        ]
        Path(self.log_dir).mkdir(parents=True, exist_ok=True)
        (Path(self.log_dir) / "hparams.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        row = {f"{self._prefix}-{name}" if self._prefix else name: float(value) for name, value in metrics.items()}
        if "epoch" in row:
            row["epoch"] = int(row["epoch"])
        row["step"] = len(self.rows) if step is None else step
        self.rows.append(row)
        if len(self.rows) - self._written >= self.flush_logs_every_n_steps:
            self.save()

    def save(self) -> None:
        """Write the rows that are not written yet."""
        new = self.rows[self._written :]
        if not new:
            return
        columns = sorted({name for row in new for name in row} - {"epoch", "step"} - set(self._columns))
        grown = bool(columns) or not self._columns
        if grown:
            named = sorted(set(self._columns + columns) - {"epoch", "step"})
            self._columns = [*(["epoch"] if any("epoch" in row for row in self.rows) else []), "step", *named]
        self.metrics_file.parent.mkdir(parents=True, exist_ok=True)
        if grown:
            partial = self.metrics_file.with_suffix(".csv.part")
            self._append(partial, "w", self.rows)
            os.replace(partial, self.metrics_file)
        else:
            self._append(self.metrics_file, "a", new)
        self._written = len(self.rows)

    def _append(self, path: Path, mode: str, rows: list[dict[str, float]]) -> None:
        with path.open(mode, newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, self._columns, lineterminator="\n")
            if mode == "w":
                writer.writeheader()
            writer.writerows(rows)
