"""From the Trainer's arguments to the parts of a run, with the mistakes that can be seen before it starts."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import facula
from facula_lightning.callbacks.callback import Callback
from facula_lightning.exceptions import MisconfigurationException
from facula_lightning.hooks import overridden
from facula_lightning.module import LightningModule
from facula_lightning.strategies import SingleDeviceStrategy

if TYPE_CHECKING:
    from facula_lightning.trainer import Trainer

_DEFAULT_EPOCHS = 1000


def max_epochs(given: int | None, max_steps: int, max_time: Any) -> int:
    """How many epochs to run: a default where nothing else ends the run, -1 for no limit."""
    if given is not None:
        if given < -1:
            raise MisconfigurationException(
                f"Trainer: expected max_epochs to be -1 or more, got {given}. Use -1 for no limit."
            )
        return given
    return -1 if max_steps != -1 or max_time is not None else _DEFAULT_EPOCHS


def limit(name: str, value: float | None) -> float:
    """A checked `limit_*_batches`."""
    if value is None:
        return 1.0
    if isinstance(value, bool) or value < 0 or (isinstance(value, float) and value > 1):
        raise MisconfigurationException(
            f"{name}: expected a part from 0.0 to 1.0 or a number of batches, got {value!r}. Use an int for a number."
        )
    return value


def interval(value: Any) -> tuple[float, float | None]:
    """A checked `val_check_interval` as (number or part of batches, None) or, of a time, (1.0, seconds)."""
    if isinstance(value, str | dict | timedelta):
        from facula_lightning.callbacks.timer import seconds

        return 1.0, seconds(value, "val_check_interval")
    if isinstance(value, bool) or value <= 0 or (isinstance(value, float) and value > 1):
        raise MisconfigurationException(
            f"val_check_interval: expected a part of an epoch above 0.0 up to 1.0, or a number of batches, got {value!r}. "
            "Use an int for a number."
        )
    return value, None


def positive(name: str, value: int) -> int:
    """A checked count."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise MisconfigurationException(f"{name}: expected a positive int, got {value!r}. Use 1 or more.")
    return value


def clip_algorithm(value: str | None) -> str | None:
    """A checked `gradient_clip_algorithm`."""
    if value not in (None, "norm", "value"):
        raise MisconfigurationException(
            f"gradient_clip_algorithm: expected 'norm' or 'value', got {value!r}. Choose one of them."
        )
    return value


def strategy(given: Any, accelerator: str, devices: Any, num_nodes: int) -> Any:
    """The strategy: an object, one that is registered by name, or for "auto" one device."""
    if not isinstance(given, str):
        return given
    if given == "auto" and num_nodes == 1:
        return SingleDeviceStrategy(_device(accelerator, devices))
    if given == "auto":
        raise MisconfigurationException(
            f"Trainer: expected num_nodes=1, got {num_nodes}. Start one process a rank with mpiexec and strategy='ddp'."
        )
    made = facula.strategies.create(given, _device(accelerator, devices if given == "single_device" else "auto"))
    wanted = devices if isinstance(devices, int) else len(devices) if isinstance(devices, list) else None
    if wanted not in (None, -1) and made.world_size != wanted * num_nodes:
        raise MisconfigurationException(
            f"Trainer: expected {wanted * num_nodes} processes for devices={devices!r} and num_nodes={num_nodes}, got "
            f"{made.world_size}. Start them: mpiexec -n {wanted * num_nodes} python train.py."
        )
    return made


def _device(accelerator: str, devices: Any) -> Any:
    if accelerator not in ("auto", "cpu", "gpu", "cuda"):
        raise ValueError(
            f"Trainer: expected accelerator 'auto', 'cpu' or 'gpu', got {accelerator!r}. Choose one of them."
        )
    found = facula.cuda.is_available() if accelerator != "cpu" else False
    if accelerator in ("gpu", "cuda") and not found:
        raise MisconfigurationException(
            f"Trainer: expected a CUDA device for accelerator={accelerator!r}, got none. Use accelerator='auto' or 'cpu'."
        )
    if not found:
        if devices not in ("auto", 1, "1", -1, "-1", [0]):
            raise MisconfigurationException(
                f"Trainer: expected devices=1 on the CPU, got {devices!r}. Start several processes with mpiexec instead."
            )
        return facula.device("cpu")
    if isinstance(devices, str) and devices not in ("auto", "-1"):
        devices = [int(part) for part in devices.split(",") if part] if "," in devices else int(devices)
    indices = devices if isinstance(devices, list) else [0]
    if len(indices) != 1 or (isinstance(devices, int) and devices not in (1, -1)):
        raise MisconfigurationException(
            f"Trainer: expected one device in one process, got devices={devices!r}. "
            "Start several processes with mpiexec instead."
        )
    return facula.device(f"cuda:{indices[0]}")


def loggers(given: Any, folder: str) -> list[Any]:
    """The loggers: none for False, CSV files for None and True; names are those that plugins registered."""
    if given is False:
        return []
    if given is None or given is True:
        from facula_lightning.loggers.csv import CSVLogger

        return [CSVLogger(folder)]
    found = list(given) if isinstance(given, list | tuple) else [given]
    found = [facula.loggers.create(one, folder) if isinstance(one, str) else one for one in found]
    for one in found:
        if not hasattr(one, "log_metrics"):
            raise TypeError(
                f"Trainer: expected logger to be a Logger, a list of them, True or False, got {type(one).__name__}. "
                "Pass e.g. CSVLogger('logs')."
            )
    return found


def callbacks(
    given: Any, *, checkpointing: bool, progress: bool, summary: bool, max_time: Any, quick: bool, first: bool = True
) -> list[Callback]:
    """The callbacks of a run: those given and the ones that come by themselves, checkpoints last."""
    from facula_lightning.callbacks.checkpoint import ModelCheckpoint
    from facula_lightning.callbacks.early_stopping import EarlyStopping
    from facula_lightning.callbacks.progress import ProgressBar, default_progress_bar
    from facula_lightning.callbacks.summary import ModelSummary
    from facula_lightning.callbacks.timer import Timer

    found = list(given) if isinstance(given, list | tuple) else [] if given is None else [given]
    for one in found:
        if not isinstance(one, Callback):
            raise TypeError(
                f"Trainer: expected callbacks to be Callback objects, got {type(one).__name__}"
                f"{' (a class)' if isinstance(one, type) else ''}. Pass e.g. [EarlyStopping('val_loss')]."
            )
    if quick:
        found = [one for one in found if not isinstance(one, ModelCheckpoint | EarlyStopping)]

    def lacks(cls: type) -> bool:
        return not any(isinstance(one, cls) for one in found)

    if max_time is not None and lacks(Timer):
        found.append(Timer(max_time))
    if summary and lacks(ModelSummary):
        found.append(ModelSummary())
    if not progress or not first:
        found = [one for one in found if not isinstance(one, ProgressBar)]
    elif lacks(ProgressBar):
        found.append(default_progress_bar(sys.stdout))
    if checkpointing and lacks(ModelCheckpoint):
        found.append(ModelCheckpoint())
    found.sort(key=lambda one: isinstance(one, ModelCheckpoint))
    _check_keys(found)
    return found


def _check_keys(found: list[Callback]) -> None:
    keys: dict[str, Callback] = {}
    for one in found:
        if keys.setdefault(one.state_key, one) is not one and overridden(one, "state_dict", Callback):
            raise RuntimeError(
                f"Trainer: expected callbacks with different state_key, got {one.state_key!r} twice. "
                "Give them different arguments, or define state_key."
            )


def module(given: Any, stage: str) -> LightningModule:
    """A checked module."""
    if isinstance(given, LightningModule):
        return given
    if given is None:
        raise TypeError(f"Trainer.{stage}: expected a LightningModule, got none. Pass the module as first argument.")
    name = type(given).__name__
    raise TypeError(
        f"Trainer.{stage}: expected a LightningModule, got {name}. Let your class inherit from LightningModule."
    )


def check_data(loaders: dict[str, Any], datamodule: Any, stage: str) -> None:
    """Loaders and a data module at once are a mistake."""
    if datamodule is not None and any(given is not None for given in loaders.values()):
        raise MisconfigurationException(
            f"Trainer.{stage}: expected loaders or a datamodule, got both. Pass one of them."
        )


def check_fit(trainer: Trainer, module: LightningModule) -> None:
    """What a module needs so that it can be trained."""
    for name, example in (
        ("training_step", "def training_step(self, batch, batch_idx) and return the loss"),
        ("configure_optimizers", "def configure_optimizers(self) and return e.g. facula.optim.Adam(self.parameters())"),
    ):
        if not overridden(module, name, LightningModule):
            raise MisconfigurationException(
                f"Trainer.fit: expected {type(module).__name__} to define {name}, got none. Write {example}."
            )
    if not module.automatic_optimization:
        if trainer.gradient_clip_val is not None:
            raise MisconfigurationException(
                "Trainer.fit: expected no gradient_clip_val with manual optimization, got "
                f"{trainer.gradient_clip_val}. Call self.clip_gradients(optimizer, ...) in training_step."
            )
        if trainer.accumulate_grad_batches != 1:
            raise MisconfigurationException(
                "Trainer.fit: expected accumulate_grad_batches=1 with manual optimization, got "
                f"{trainer.accumulate_grad_batches}. Step the optimizer every so many batches in training_step."
            )


def module_callbacks(trainer: Trainer) -> None:
    """Add what `configure_callbacks` returns; it replaces callbacks of the same class."""
    assert trainer.module is not None
    brought = trainer.module.configure_callbacks()
    brought = [brought] if isinstance(brought, Callback) else list(brought)
    if brought:
        classes = {type(one) for one in brought}
        kept = [one for one in trainer.callbacks if type(one) not in classes]
        trainer.callbacks = kept + brought
        checkpoint = {id(one) for one in trainer.checkpoint_callbacks}
        trainer.callbacks.sort(key=lambda one: id(one) in checkpoint)


def log_hyperparameters(logger: Any, module: Any, data: Any) -> None:
    """Tell a logger the hyperparameters of the module and the data module."""
    hparams: dict[str, Any] = {}
    for owner in (data, module):
        if owner is not None and owner.__dict__.get("_log_hyperparams", False):
            hparams.update(owner.hparams)
    if hparams:
        logger.log_hyperparams(hparams)
