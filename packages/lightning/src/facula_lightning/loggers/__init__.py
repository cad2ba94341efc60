"""Loggers of the Trainer."""

from facula_lightning.loggers.clients import MLFlowLogger, WandbLogger
from facula_lightning.loggers.logger import CSVLogger, Logger
from facula_lightning.loggers.tensorboard import TensorBoardLogger

__all__ = ["CSVLogger", "Logger", "MLFlowLogger", "TensorBoardLogger", "WandbLogger"]
