"""Schedulers that follow curves: cosines with and without restarts, cycles, and one cycle."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from facula.errors import type_error, value_error
from facula.optim.optimizer import Optimizer, number
from facula.optim.schedule_base import LRScheduler, per_group, set_value


class CosineAnnealingLR(LRScheduler):
    """lr_t = eta_min + (initial lr - eta_min) (1 + cos(pi t / T_max)) / 2 (Loshchilov & Hutter, 2017).

    >>> import facula
    >>> optimizer = facula.optim.SGD([facula.nn.Parameter(facula.ones(1))], lr=1.0)
    >>> scheduler = facula.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=2)
    >>> optimizer.step(); scheduler.step(); scheduler.get_last_lr()
    [0.5]
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        self.T_max = T_max
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        self._warn_outside_step()
        rates, t, low = self._rates(), self.last_epoch, self.eta_min
        if t == 0:
            return rates
        if self._step_count == 1 and t > 0:
            return self._get_closed_form_lr()
        if (t - 1 - self.T_max) % (2 * self.T_max) == 0:
            rise = (1 - math.cos(math.pi / self.T_max)) / 2
            return [rate + (number(base) - low) * rise for base, rate in zip(self.base_lrs, rates, strict=True)]
        ratio = (1 + math.cos(math.pi * t / self.T_max)) / (1 + math.cos(math.pi * (t - 1) / self.T_max))
        return [ratio * (rate - low) + low for rate in rates]

    def _get_closed_form_lr(self) -> list[Any]:
        share = (1 + math.cos(math.pi * self.last_epoch / self.T_max)) / 2
        return [self.eta_min + (number(base) - self.eta_min) * share for base in self.base_lrs]


class CosineAnnealingWarmRestarts(LRScheduler):
    """lr_t = eta_min + (initial lr - eta_min) (1 + cos(pi T_cur / T_i)) / 2, from the start again after T_i steps.

    T_cur counts the steps since the last restart; the periods are T_i = T_0, T_0 T_mult, T_0 T_mult^2, ...
    Source: Loshchilov & Hutter, SGDR, 2017.

    >>> import facula
    >>> optimizer = facula.optim.SGD([facula.nn.Parameter(facula.ones(1))], lr=1.0)
    >>> scheduler = facula.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, T_0=2, T_mult=2)
    >>> rates = []
    >>> for _ in range(6):
    ...     optimizer.step()
    ...     scheduler.step()
    ...     rates.append(round(scheduler.get_last_lr()[0], 4))
    >>> rates
    [0.5, 1.0, 0.8536, 0.5, 0.1464, 1.0]
    """

    def __init__(
        self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        if T_0 <= 0 or not isinstance(T_0, int):
            raise value_error(
                f"CosineAnnealingWarmRestarts: Expected positive integer T_0, but got {T_0}. Use e.g. 10."
            )
        if T_mult < 1 or not isinstance(T_mult, int):
            raise value_error(
                f"CosineAnnealingWarmRestarts: Expected integer T_mult >= 1, but got {T_mult}. Use e.g. 2."
            )
        if not isinstance(eta_min, (float, int)):
            raise value_error(f"CosineAnnealingWarmRestarts: Expected float or int eta_min, but got {eta_min!r}.")
        self.T_0 = T_0
        self.T_i = T_0
        self.T_mult = T_mult
        self.eta_min = eta_min
        self.T_cur: float = last_epoch
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        self._warn_outside_step()
        share = (1 + math.cos(math.pi * self.T_cur / self.T_i)) / 2
        return [self.eta_min + (number(base) - self.eta_min) * share for base in self.base_lrs]

    def step(self, epoch: float | None = None) -> None:
        """Go to the next step, or to a (fractional) step `epoch`."""
        if epoch is None and self.last_epoch < 0:
            epoch = 0
        if epoch is None:
            epoch = self.last_epoch + 1
            self.T_cur += 1
            if self.T_cur >= self.T_i:
                self.T_cur -= self.T_i
                self.T_i *= self.T_mult
        else:
            self._jump(epoch)
        self.last_epoch = math.floor(epoch)
        self._get_lr_called_within_step = True
        try:
            values = self.get_lr()
        finally:
            del self._get_lr_called_within_step
        self._write(values)

    def _jump(self, epoch: float) -> None:
        if epoch < 0:
            raise value_error(f"CosineAnnealingWarmRestarts: Expected non-negative epoch, but got {epoch}.")
        if epoch < self.T_0:
            self.T_i, self.T_cur = self.T_0, epoch
        elif self.T_mult == 1:
            self.T_i, self.T_cur = self.T_0, epoch % self.T_0
        else:
            cycle = int(math.log(epoch / self.T_0 * (self.T_mult - 1) + 1, self.T_mult))
            self.T_cur = epoch - self.T_0 * (self.T_mult**cycle - 1) / (self.T_mult - 1)
            self.T_i = self.T_0 * self.T_mult**cycle


def _momentum_key(name: str, optimizer: Optimizer) -> str:
    """Where the optimizer keeps its momentum: "momentum", or "betas" (its first)."""
    for key in ("betas", "momentum"):
        if key in optimizer.defaults:
            return key
    raise value_error(
        f"{name}: optimizer must support momentum or beta1 with `cycle_momentum` option enabled. Switch it off."
    )


def _set_momentum(group: dict[str, Any], key: str, value: float) -> None:
    if key == "betas":
        group["betas"] = (value, *group["betas"][1:])
    else:
        set_value(group, key, value)


class CyclicLR(LRScheduler):
    """The rate goes up and down between base_lr and max_lr: lr_t = base_lr + (max_lr - base_lr) * h(t) * scale.

    h rises from 0 to 1 in `step_size_up` steps and falls in `step_size_down`. `mode` says what becomes of the peaks: they stay
    ("triangular"), are halved each cycle ("triangular2"), or are gamma^t ("exp_range"); `scale_fn` gives another rule. With
    `cycle_momentum` the momentum goes the other way. Source: Smith, Cyclical Learning Rates, 2017.

    >>> import facula
    >>> optimizer = facula.optim.SGD([facula.nn.Parameter(facula.ones(1))], lr=1.0)
    >>> scheduler = facula.optim.lr_scheduler.CyclicLR(optimizer, base_lr=0.1, max_lr=0.5, step_size_up=2)
    >>> rates = []
    >>> for _ in range(4):
    ...     optimizer.step()
    ...     scheduler.step()
    ...     rates.append(round(scheduler.get_last_lr()[0], 4))
    >>> rates
    [0.3, 0.5, 0.3, 0.1]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | list[float],
        max_lr: float | list[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.8,
        max_momentum: float | list[float] = 0.9,
        last_epoch: int = -1,
    ) -> None:
        if mode not in ("triangular", "triangular2", "exp_range") and scale_fn is None:
            raise value_error(f"CyclicLR: mode is invalid and scale_fn is None, got {mode!r}. Use 'triangular'.")
        self.optimizer = optimizer
        lows = per_group("CyclicLR", optimizer, base_lr, "base_lr")
        if last_epoch == -1:
            for group, low in zip(optimizer.param_groups, lows, strict=True):
                set_value(group, "lr", low)
        self.max_lrs = per_group("CyclicLR", optimizer, max_lr, "max_lr")
        up = float(step_size_up)
        self.total_size = up + (up if step_size_down is None else float(step_size_down))
        self.step_ratio = up / self.total_size
        self.mode = mode
        self.gamma = gamma
        self._scale_fn_custom = scale_fn
        self.scale_mode = scale_mode if scale_fn is not None else "iterations" if mode == "exp_range" else "cycle"
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self._momentum = _momentum_key("CyclicLR", optimizer)
            self.base_momentums = per_group("CyclicLR", optimizer, base_momentum, "base_momentum")
            self.max_momentums = per_group("CyclicLR", optimizer, max_momentum, "max_momentum")
            for group, high, low in zip(optimizer.param_groups, self.max_momentums, self.base_momentums, strict=True):
                if last_epoch == -1:
                    _set_momentum(group, self._momentum, high)
                group["max_momentum"], group["base_momentum"] = high, low
        super().__init__(optimizer, last_epoch)
        self.base_lrs = lows

    def scale_fn(self, x: float) -> float:
        """How high the peak of cycle (or step) x is."""
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        if self.mode == "triangular":
            return 1.0
        return 1 / 2.0 ** (x - 1) if self.mode == "triangular2" else self.gamma**x

    def get_lr(self) -> list[Any]:
        self._warn_outside_step()
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        height = x / self.step_ratio if x <= self.step_ratio else (x - 1) / (self.step_ratio - 1)
        scale = height * self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            for group, low, high in zip(
                self.optimizer.param_groups, self.base_momentums, self.max_momentums, strict=True
            ):
                _set_momentum(group, self._momentum, high - (high - low) * scale)
        return [
            number(low) + (number(high) - number(low)) * scale
            for low, high in zip(self.base_lrs, self.max_lrs, strict=True)
        ]

    def state_dict(self) -> dict[str, Any]:
        state = super().state_dict()
        custom = state.pop("_scale_fn_custom")
        is_object = hasattr(custom, "__dict__") and not hasattr(custom, "__code__")
        state["_scale_fn_custom"] = dict(vars(custom)) if is_object else None
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        saved = state_dict.get("_scale_fn_custom")
        super().load_state_dict({key: value for key, value in state_dict.items() if key != "_scale_fn_custom"})
        if saved is not None:
            vars(self._scale_fn_custom).update(saved)


class OneCycleLR(LRScheduler):
    """One rise to max_lr and one long fall far below the start, while the momentum goes the other way round.

    The rate goes from max_lr / div_factor to max_lr in the share `pct_start` of all steps, then to the start / final_div_factor,
    along cosines or lines (`anneal_strategy`); `three_phase` comes back to the start before the last fall. The number of steps is
    `total_steps`, or epochs * steps_per_epoch. Source: Smith & Topin, Super-Convergence, 2019.

    >>> import facula
    >>> optimizer = facula.optim.SGD([facula.nn.Parameter(facula.ones(1))], lr=1.0)
    >>> scheduler = facula.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1.0, total_steps=5, pct_start=0.5)
    >>> rates = []
    >>> for _ in range(4):
    ...     optimizer.step()
    ...     scheduler.step()
    ...     rates.append(round(scheduler.get_last_lr()[0], 4))
    >>> rates
    [0.76, 0.9045, 0.3455, 0.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | list[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85,
        max_momentum: float | list[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        if not isinstance(optimizer, Optimizer):
            raise type_error(f"{type(optimizer).__name__} is not an Optimizer. Pass the optimizer itself.")
        self.optimizer = optimizer
        self.total_steps = _total_steps(total_steps, epochs, steps_per_epoch)
        if not isinstance(pct_start, float) or not 0 <= pct_start <= 1:
            raise value_error(f"OneCycleLR: Expected float between 0 and 1 pct_start, but got {pct_start}.")
        if anneal_strategy not in ("cos", "linear"):
            raise value_error(
                f"OneCycleLR: anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}."
            )
        top = float(pct_start * self.total_steps) - 1
        end = self.total_steps - 1
        if three_phase:
            self._phases = [(top, "initial_lr", "max_lr", "max_momentum", "base_momentum"),
                            (2 * top, "max_lr", "initial_lr", "base_momentum", "max_momentum"),
                            (end, "initial_lr", "min_lr", "max_momentum", "max_momentum")]  # fmt: skip
        else:
            self._phases = [(top, "initial_lr", "max_lr", "max_momentum", "base_momentum"),
                            (end, "max_lr", "min_lr", "base_momentum", "max_momentum")]  # fmt: skip
        self._anneal_func_type = anneal_strategy
        highs = per_group("OneCycleLR", optimizer, max_lr, "max_lr")
        self.cycle_momentum = cycle_momentum
        if last_epoch == -1:
            for group, high in zip(optimizer.param_groups, highs, strict=True):
                group["initial_lr"] = high / div_factor
                group["max_lr"] = high
                group["min_lr"] = group["initial_lr"] / final_div_factor
        if cycle_momentum:
            self._momentum = _momentum_key("OneCycleLR", optimizer)
            high_m = per_group("OneCycleLR", optimizer, max_momentum, "max_momentum")
            low_m = per_group("OneCycleLR", optimizer, base_momentum, "base_momentum")
            if last_epoch == -1:
                for group, high, low in zip(optimizer.param_groups, high_m, low_m, strict=True):
                    _set_momentum(group, self._momentum, high)
                    group["max_momentum"], group["base_momentum"] = high, low
        super().__init__(optimizer, last_epoch)

    def _anneal(self, start: float, end: float, share: float) -> float:
        if self._anneal_func_type == "linear":
            return (end - start) * share + start
        return end + (start - end) / 2.0 * (math.cos(math.pi * share) + 1)

    def get_lr(self) -> list[Any]:
        self._warn_outside_step()
        t = self.last_epoch
        if t > self.total_steps:
            raise value_error(
                f"OneCycleLR: Tried to step {t} times. The specified number of total steps is {self.total_steps}. Raise total_steps."
            )
        rates = []
        for group in self.optimizer.param_groups:
            begin = 0.0
            for place, (end, first, last, m_first, m_last) in enumerate(self._phases):
                if t <= end or place == len(self._phases) - 1:
                    share = (t - begin) / (end - begin)
                    rates.append(self._anneal(group[first], group[last], share))
                    if self.cycle_momentum:
                        _set_momentum(group, self._momentum, self._anneal(group[m_first], group[m_last], share))
                    break
                begin = end
        return rates


def _total_steps(total_steps: int | None, epochs: int | None, steps_per_epoch: int | None) -> int:
    if total_steps is not None:
        if total_steps <= 0 or not isinstance(total_steps, int):
            raise value_error(f"OneCycleLR: Expected positive integer total_steps, but got {total_steps}.")
        return total_steps
    if epochs is None or steps_per_epoch is None:
        raise value_error(
            "OneCycleLR: You must define either total_steps OR (epochs AND steps_per_epoch), got neither. Pass one."
        )
    for name, value in (("epochs", epochs), ("steps_per_epoch", steps_per_epoch)):
        if not isinstance(value, int) or value <= 0:
            raise value_error(f"OneCycleLR: Expected positive integer {name}, but got {value}.")
    return epochs * steps_per_epoch
