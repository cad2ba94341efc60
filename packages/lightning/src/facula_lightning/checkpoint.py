"""Checkpoints: the whole state of a run in one safetensors file, written and read without running code."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

import facula
import facula_lightning as pl
from facula_lightning import storage
from facula_lightning.hparams import plain

EXTENSION = ".ckpt.safetensors"
_FORMAT = 1


def dump(trainer: pl.Trainer, weights_only: bool = False) -> dict[str, Any]:
    """The state of the run as nested dicts of tensors and plain values."""
    module = trainer.module
    assert module is not None
    checkpoint: dict[str, Any] = {
        "format": _FORMAT,
        "epoch": trainer.current_epoch,
        "global_step": trainer.global_step,
        "state_dict": module.state_dict(),
    }
    if not weights_only:
        if trainer.precision.scaler is not None:
            checkpoint["scaler"] = trainer.precision.scaler.state_dict()
        checkpoint["loops"] = {"fit": trainer.fit_loop.state_dict()}
        checkpoint["callbacks"] = {callback.state_key: callback.state_dict() for callback in trainer.callbacks}
        checkpoint |= {key: [thing.state_dict() for thing in things] for key, things in _lists(trainer).items()}
    for owner, key in ((module, "hyper_parameters"), (trainer.datamodule, "datamodule_hyper_parameters")):
        hparams = getattr(owner, "hparams", None)
        if hparams:
            checkpoint[key] = _kept(dict(hparams), type(owner).__name__)
    if trainer.datamodule is not None and not weights_only:
        checkpoint["datamodule"] = dict(trainer.datamodule.state_dict())
    trainer.hooks("on_save_checkpoint", checkpoint)
    return checkpoint


def _lists(trainer: pl.Trainer) -> dict[str, list[Any]]:
    """What a run has several of, by its name in a checkpoint."""
    schedulers = [config.scheduler for config in trainer.lr_scheduler_configs]
    return {"optimizer_states": trainer.optimizers, "lr_schedulers": schedulers}


def _kept(hparams: dict[str, Any], owner: str) -> dict[str, Any]:
    """The hyperparameters that a checkpoint can hold; a warning names the others."""
    kept = {name: value for name, value in hparams.items() if plain(value) or isinstance(value, facula.Tensor)}
    lost = sorted(set(hparams) - set(kept))
    if lost:
        warnings.warn(
            f"{owner}: the hyperparameters {', '.join(lost)} are not plain values and are left out of checkpoints; "
            f"pass them to load_from_checkpoint, or call save_hyperparameters(ignore={lost}).",
            stacklevel=2,
        )
    return kept


def read(path: str | Path, map_location: Any = None) -> dict[str, Any]:
    """Read a checkpoint; ValueError for a file that is not one."""
    if not storage.exists(path):
        path = Path(path)
        near = sorted(file.name for file in path.parent.glob(f"*{EXTENSION}")) if path.parent.is_dir() else []
        raise FileNotFoundError(
            f"checkpoint: expected a file at {path}, got none. "
            + (f"That folder has {', '.join(near)}." if near else "Check the path.")
        )
    checkpoint = storage.read(path, map_location or "cpu")
    if not isinstance(checkpoint, dict) or "state_dict" not in checkpoint:
        found = ", ".join(list(checkpoint)[:5]) if isinstance(checkpoint, dict) else type(checkpoint).__name__
        raise ValueError(
            f"checkpoint: expected one that a Trainer wrote, got {path} with {found}. Load plain weights with module.load_state_dict(facula.load(path))."
        )
    return checkpoint


def find(trainer: pl.Trainer, ckpt_path: str | Path) -> str | None:
    """The file that "last", "best" or a path means for this trainer; None, with a warning, for no last one yet."""
    keeper = trainer.checkpoint_callback
    if ckpt_path == "best":
        best = getattr(keeper, "best_model_path", "")
        if not best:
            raise ValueError(
                "ckpt_path='best': expected a checkpoint of this trainer's ModelCheckpoint, got none. "
                "Call fit first, with a ModelCheckpoint(monitor=...) among the callbacks."
            )
        return str(best)
    if ckpt_path == "last":
        known = getattr(keeper, "last_model_path", "")
        if known:
            return str(known)
        folders = {os.fspath(f) for f in (getattr(keeper, "dirpath", None), trainer.default_root_dir) if f}
        files = [found for folder in folders if (found := storage.newest(folder, EXTENSION))]
        if not files:
            warnings.warn(
                f"ckpt_path='last': expected a checkpoint below {trainer.default_root_dir}, got none. Beginning anew; "
                "to go on, set default_root_dir to the folder of the earlier run, or pass a path.",
                stacklevel=2,
            )
            return None
        return max(files)[1]
    return os.fspath(ckpt_path)


def restore_weights(trainer: pl.Trainer, checkpoint: dict[str, Any]) -> None:
    """Put the checkpoint's weights into the module."""
    module = trainer.module
    trainer.hooks("on_load_checkpoint", checkpoint)
    module.load_state_dict(checkpoint["state_dict"], strict=module.strict_loading)


def restore_callbacks(trainer: pl.Trainer, checkpoint: dict[str, Any]) -> None:
    """Give every callback its state; a warning names states that nobody takes."""
    states = dict(checkpoint.get("callbacks", {}))
    for callback in trainer.callbacks:
        state = states.pop(callback.state_key, None)
        if state:
            callback.load_state_dict(state)
    orphans = [key for key, state in states.items() if state]
    if orphans:
        warnings.warn(
            f"Trainer.fit: the checkpoint holds the state of {', '.join(orphans)}, which is not among the callbacks. "
            "Add the same callbacks to go on exactly.",
            stacklevel=2,
        )


def restore_training(trainer: pl.Trainer, checkpoint: dict[str, Any]) -> None:
    """Optimizers, schedulers, counters and random state, so that the run goes on where it was."""
    if "optimizer_states" not in checkpoint:
        raise KeyError(
            "Trainer.fit: expected a checkpoint of a whole run, got one that holds weights only. Load it with load_from_checkpoint and fit without ckpt_path."
        )
    for key, things in _lists(trainer).items():
        states = checkpoint[key]
        if len(states) != len(things):
            raise ValueError(
                f"Trainer.fit: expected {len(things)} {key.replace('_', ' ')} in the checkpoint, got {len(states)}. "
                "Return the same optimizers and schedulers from configure_optimizers."
            )
        for thing, state in zip(things, states, strict=True):
            thing.load_state_dict(state)
    if trainer.datamodule is not None and checkpoint.get("datamodule"):
        trainer.datamodule.load_state_dict(checkpoint["datamodule"])
    if trainer.precision.scaler is not None and "scaler" in checkpoint:
        trainer.precision.scaler.load_state_dict(checkpoint["scaler"])
    trainer.fit_loop.load_state_dict(checkpoint["loops"]["fit"])
