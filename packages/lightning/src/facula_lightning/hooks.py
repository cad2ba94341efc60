"""Hooks: which of them a run has to call, found once, so that a hook nobody defined costs one look-up."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import facula_lightning as pl
from facula_lightning.attributes import overridden
from facula_lightning.callbacks.callback import Callback
from facula_lightning.module import LightningModule

_JUDGED = ("on_train_batch_end", "on_train_epoch_end")


class Hooks:
    """The hooks of one run, called in order: callbacks, then the module.

    A callback that judges what was measured (`Callback.judges`) hears of the end of a training batch or epoch after the
    module, through `judge`, when metrics have been logged and the loop's counters moved on.
    """

    def __init__(self, trainer: pl.Trainer, module: LightningModule) -> None:
        self.trainer = trainer
        self.module = module
        self.metrics = trainer.metrics
        self._calls: dict[tuple[str, bool], list[Callable[..., Any]]] = {}

    def __call__(self, name: str, *args: Any) -> Any:
        """Call all that define the hook; the last result that is not None is returned."""
        calls = self._calls.get((name, False))
        if calls is None:
            calls = self._of_callbacks(name, judges=False)
            if overridden(self.module, name, LightningModule):
                calls.append(getattr(self.module, name))
            if self.trainer.profiler is not None:
                calls = [self.trainer.profiler.wrap(f"{_owner(call)}.{name}", call) for call in calls]
            self._calls[name, False] = calls
        return self._run(name, calls, args) if calls else None

    def judge(self, name: str, *args: Any) -> None:
        """Call the hook of those callbacks that judge what has been measured."""
        calls = self._calls.get((name, True))
        if calls is None:
            calls = self._calls[name, True] = self._of_callbacks(name, judges=True)
        if calls:
            self._run(name, calls, args)

    def _run(self, name: str, calls: list[Callable[..., Any]], args: tuple[Any, ...]) -> Any:
        metrics = self.metrics
        before, metrics.hook = metrics.hook, name
        result = None
        try:
            for call in calls:
                value = call(*args)
                if value is not None:
                    result = value
        finally:
            metrics.hook = before
        return result

    def _of_callbacks(self, name: str, judges: bool) -> list[Callable[..., Any]]:
        late = name in _JUDGED
        return [
            partial(getattr(callback, name), self.trainer, self.module)
            for callback in self.trainer.callbacks
            if (not late or callback.judges == judges) and overridden(callback, name, Callback)
        ]


def _owner(call: Callable[..., Any]) -> str:
    return type(getattr(getattr(call, "func", call), "__self__", call)).__name__
