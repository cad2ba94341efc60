"""LRScheduler, the base of all schedulers."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from facula.errors import located, not_implemented_error, runtime_error, type_error, value_error
from facula.optim.optimizer import Optimizer, number
from facula.tensors.tensor import Tensor


def set_value(group: dict[str, Any], key: str, value: Any) -> None:
    """Write a setting of a group; a tensor keeps being the same tensor."""
    if isinstance(group.get(key), Tensor):
        group[key].fill_(number(value))
    else:
        group[key] = number(value)


def per_group(name: str, optimizer: Optimizer, value: Any, title: str) -> list[Any]:
    """One value for each parameter group: a list of the right length, or copies."""
    count = len(optimizer.param_groups)
    if not isinstance(value, (list, tuple)):
        return [value] * count
    if len(value) != count:
        raise value_error(
            f"{name}: expected {count} values for {title}, got {len(value)}. Give one per parameter group."
        )
    return list(value)


class LRScheduler:
    """Base of the schedulers: counts steps from 0 and writes what `get_lr()` returns into the parameter groups.

    A subclass defines `get_lr()`: the next rates from the present ones in `optimizer.param_groups`.

    >>> import facula
    >>> class Halved(facula.optim.lr_scheduler.LRScheduler):
    ...     def get_lr(self):
    ...         return [base * 0.5**self.last_epoch for base in self.base_lrs]
    >>> optimizer = facula.optim.SGD([facula.nn.Parameter(facula.ones(1))], lr=1.0)
    >>> scheduler = Halved(optimizer)
    >>> optimizer.step(); scheduler.step(); optimizer.param_groups[0]["lr"]
    0.5
    """

    _get_lr_called_within_step = False

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        if not isinstance(optimizer, Optimizer):
            raise type_error(f"{type(optimizer).__name__} is not an Optimizer. Pass the optimizer itself.")
        self.optimizer = optimizer
        for number_, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                rate = group["lr"]
                group.setdefault("initial_lr", rate.clone() if isinstance(rate, Tensor) else rate)
            elif "initial_lr" not in group:
                raise located(
                    KeyError(
                        f"{type(self).__name__}: param 'initial_lr' is not specified in param_groups[{number_}] when resuming scheduler with "
                        f"last_epoch >= 0. Load the optimizer's state dict first."
                    )
                )
        self.base_lrs: list[Any] = [_plain(group["initial_lr"]) for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._step_count = 0
        self._last_lr: list[Any] = []
        self._initial_step()

    def _initial_step(self) -> None:
        self._step_count = 0
        self.step()

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer."""
        return {key: value for key, value in self.__dict__.items() if key != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take back what `state_dict` returned."""
        self.__dict__.update(state_dict)

    def get_last_lr(self) -> list[Any]:
        """The rates that the last step wrote."""
        return self._last_lr

    def get_lr(self) -> list[Any]:
        """The rates of the present step, one per group."""
        raise not_implemented_error(f"{type(self).__name__}.get_lr: expected the scheduler to define it, got none.")

    def step(self, epoch: int | None = None) -> None:
        """Go to the next step (or, as it used to be, to step `epoch`) and write the rates."""
        self._step_count += 1
        if self._step_count == 2 and not self.optimizer._opt_called:
            raise runtime_error(
                f"{type(self).__name__}.step: expected a call of `optimizer.step()` before `lr_scheduler.step()`, got none: "
                "the first value of the schedule would be skipped. Call the optimizer first."
            )
        self._get_lr_called_within_step = True
        try:
            if epoch is None:
                self.last_epoch += 1
                values = self.get_lr()
            else:
                self.last_epoch = epoch
                closed: Any = getattr(self, "_get_closed_form_lr", self.get_lr)
                values = closed()
        finally:
            del self._get_lr_called_within_step
        self._write(values)

    def _write(self, values: Sequence[Any]) -> None:
        for group, value in zip(self.optimizer.param_groups, values, strict=True):
            set_value(group, "lr", value)
        self._last_lr = [_plain(group["lr"]) for group in self.optimizer.param_groups]

    def _rates(self) -> list[float]:
        """The present rates as floats."""
        return [number(group["lr"]) for group in self.optimizer.param_groups]

    def _scaled(self, factor: float) -> list[float]:
        return [rate * factor for rate in self._rates()]

    def _warn_outside_step(self) -> None:
        if not self._get_lr_called_within_step:
            warnings.warn(
                "To get the last learning rate computed by the scheduler, please use `get_last_lr()`.",
                UserWarning,
                stacklevel=3,
            )


def _plain(value: Any) -> Any:
    return value.clone() if isinstance(value, Tensor) else value
