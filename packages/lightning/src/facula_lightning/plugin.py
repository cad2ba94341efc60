"""What facula-lightning makes known by name."""

from __future__ import annotations

from facula.plugins import Registrar, hookimpl

requires_api = ">=1.0,<2"


@hookimpl
def facula_register_callbacks(registry: Registrar) -> None:
    room = "facula_lightning.callbacks"
    registry.add("model_checkpoint", f"{room}:ModelCheckpoint")
    registry.add("early_stopping", f"{room}:EarlyStopping")
    registry.add("learning_rate_monitor", f"{room}:LearningRateMonitor")
    registry.add("timer", f"{room}:Timer")
    registry.add("model_summary", f"{room}:ModelSummary")
    registry.add("rich_progress_bar", f"{room}:RichProgressBar", tags=("progress",))
    registry.add("line_progress_bar", f"{room}:LineProgressBar", tags=("progress",))


@hookimpl
def facula_register_loggers(registry: Registrar) -> None:
    registry.add("csv", "facula_lightning.loggers:CSVLogger")


@hookimpl
def facula_register_strategies(registry: Registrar) -> None:
    registry.add("single_device", "facula_lightning.strategies:SingleDeviceStrategy")
    registry.add("ddp", "facula_lightning.strategies:DDPStrategy")
