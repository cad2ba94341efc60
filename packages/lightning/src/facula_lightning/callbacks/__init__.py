"""Callbacks of the Trainer."""

from facula_lightning.callbacks.callback import Callback
from facula_lightning.callbacks.checkpoint import ModelCheckpoint
from facula_lightning.callbacks.early_stopping import EarlyStopping
from facula_lightning.callbacks.lambda_function import LambdaCallback
from facula_lightning.callbacks.lr_monitor import LearningRateMonitor
from facula_lightning.callbacks.progress import LineProgressBar, ProgressBar, RichProgressBar
from facula_lightning.callbacks.summary import ModelSummary
from facula_lightning.callbacks.timer import Timer

__all__ = [
    "Callback",
    "EarlyStopping",
    "LambdaCallback",
    "LearningRateMonitor",
    "LineProgressBar",
    "ModelCheckpoint",
    "ModelSummary",
    "ProgressBar",
    "RichProgressBar",
    "Timer",
]
