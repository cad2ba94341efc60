"""What `self.log` receives, reduced over steps to one number an epoch."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import facula
import facula_lightning as pl
from facula.metrics import Metric
from facula_lightning.batches import batch_size
from facula_lightning.exceptions import MisconfigurationException

_STAGES = ("train", "validation", "test")
_PLACES = {f"on_{stage}_{moment}": "epoch" for stage in _STAGES for moment in ("start", "epoch_start", "epoch_end")}
_PLACES |= {f"on_{stage}_batch_{moment}": "evaluation" for stage in _STAGES[1:] for moment in ("start", "end")}
_PLACES |= {f"{stage}_step": "evaluation" for stage in _STAGES[1:]}
_PLACES |= dict.fromkeys(
    "training_step on_train_batch_start on_train_batch_end on_before_zero_grad on_before_backward on_after_backward "
    "on_before_optimizer_step optimizer_step lr_scheduler_step".split(),
    "training",
)
_REDUCTIONS = {"mean": 0.0, "sum": 0.0, "min": math.inf, "max": -math.inf}  # and where each begins


class Options(NamedTuple):
    """How a name is logged; its first two fields are the audiences 0 and 1."""

    prog_bar: bool
    logger: bool
    on_step: bool
    on_epoch: bool
    reduce_fx: str


class Logged:
    """One name of `self.log`: its newest value, and its reduction since the epoch began."""

    __slots__ = ("metric", "name", "options", "reduced", "sync", "value", "weight")

    def __init__(self, name: str, options: Options) -> None:
        self.name, self.options = name, options
        self.sync: Any = None  # the strategy whose processes share the value
        self.metric: Metric | None = None  # what reduces by itself
        self.value: Any = None
        self.reduced: Any = _REDUCTIONS[options.reduce_fx]
        self.weight = 0.0

    def update(self, value: Any, weight: float) -> None:
        """Take one more value; `weight` counts in a mean only."""
        reduction = self.options.reduce_fx
        self.value = value
        self.weight += weight
        if reduction == "mean":
            self.reduced = self.reduced + value * weight
        elif reduction == "sum":
            self.reduced = self.reduced + value
        else:
            self.reduced = (min if reduction == "min" else max)(self.reduced, float(value))

    def compute(self) -> float:
        """The reduction of all values of the epoch."""
        if self.metric is not None:
            return float(self.metric.compute_over(self.sync) if self.sync is not None else self.metric.compute())
        total, weight, reduction = float(self.reduced), self.weight, self.options.reduce_fx
        if self.sync is not None:
            total = self.sync.reduce(total, "sum" if reduction == "mean" else reduction)
            weight = self.sync.reduce(weight, "sum")
        return total / weight if reduction == "mean" else total


class Results:
    """What one loop has logged in the epoch that is running."""

    def __init__(self) -> None:
        self.entries: dict[tuple[str, str], Logged] = {}

    def reset(self) -> None:
        """Begin a new epoch."""
        for entry in self.entries.values():
            if entry.metric is not None:
                entry.metric.reset()
        self.entries.clear()

    def newest(self, audience: int) -> dict[str, float]:
        """The newest values that were logged with `on_step`; `audience`: 0 the progress bar, 1 loggers, 2 callbacks."""
        return self._seen(audience, lambda entry: float(entry.value), "on_step", "on_epoch")

    def reduced(self, audience: int) -> dict[str, float]:
        """The reductions of what was logged with `on_epoch`."""
        return self._seen(audience, Logged.compute, "on_epoch", "on_step")

    def _seen(self, audience: int, value_of: Callable[[Logged], float], own: str, other: str) -> dict[str, float]:
        found = {}
        for entry in self.entries.values():
            options = entry.options
            if getattr(options, own) and entry.value is not None and (audience == 2 or options[audience]):
                value, both = value_of(entry), getattr(options, other)
                found[entry.name + own[2:] if both else entry.name] = value
                if both and audience == 2:
                    found[entry.name] = value
        return found

    def state_dict(self, metrics: dict[str, Metric]) -> list[dict[str, Any]]:
        """The entries as plain values; `metrics` are the module's by name."""
        owned = {id(metric): name for name, metric in metrics.items()}
        return [
            {
                "hook": hook,
                "name": entry.name,
                "options": list(entry.options),
                "value": None if entry.value is None else float(entry.value),
                "reduced": float(entry.reduced),
                "weight": entry.weight,
                "metric": None if entry.metric is None else owned.get(id(entry.metric)),
            }
            for (hook, _), entry in self.entries.items()
        ]

    def load_state_dict(self, state: list[dict[str, Any]], metrics: dict[str, Metric]) -> None:
        """Take back what `state_dict` returned."""
        self.entries.clear()
        for row in state:
            entry = self.entries[row["hook"], row["name"]] = Logged(row["name"], Options(*row["options"]))
            entry.value, entry.reduced, entry.weight = row["value"], row["reduced"], row["weight"]
            entry.metric = metrics.get(row["metric"])


class Metrics:
    """All that has been logged: what the running loops collect, and what finished epochs left behind."""

    def __init__(self, trainer: pl.Trainer) -> None:
        self.trainer = trainer
        self.hook: str | None = None
        self.training = Results()
        self.evaluation = Results()
        self.active = self.training
        self.finished: tuple[dict[str, float], dict[str, float], dict[str, float]] = ({}, {}, {})
        self.epoch_ended = False
        self.batch: Any = None
        self.suffix = ""

    def seen_by(self, audience: int) -> dict[str, float]:
        """The newest value of every name for 0 the progress bar, 1 loggers or 2 callbacks."""
        seen = {**self.finished[audience], **self.active.newest(audience)}
        if self.epoch_ended:
            seen.update(self.active.reduced(audience))
        return seen

    def monitored(self, owner: str, name: str, strict: bool = True) -> float | None:
        """The newest value of a name that `owner` watches; None for one that was not logged, if it is not `strict`."""
        known = self.seen_by(2)
        if name in known or not strict:
            return known.get(name)
        raise MisconfigurationException(
            f"{owner}: expected a logged value named {name!r} to monitor, got {', '.join(sorted(known)) or 'nothing logged yet'}. "
            f"Call self.log({name!r}, value) in the module."
        )

    def finish(self, results: Results) -> dict[str, float]:
        """Keep the reductions of a finished epoch; returns those that loggers want."""
        for audience, kept in enumerate(self.finished):
            kept.update(results.newest(audience))
            kept.update(results.reduced(audience))
        return results.reduced(1)

    def log(
        self,
        name: str,
        value: Any,
        prog_bar: bool,
        logger: bool | None,
        on_step: bool | None,
        on_epoch: bool | None,
        reduce_fx: str | Callable[..., Any],
        size: int | None,
        add_dataloader_idx: bool,
        sync_dist: bool = False,
    ) -> None:
        """Take one value from `self.log`."""
        hook, entries = self.hook, self.active.entries
        if self.suffix and add_dataloader_idx:
            name += self.suffix
        place = _PLACES.get(hook or "")
        if place == "training":
            step, epoch = on_step is None or on_step, bool(on_epoch)
        else:
            step, epoch = bool(on_step), on_epoch is None or on_epoch
            if place != "evaluation":
                self._check_place(name, step)
        reduction = reduce_fx if isinstance(reduce_fx, str) else getattr(reduce_fx, "__name__", "?")
        options = (prog_bar, logger is not False, step, epoch, reduction)
        entry = entries.get((hook, name))  # type: ignore[arg-type]
        if entry is None:
            entry = entries[hook, name] = self._new_entry(name, Options(*options))  # type: ignore[index]
            if sync_dist and self.trainer.world_size > 1:
                entry.sync = self.trainer.strategy
        elif entry.options != options:
            raise MisconfigurationException(
                f"log: expected the same options at every call for {name!r}, got prog_bar, logger, on_step, on_epoch, "
                f"reduce_fx = {options} after {tuple(entry.options)}. Log under another name."
            )
        if isinstance(value, facula.Tensor):
            value = self._number(name, value)
        elif isinstance(value, Metric):
            entry.metric, value = value, value.batch_value
            entry.sync = self.trainer.strategy
        elif not isinstance(value, int | float):
            value = self._converted(name, value)
        weight = 1
        if epoch and reduction == "mean":
            if size is not None:
                weight = size
            elif place != "epoch":
                weight = batch_size(self.batch)
        entry.update(value, weight)

    def _check_place(self, name: str, on_step: bool) -> None:
        if self.hook not in _PLACES:
            raise MisconfigurationException(
                "log: expected a call from a step or from a hook that belongs to an epoch, got "
                f"{name!r} from {self.hook or 'code outside of a run'}. Log it in training_step or on_train_epoch_end instead."
            )
        if on_step:
            raise MisconfigurationException(
                f"log: expected on_step=False in {self.hook}, got on_step=True for {name!r}. Leave on_step out there."
            )

    def _new_entry(self, name: Any, options: Options) -> Logged:
        if not isinstance(name, str):
            raise TypeError(f"log: expected a name, got {type(name).__name__}. Write self.log('loss', loss).")
        if options.reduce_fx not in _REDUCTIONS:
            raise MisconfigurationException(
                f"log: expected reduce_fx to be one of {', '.join(_REDUCTIONS)}, got {options.reduce_fx!r} for {name!r}. "
                "Reduce the value yourself and log it once in on_train_epoch_end."
            )
        return Logged(name, options)

    def _number(self, name: str, value: Any) -> Any:
        if value.numel() != 1:
            raise ValueError(
                f"log: expected a number or a tensor of one element for {name!r}, got shape {tuple(value.shape)}. Reduce it first, e.g. value.mean()."
            )
        return value.item() if value.device.type == "cpu" else value.detach().reshape(())

    def _converted(self, name: str, value: Any) -> float:
        try:
            return float(value)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"log: expected a number or a tensor of one element for {name!r}, got {type(value).__name__}. Convert it with float()."
            ) from error
