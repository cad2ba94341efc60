"""What `configure_optimizers` returned, in one form."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import facula_lightning as pl
from facula.optim import Optimizer
from facula_lightning.exceptions import MisconfigurationException, choice

_FORMS = "an optimizer, a list of optimizers, lists of optimizers and of schedulers, a dict with 'optimizer' and 'lr_scheduler', a list of such dicts, or None"


@dataclass
class SchedulerConfig:
    """A learning-rate scheduler and when it steps."""

    scheduler: Any
    interval: str = "epoch"  # or "step"
    frequency: int = 1
    monitor: str | None = None
    strict: bool = True
    name: str | None = None
    reduce_on_plateau: bool = False


class LightningOptimizer:
    """An optimizer whose steps the trainer counts: what `self.optimizers()` returns in manual optimization."""

    def __init__(self, optimizer: Any, trainer: pl.Trainer) -> None:
        self.optimizer = optimizer
        self._trainer = trainer

    def step(self, closure: Callable[[], Any] | None = None, **kwargs: Any) -> Any:
        """One step, with the hook before it, counted in `trainer.global_step`."""

        def hooked() -> Any:
            loss = None if closure is None else closure()
            self._trainer.hooks("on_before_optimizer_step", self.optimizer)
            return loss

        if closure is not None:
            kwargs["closure"] = hooked
        else:
            hooked()
        result = self.optimizer.step(**kwargs)
        self._trainer.fit_loop.global_step += 1
        return result

    def __getattr__(self, name: str) -> Any:
        return getattr(self.optimizer, name)

    def __repr__(self) -> str:
        return f"Lightning{self.optimizer!r}"


def parameters_of(optimizer: Any) -> list[Any]:
    """The parameters of all groups."""
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def configure(module: pl.LightningModule) -> tuple[list[Any], list[SchedulerConfig]]:
    """The optimizers and schedulers of a module, from any of the forms that `configure_optimizers` may return."""
    given = module.configure_optimizers()
    if given is None:
        warnings.warn(
            f"{type(module).__name__}.configure_optimizers returned None: nothing will be trained.", stacklevel=2
        )
        return [], []
    optimizers, schedulers = _normalize(module, given)
    if module.automatic_optimization and len(optimizers) > 1:
        raise MisconfigurationException(
            f"configure_optimizers: expected one optimizer with automatic optimization, got {len(optimizers)}. "
            "Set self.automatic_optimization = False and call self.optimizers() in training_step."
        )
    for config in schedulers:
        if config.reduce_on_plateau and config.monitor is None and module.automatic_optimization:
            raise MisconfigurationException(
                "configure_optimizers: expected a 'monitor' for ReduceLROnPlateau, got none. "
                "Return {'optimizer': ..., 'lr_scheduler': {'scheduler': ..., 'monitor': 'val_loss'}}."
            )
    return optimizers, schedulers


def _normalize(module: pl.LightningModule, given: Any) -> tuple[list[Any], list[SchedulerConfig]]:
    single = isinstance(given, Optimizer | Mapping)
    items = [given] if single else list(given) if isinstance(given, list | tuple) else []
    for kind in (Optimizer, Mapping):
        if items and all(isinstance(item, kind) for item in items):
            pairs = [_from_dict(item if kind is Mapping else {"optimizer": item}) for item in items]
            return [optimizer for optimizer, _ in pairs], [one for _, schedulers in pairs for one in schedulers]
    if len(items) == 2 and all(isinstance(item, list | tuple) for item in items):
        optimizers, schedulers = items
        if optimizers and all(isinstance(item, Optimizer) for item in optimizers):
            return list(optimizers), [_scheduler(item) for item in schedulers]
    raise MisconfigurationException(
        f"configure_optimizers: expected {_FORMS}, got {_describe(given)}. "
        f"Return e.g. facula.optim.Adam(self.parameters(), lr=1e-3) from {type(module).__name__}."
    )


def _from_dict(given: Mapping[str, Any]) -> tuple[Any, list[SchedulerConfig]]:
    extra = set(given) - {"optimizer", "lr_scheduler", "monitor", "frequency"}
    if not isinstance(given.get("optimizer"), Optimizer) or extra:
        raise MisconfigurationException(
            f"configure_optimizers: expected a dict with 'optimizer' and 'lr_scheduler', got {_describe(given)}. "
            "Put interval, frequency and monitor into the 'lr_scheduler' dict."
        )
    scheduler = given.get("lr_scheduler")
    return given["optimizer"], [] if scheduler is None else [_scheduler(scheduler, given.get("monitor"))]


def _scheduler(given: Any, monitor: str | None = None) -> SchedulerConfig:
    if isinstance(given, SchedulerConfig):
        return given
    fields = given if isinstance(given, Mapping) else {"scheduler": given}
    known = set(SchedulerConfig.__dataclass_fields__)
    if "scheduler" not in fields or set(fields) - known:
        raise MisconfigurationException(
            f"configure_optimizers: expected an 'lr_scheduler' dict with keys among {', '.join(sorted(known))}, "
            f"got {', '.join(map(repr, fields))}. The scheduler itself goes under 'scheduler'."
        )
    config = SchedulerConfig(**fields)
    if not hasattr(config.scheduler, "step") or isinstance(config.scheduler, Optimizer):
        raise MisconfigurationException(
            f"configure_optimizers: expected a learning-rate scheduler, got {_describe(config.scheduler)}. "
            "Pass e.g. facula.optim.lr_scheduler.StepLR(optimizer, 10)."
        )
    choice("configure_optimizers", "interval", config.interval, "epoch", "step")
    if any(cls.__name__ == "ReduceLROnPlateau" for cls in type(config.scheduler).__mro__):
        config.reduce_on_plateau = True
    config.monitor = config.monitor or (monitor if config.reduce_on_plateau else None)
    return config


def _describe(given: Any) -> str:
    if isinstance(given, Mapping):
        items = [f"{key!r}: {type(value).__name__}" for key, value in given.items()]
        return f"a dict with {', '.join(items) or 'nothing'}"
    if isinstance(given, list | tuple):
        return f"a {type(given).__name__} of {', '.join(type(item).__name__ for item in given) or 'nothing'}"
    return type(given).__name__
