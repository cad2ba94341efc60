"""Lightning's longer paths: `import facula_lightning.pytorch as pl`, `from facula_lightning.pytorch.callbacks import Timer`."""

from __future__ import annotations

import sys
from importlib import import_module

from facula_lightning import *  # noqa: F403
from facula_lightning import cli as cli

_ROOMS = {
    "callbacks": "callbacks callbacks.early_stopping callbacks.finetuning callbacks.lr_monitor callbacks.model_checkpoint "
    "callbacks.model_summary callbacks.progress callbacks.stochastic_weight_avg callbacks.timer",
    "cli": "cli",
    "exceptions": "utilities.exceptions",
    "loggers": "loggers loggers.csv_logs loggers.logger loggers.mlflow loggers.tensorboard loggers.wandb",
    "loops.loaders": "utilities.combined_loader",
    "optimizers": "core.optimizer",
    "profilers": "profilers",
    "seed": "utilities.seed",
    "strategies": "strategies strategies.ddp",
}
sys.modules |= {
    f"{__name__}.{path}": import_module(f"facula_lightning.{room}")
    for room, paths in _ROOMS.items()
    for path in paths.split()
}
