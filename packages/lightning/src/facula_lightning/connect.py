"""From the Trainer's arguments to the parts of a run, with the mistakes that can be seen before it starts."""

from __future__ import annotations

import difflib
import inspect
import sys
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any, ParamSpec

import facula
import facula_lightning as pl
from facula_lightning.attributes import overridden
from facula_lightning.callbacks.callback import Callback
from facula_lightning.callbacks.checkpoint import ModelCheckpoint
from facula_lightning.callbacks.progress import ProgressBar, default_progress_bar
from facula_lightning.callbacks.stopping import EarlyStopping, Timer, seconds
from facula_lightning.callbacks.summary import ModelSummary
from facula_lightning.datamodule import undefined
from facula_lightning.exceptions import MisconfigurationException, choice
from facula_lightning.loggers import CSVLogger
from facula_lightning.module import LightningModule
from facula_lightning.strategies import SingleDeviceStrategy

_DEFAULT_EPOCHS = 1000


def _is_int(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _is_part(value: Any) -> bool:
    return _is_int(value, 0) or (isinstance(value, float) and 0 <= value <= 1)


def _is_interval(value: Any) -> bool:
    return isinstance(value, str | dict | timedelta) or (_is_part(value) and value > 0)


_ANY: tuple[Callable[[Any], bool], str, str] = (lambda value: True, "", "")
_COUNT = (lambda value: _is_int(value, 1), "a positive int", "Use 1 or more.")
_UNLIMITED = (lambda value: _is_int(value, -1), "an int from -1 on", "Use -1 for no limit.")
_PART = (_is_part, "a part from 0.0 to 1.0 or a number of batches", "Use an int for a number.")
_RULES: dict[str, tuple[Callable[[Any], bool], str, str]] = {
    "accumulate_grad_batches": _COUNT,
    "check_val_every_n_epoch": _COUNT,
    "gradient_clip_algorithm": (lambda value: value in ("norm", "value"), "'norm' or 'value'", "Choose one of them."),
    "gradient_clip_val": (
        lambda value: isinstance(value, int | float) and value >= 0, "a number from 0 on", "Leave it out to clip nothing."
    ),
    "limit_predict_batches": _PART,
    "limit_test_batches": _PART,
    "limit_train_batches": _PART,
    "limit_val_batches": _PART,
    "log_every_n_steps": _COUNT,
    "max_epochs": _UNLIMITED,
    "max_steps": _UNLIMITED,
    "num_sanity_val_steps": _UNLIMITED,
    "overfit_batches": _PART,
    "val_check_interval": (
        _is_interval, "a part of an epoch above 0.0 up to 1.0, or a number of batches", "Use an int for a number."
    ),
}  # fmt: skip


_RENAMED = {
    "auto_lr_find": "callbacks=[LearningRateFinder()]",
    "auto_scale_batch_size": "callbacks=[BatchSizeFinder()]",
    "checkpoint_callback": "enable_checkpointing",
    "distributed_backend": "strategy='ddp'",
    "gpus": "accelerator='gpu', devices=1",
    "progress_bar_refresh_rate": "callbacks=[TQDMProgressBar(refresh_rate=20)]",
    "replace_sampler_ddp": "use_distributed_sampler",
    "resume_from_checkpoint": "ckpt_path='last' in fit",
    "weights_summary": "callbacks=[ModelSummary(max_depth=2)]",
}
_P = ParamSpec("_P")


def checked(init: Callable[_P, None]) -> Callable[_P, None]:
    """An `__init__` that first holds the names and values of its arguments against what it takes."""
    taken = inspect.signature(init).parameters

    @wraps(init)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> None:
        for name, value in kwargs.items():
            if name not in taken:
                near = difflib.get_close_matches(name, taken, n=1)
                guess = f"Did you mean {near[0]!r}?" if near else "See help(Trainer)."
                fix = f"Write {_RENAMED[name]}." if name in _RENAMED else guess
                raise TypeError(f"Trainer: expected an argument of Trainer, got {name!r}. {fix}")
            holds, words, fix = _RULES.get(name, _ANY)
            if value is not None and not holds(value):
                raise MisconfigurationException(f"{name}: expected {words}, got {value!r}. {fix}")
        init(*args, **kwargs)

    return run


def max_epochs(given: int | None, max_steps: int, max_time: Any) -> int:
    """How many epochs to run: a default where nothing else ends the run, -1 for no limit."""
    if given is not None:
        return given
    return -1 if max_steps != -1 or max_time is not None else _DEFAULT_EPOCHS


def interval(value: Any) -> tuple[float, float | None]:
    """`val_check_interval` as (number or part of batches, None) or, of a time, (1.0, seconds)."""
    if isinstance(value, str | dict | timedelta):
        return 1.0, seconds(value, "val_check_interval")
    return 1.0 if value is None else value, None


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
    choice("Trainer", "accelerator", accelerator, "auto", "cpu", "gpu", "cuda", error=ValueError)
    found = facula.cuda.is_available() if accelerator != "cpu" else False
    if accelerator in ("gpu", "cuda") and not found:
        raise MisconfigurationException(
            f"Trainer: expected a CUDA device for accelerator={accelerator!r}, got none. Use accelerator='auto' or 'cpu'."
        )
    if not found:
        if devices not in ("auto", 1, "1", -1, "-1", [0]):
            raise MisconfigurationException(
                f"Trainer: expected devices=1 on the CPU in one process, got {devices!r}. "
                "Start several with: mpiexec -n 2 python train.py, and pass strategy='ddp'."
            )
        return facula.device("cpu")
    if isinstance(devices, str) and devices not in ("auto", "-1"):
        devices = [int(part) for part in devices.split(",") if part] if "," in devices else int(devices)
    indices = devices if isinstance(devices, list) else [0]
    if len(indices) != 1 or (isinstance(devices, int) and devices not in (1, -1)):
        raise MisconfigurationException(
            f"Trainer: expected one device in one process, got devices={devices!r}. Start several processes with mpiexec instead."
        )
    return facula.device(f"cuda:{indices[0]}")


def listed(given: Any) -> list[Any]:
    """One thing, several or none as a list."""
    return list(given) if isinstance(given, list | tuple) else [] if given is None else [given]


def loggers(given: Any, folder: str) -> list[Any]:
    """The loggers: none for False, CSV files for None and True; names are those that plugins registered."""
    if given is False:
        return []
    if given is None or given is True:
        return [CSVLogger(folder)]
    found = [facula.loggers.create(one, save_dir=folder) if isinstance(one, str) else one for one in listed(given)]
    for one in found:
        if not hasattr(one, "log_metrics"):
            raise TypeError(
                f"Trainer: expected logger to be a Logger, a list of them, True or False, got {type(one).__name__}. Pass e.g. CSVLogger('logs')."
            )
    return found


def callbacks(given: Any, enabled: tuple[bool | None, ...], time: Any, quick: int, first: bool) -> list[Callback]:
    """The callbacks of a run: those given and the ones that come by themselves, checkpoints last."""
    checkpointing, progress, summary = enabled
    found = listed(given)
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

    if time is not None and lacks(Timer):
        found.append(Timer(time))
    if summary is not False and lacks(ModelSummary):
        found.append(ModelSummary())
    if progress is False or not first:
        found = [one for one in found if not isinstance(one, ProgressBar)]
    elif lacks(ProgressBar):
        found.append(default_progress_bar(sys.stdout))
    if checkpointing is not False and not quick and lacks(ModelCheckpoint):
        found.append(ModelCheckpoint())
    return ordered(found)


def ordered(found: list[Callback]) -> list[Callback]:
    """Callbacks with those last that write checkpoints; each that has a state needs a key of its own."""
    keys: dict[str, Callback] = {}
    for one in found:
        stateful = one.kept or overridden(one, "state_dict", Callback)
        if keys.setdefault(one.state_key, one) is not one and stateful:
            raise RuntimeError(
                f"Trainer: expected callbacks with different state_key, got {one.state_key!r} twice. Give them different arguments, or define state_key."
            )
    return sorted(found, key=lambda one: isinstance(one, ModelCheckpoint))


def module(given: Any, stage: str) -> LightningModule:
    """A checked module."""
    if isinstance(given, LightningModule):
        if "_trainer" not in vars(given):
            raise AttributeError(
                f"Trainer.{stage}: expected {type(given).__name__}.__init__ to call super().__init__(), got none. Call it first."
            )
        return given
    if given is None:
        raise TypeError(f"Trainer.{stage}: expected a LightningModule, got none. Pass the module as first argument.")
    name = f"the class {given.__name__}" if isinstance(given, type) else type(given).__name__
    fix = f"Pass {given.__name__}(...)" if isinstance(given, type) else "Let your class inherit from LightningModule"
    raise TypeError(f"Trainer.{stage}: expected a LightningModule, got {name}. {fix}.")


def check_data(loaders: dict[str, Any], datamodule: Any, stage: str) -> None:
    """Loaders and a data module at once are a mistake, and so is a class in place of an object."""
    for one in (datamodule, *loaders.values()):
        if isinstance(one, type):
            raise TypeError(f"Trainer.{stage}: expected data, got the class {one.__name__}. Pass {one.__name__}(...).")
    if datamodule is not None and any(given is not None for given in loaders.values()):
        raise MisconfigurationException(
            f"Trainer.{stage}: expected loaders or a datamodule, got both. Pass one of them."
        )


def check_fit(trainer: pl.Trainer, module: LightningModule) -> None:
    """What a module needs so that it can be trained."""
    for name in ("training_step", "configure_optimizers"):
        if not overridden(module, name, LightningModule):
            raise undefined(module, name, "Trainer.fit")
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


def module_callbacks(trainer: pl.Trainer) -> None:
    """Add what `configure_callbacks` returns; it replaces callbacks of the same class."""
    brought = listed(trainer.module.configure_callbacks())
    classes = {type(one) for one in brought}
    if brought:
        trainer.callbacks = ordered([one for one in trainer.callbacks if type(one) not in classes] + brought)


def log_hyperparameters(logger: Any, module: Any, data: Any) -> None:
    """Tell a logger the hyperparameters of the module and the data module."""
    hparams: dict[str, Any] = {}
    for owner in (data, module):
        if owner is not None and owner.__dict__.get("_log_hyperparams", False):
            hparams.update(owner.hparams)
    if hparams:
        logger.log_hyperparams(hparams)
