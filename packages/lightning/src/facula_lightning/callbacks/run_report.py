"""RunReport: one page about a run, to be opened offline."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path
from typing import Any

import facula
import facula_lightning as pl
from facula_lightning.callbacks.callback import Callback


class RunReport(Callback):
    """Writes `path` when fitting ends: curves of all logged numbers, learning rates, gradient norms, times, the system and
    hyperparameters. Other parts (pictures, tables) can be added to `report` before that. Needs matplotlib (extra `plots`).
    """

    kept = ("rows", "epochs")

    def __init__(self, path: str | Path = "report.html", title: str = "A training run", subtitle: str = "") -> None:
        from facula_lightning.report import Report

        self.path, self.report = Path(path), Report(title, subtitle)
        self.rows: list[dict[str, float]] = []
        self.epochs: list[list[Any]] = []
        self._norm = 0.0

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._begun = time.perf_counter()

    def on_before_optimizer_step(self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: Any) -> None:
        if (trainer.fit_loop.stepped + 1) % trainer.log_every_n_steps == 0:
            gradients = [p.grad for p in pl_module.parameters() if p.grad is not None]
            self._norm = float(facula.nn.utils.get_total_norm(gradients))

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        loop = trainer.fit_loop
        if loop.logs:
            row = {"step": loop.batches - 1, **trainer.metrics.training.newest(1), "gradient norm": self._norm}
            self.rows.append(row | {"learning rate": float(trainer.optimizers[0].param_groups[0]["lr"])})

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        metrics, loop = trainer.metrics, trainer.fit_loop
        validated = metrics.evaluation.reduced(1) if loop.validated == loop.batches else {}
        self.rows.append({"step": loop.batches - 1, **metrics.training.reduced(1), **validated})
        seconds = time.perf_counter() - self._begun
        self.epochs.append([trainer.current_epoch + 1, trainer.fit_loop.batch, f"{seconds:.1f} s"])

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.is_global_zero:
            self._write(trainer, pl_module)

    def _write(self, trainer: pl.Trainer, module: Any) -> None:
        from facula_lightning.plots import DARK, LIGHT, draw_curves

        names = list(dict.fromkeys(name for row in self.rows for name in row if name not in ("step", "epoch")))
        panels: dict[str, dict[str, str]] = {}
        for name in names:
            kind = name.removesuffix("_epoch").removesuffix("_step").removeprefix("train_").removeprefix("val_")
            panels.setdefault(kind.replace("_", " "), {})[name.replace("_", " ").replace(f" {kind}", "")] = name
        panels = {kind: lines if len(lines) > 1 else {"": next(iter(lines.values()))} for kind, lines in panels.items()}
        steps = max(1, round(trainer.fit_loop.batches / max(1, trainer.current_epoch)))
        drawn = [draw_curves(self.rows, panels, steps, theme) for theme in (LIGHT, DARK)] if panels else []
        count = sum(p.numel() for p in module.parameters())
        last = [(f"{v:.4g}", name.replace("_", " "), "at the end") for name, v in trainer.metrics.finished[1].items()]
        self.report.numbers([*last[:4], (f"{count:,}", "parameters", type(module).__name__)])
        if drawn:
            self.report.picture("Curves", drawn[0], drawn[1], alt="All logged numbers over the epochs")
        self.report.table("Time", ["epoch", "batches", "time"], self.epochs, right=[1, 2])
        system = [
            ["machine", f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs"],
            ["device", trainer.strategy.root_device],
            ["precision", trainer.precision.name],
            ["processes", trainer.world_size],
            ["versions", f"Facula {facula.__version__}, Python {platform.python_version()}"],
        ]
        self.report.table("System", ["", ""], system)
        self.report.beside()
        self.report.table("Hyperparameters", ["", ""], [[k, v] for k, v in module.hparams.items()])
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.report.write(self.path)
