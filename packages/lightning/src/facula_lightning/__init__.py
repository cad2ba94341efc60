"""The Trainer of Facula, with Lightning's names: `import facula_lightning as lightning`."""

from importlib import import_module
from types import ModuleType

from facula_lightning import callbacks, loggers, metrics, profilers, strategies
from facula_lightning.callbacks.callback import Callback
from facula_lightning.cli import LightningCLI
from facula_lightning.datamodule import LightningDataModule
from facula_lightning.exceptions import MisconfigurationException
from facula_lightning.fabric import Fabric
from facula_lightning.loops.loaders import CombinedLoader
from facula_lightning.module import LightningModule
from facula_lightning.seed import seed_everything
from facula_lightning.trainer import Trainer

__version__ = "0.1.0"

__all__ = [
    "Callback", "CombinedLoader", "Fabric", "LightningCLI", "LightningDataModule", "LightningModule",
    "MisconfigurationException", "Trainer", "callbacks", "loggers", "metrics", "profilers", "pytorch",
    "seed_everything", "strategies",
]  # fmt: skip


def __getattr__(name: str) -> ModuleType:
    if name == "pytorch":  # takes what is above, so it comes with the first who asks
        return import_module("facula_lightning.pytorch")
    raise AttributeError(f"module 'facula_lightning' has no attribute {name!r}")
