"""Loggers of the Trainer."""

from facula_lightning.loggers.csv import CSVLogger
from facula_lightning.loggers.logger import Logger

__all__ = ["CSVLogger", "Logger"]
