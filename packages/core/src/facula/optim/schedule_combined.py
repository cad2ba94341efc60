"""Schedulers made of schedulers: one after the other, or all at once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from facula.errors import type_error, value_error
from facula.optim.optimizer import Optimizer
from facula.optim.schedule_base import LRScheduler, set_value
from facula.optim.schedule_plateau import ReduceLROnPlateau


def _check_schedulers(name: str, schedulers: Sequence[Any], optimizer: Optimizer) -> None:
    for place, scheduler in enumerate(schedulers):
        if not hasattr(scheduler, "optimizer"):
            raise type_error(f"{name}: scheduler at index {place} should have `optimizer` as its attribute.")
        if isinstance(scheduler, ReduceLROnPlateau) and name == "SequentialLR":
            raise value_error(
                f"{name}: does not support `ReduceLROnPlateau`, as it requires additional kwargs. Step it alone."
            )
        if scheduler.optimizer is not optimizer:
            raise value_error(
                f"{name}: expects all schedulers to belong to the same optimizer, but got scheduler at index {place} "
                "of another one. Build all on one."
            )


def _undo_first_step(scheduler: Any) -> None:
    """Take back the step that every scheduler took when it was made; a sequence makes them count again from its start."""
    parts = getattr(scheduler, "_schedulers", None)
    if parts is None:
        scheduler.last_epoch -= 1
        return
    for part in parts:
        _undo_first_step(part)


class _Combined(LRScheduler):
    """The parts' own states are saved in place of the parts."""

    _schedulers: list[Any]

    def state_dict(self) -> dict[str, Any]:
        state = {key: value for key, value in self.__dict__.items() if key not in ("optimizer", "_schedulers")}
        state["_schedulers"] = [scheduler.state_dict() for scheduler in self._schedulers]
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.__dict__.update({key: value for key, value in state_dict.items() if key != "_schedulers"})
        for scheduler, saved in zip(self._schedulers, state_dict["_schedulers"], strict=True):
            scheduler.load_state_dict(saved)


class SequentialLR(_Combined):
    """The first scheduler until the first milestone, then the second, counted from 0, and so on.

    >>> import facula
    >>> S = facula.optim.lr_scheduler
    >>> optimizer = facula.optim.SGD([facula.nn.Parameter(facula.ones(1))], lr=1.0)
    >>> parts = [S.ConstantLR(optimizer, factor=0.1, total_iters=2), S.ExponentialLR(optimizer, gamma=0.5)]
    >>> S.SequentialLR(optimizer, parts, milestones=[2]).get_last_lr()
    [0.1]
    """

    def __init__(
        self, optimizer: Optimizer, schedulers: list[LRScheduler], milestones: list[int], last_epoch: int = -1
    ) -> None:
        if len(schedulers) < 1:
            raise value_error("SequentialLR: expects at least one scheduler, but got none. Pass a list of them.")
        _check_schedulers("SequentialLR", schedulers, optimizer)
        if len(milestones) != len(schedulers) - 1:
            raise value_error(
                "SequentialLR: expects number of schedulers provided to be one more than the number of milestone "
                f"points, but got number of schedulers {len(schedulers)} and milestones {len(milestones)}. "
                "Name one for each change."
            )
        self._schedulers = list(schedulers)
        self._milestones = list(milestones)
        self.last_epoch = last_epoch + 1
        self.optimizer = optimizer
        for group in optimizer.param_groups:
            set_value(group, "lr", group["initial_lr"])
        _undo_first_step(self)
        first = self._schedulers[0]
        first._initial_step()
        self._last_lr = first.get_last_lr()

    def _initial_step(self) -> None:
        self.last_epoch += 1
        self._schedulers[0]._initial_step()
        self._last_lr = self._schedulers[0].get_last_lr()

    def step(self, epoch: int | None = None) -> None:
        """Step the scheduler whose turn it is, or go to the step `epoch` of the sequence."""
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        turn = bisect_right(self._milestones, self.last_epoch)
        scheduler, start = self._schedulers[turn], self._milestones[turn - 1] if turn else 0
        if epoch is not None or (turn and start == self.last_epoch):
            scheduler.step(self.last_epoch - start)
        else:
            scheduler.step()
        self._last_lr = scheduler.get_last_lr()


class ChainedScheduler(_Combined):
    """All schedulers take a step each time, one on top of the other.

    >>> import facula
    >>> S = facula.optim.lr_scheduler
    >>> optimizer = facula.optim.SGD([facula.nn.Parameter(facula.ones(1))], lr=1.0)
    >>> both = S.ChainedScheduler([S.ExponentialLR(optimizer, gamma=0.5), S.StepLR(optimizer, step_size=1, gamma=0.1)])
    >>> optimizer.step(); both.step(); both.get_last_lr()
    [0.05]
    """

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None) -> None:
        if len(schedulers) < 1:
            raise value_error("ChainedScheduler: expects at least one scheduler to be chained, but got no scheduler.")
        optimizer = optimizer or schedulers[0].optimizer
        _check_schedulers("ChainedScheduler", schedulers, optimizer)
        self._schedulers = list(schedulers)
        self.optimizer = optimizer
        self._last_lr = [group["lr"] for group in optimizer.param_groups]

    def step(self, epoch: int | None = None) -> None:
        """Step every scheduler."""
        for scheduler in self._schedulers:
            scheduler.step()
        self._last_lr = [group["lr"] for group in self.optimizer.param_groups]
