"""Callbacks of the Trainer."""

from facula_lightning.callbacks.averaging import EMAWeightAveraging, StochasticWeightAveraging, WeightAveraging
from facula_lightning.callbacks.callback import Callback
from facula_lightning.callbacks.checkpoint import ModelCheckpoint
from facula_lightning.callbacks.early_stopping import EarlyStopping
from facula_lightning.callbacks.finetuning import BackboneFinetuning, BaseFinetuning
from facula_lightning.callbacks.lambda_function import LambdaCallback
from facula_lightning.callbacks.lr_monitor import LearningRateMonitor
from facula_lightning.callbacks.progress import LineProgressBar, ProgressBar, RichProgressBar
from facula_lightning.callbacks.run_report import RunReport
from facula_lightning.callbacks.small import BasePredictionWriter, DeviceStatsMonitor, GradientAccumulationScheduler
from facula_lightning.callbacks.summary import ModelSummary
from facula_lightning.callbacks.timer import Timer
from facula_lightning.callbacks.tuning import BatchSizeFinder, LearningRateFinder

__all__ = [
    "BackboneFinetuning", "BaseFinetuning", "BasePredictionWriter", "BatchSizeFinder", "Callback", "DeviceStatsMonitor",
    "EMAWeightAveraging", "EarlyStopping", "GradientAccumulationScheduler", "LambdaCallback", "LearningRateFinder",
    "LearningRateMonitor", "LineProgressBar", "ModelCheckpoint", "ModelSummary", "ProgressBar", "RichProgressBar",
    "RunReport", "StochasticWeightAveraging", "Timer", "WeightAveraging",
]  # fmt: skip
