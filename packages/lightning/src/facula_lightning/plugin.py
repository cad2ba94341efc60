"""What facula-lightning makes known by name."""

from __future__ import annotations

from facula.plugins import Registrar, hookimpl

requires_api = ">=1.0,<2"

_CALLBACKS = {
    "backbone_finetuning": "BackboneFinetuning",
    "batch_size_finder": "BatchSizeFinder",
    "device_stats_monitor": "DeviceStatsMonitor",
    "early_stopping": "EarlyStopping",
    "ema_weight_averaging": "EMAWeightAveraging",
    "gradient_accumulation_scheduler": "GradientAccumulationScheduler",
    "learning_rate_finder": "LearningRateFinder",
    "learning_rate_monitor": "LearningRateMonitor",
    "line_progress_bar": "LineProgressBar",
    "model_checkpoint": "ModelCheckpoint",
    "model_summary": "ModelSummary",
    "rich_progress_bar": "RichProgressBar",
    "run_report": "RunReport",
    "stochastic_weight_averaging": "StochasticWeightAveraging",
    "timer": "Timer",
}


@hookimpl
def facula_register_callbacks(registry: Registrar) -> None:
    room = "facula_lightning.callbacks"
    for name, attribute in _CALLBACKS.items():
        registry.add(name, f"{room}:{attribute}", tags=("progress",) if "progress" in name else ())


@hookimpl
def facula_register_loggers(registry: Registrar) -> None:
    registry.add("csv", "facula_lightning.loggers:CSVLogger")
    registry.add("tensorboard", "facula_lightning.loggers:TensorBoardLogger")


@hookimpl
def facula_register_strategies(registry: Registrar) -> None:
    registry.add("single_device", "facula_lightning.strategies:SingleDeviceStrategy")
    registry.add("ddp", "facula_lightning.strategies:DDPStrategy")
