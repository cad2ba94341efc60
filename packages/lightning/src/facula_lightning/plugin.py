"""What facula-lightning makes known by name."""

from __future__ import annotations

import re

from facula.plugins import Registrar, hookimpl

requires_api = ">=1.0,<2"

_CALLBACKS = (
    "BackboneFinetuning BatchSizeFinder DeviceStatsMonitor EarlyStopping EMAWeightAveraging GradientAccumulationScheduler "
    "LearningRateFinder LearningRateMonitor LineProgressBar ModelCheckpoint ModelSummary OnExceptionCheckpoint RichModelSummary "
    "RichProgressBar RunReport StochasticWeightAveraging ThroughputMonitor Timer TQDMProgressBar"
)
_LOGGERS = {"csv": "CSVLogger", "mlflow": "MLFlowLogger", "tensorboard": "TensorBoardLogger", "wandb": "WandbLogger"}
_WORD = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")  # where a word of a class's name begins


@hookimpl
def facula_register_callbacks(registry: Registrar) -> None:
    for name in _CALLBACKS.split():
        tags = ("progress",) if "Progress" in name else ()
        registry.add(_WORD.sub("_", name).lower(), f"facula_lightning.callbacks:{name}", tags=tags)


@hookimpl
def facula_register_loggers(registry: Registrar) -> None:
    for name, attribute in _LOGGERS.items():
        registry.add(name, f"facula_lightning.loggers:{attribute}")


@hookimpl
def facula_register_strategies(registry: Registrar) -> None:
    registry.add("single_device", "facula_lightning.strategies:SingleDeviceStrategy")
    registry.add("ddp", "facula_lightning.strategies:DDPStrategy")
