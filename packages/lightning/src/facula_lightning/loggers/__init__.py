"""Loggers of the Trainer."""

from facula_lightning.loggers.csv import CSVLogger
from facula_lightning.loggers.logger import Logger
from facula_lightning.loggers.tensorboard import TensorBoardLogger

__all__ = ["CSVLogger", "Logger", "TensorBoardLogger"]
