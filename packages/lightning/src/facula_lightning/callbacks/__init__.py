"""Callbacks of the Trainer."""

from facula_lightning.callbacks.averaging import EMAWeightAveraging, StochasticWeightAveraging, WeightAveraging
from facula_lightning.callbacks.by_epoch import BackboneFinetuning, BaseFinetuning, GradientAccumulationScheduler
from facula_lightning.callbacks.callback import BasePredictionWriter, Callback, LambdaCallback
from facula_lightning.callbacks.checkpoint import ModelCheckpoint, OnExceptionCheckpoint
from facula_lightning.callbacks.monitors import DeviceStatsMonitor, LearningRateMonitor, ThroughputMonitor
from facula_lightning.callbacks.progress import LineProgressBar, ProgressBar, RichProgressBar, TQDMProgressBar
from facula_lightning.callbacks.run_report import RunReport
from facula_lightning.callbacks.stopping import EarlyStopping, Timer
from facula_lightning.callbacks.summary import ModelSummary, RichModelSummary
from facula_lightning.callbacks.tuning import BatchSizeFinder, LearningRateFinder

__all__ = [
    "BackboneFinetuning", "BaseFinetuning", "BasePredictionWriter", "BatchSizeFinder", "Callback", "DeviceStatsMonitor",
    "EMAWeightAveraging", "EarlyStopping", "GradientAccumulationScheduler", "LambdaCallback", "LearningRateFinder",
    "LearningRateMonitor", "LineProgressBar", "ModelCheckpoint", "ModelSummary", "OnExceptionCheckpoint", "ProgressBar",
    "RichModelSummary", "RichProgressBar", "RunReport", "StochasticWeightAveraging", "TQDMProgressBar",
    "ThroughputMonitor", "Timer", "WeightAveraging",
]  # fmt: skip
