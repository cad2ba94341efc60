"""Averages of weights over training: stochastic weight averaging (SWA) and exponential moving averages (EMA).

Source: Izmailov et al., Averaging Weights Leads to Wider Optima and Better Generalization, 2018.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any, Literal

import numpy as np

from facula.autograd.state import no_grad
from facula.errors import assertion_error, value_error
from facula.nn.batchnorm import _BatchNorm
from facula.nn.module import Module
from facula.optim.optimizer import Optimizer
from facula.optim.schedule_base import LRScheduler, per_group
from facula.tensors.tensor import Tensor, wrap

__all__ = [
    "SWALR", "AveragedModel", "get_ema_avg_fn", "get_ema_multi_avg_fn", "get_swa_avg_fn", "get_swa_multi_avg_fn", "update_bn",
]  # fmt: skip

Average = Callable[[Tensor, Tensor, Any], Tensor]
MultiAverage = Callable[[list[Tensor], list[Tensor], Any], None]


def _check_decay(name: str, decay: float) -> None:
    if decay < 0.0 or decay > 1.0:
        raise value_error(f"{name}: Invalid decay value {decay} provided, expected one in [0, 1]. Use e.g. 0.999.")


def _floats(t: Tensor) -> bool:
    return t.is_floating_point() or t.is_complex()


def get_ema_multi_avg_fn(decay: float = 0.999) -> MultiAverage:
    """A function that moves lists of averages in place: average = decay * average + (1 - decay) * current.

    >>> import facula
    >>> averages, current = [facula.zeros(2)], [facula.ones(2)]
    >>> facula.optim.swa_utils.get_ema_multi_avg_fn(0.9)(averages, current, 1)
    >>> averages
    [tensor([0.1000, 0.1000])]
    """
    _check_decay("get_ema_multi_avg_fn", decay)

    @no_grad()
    def ema_update(averages: list[Tensor], currents: list[Tensor], num_averaged: Any) -> None:
        for average, current in zip(averages, currents, strict=True):
            moved = average.lerp(current, 1 - decay) if _floats(average) else average * decay + current * (1 - decay)
            average.copy_(moved)

    return ema_update


def get_swa_multi_avg_fn() -> MultiAverage:
    """A function that moves lists of averages in place: average += (current - average) / (num_averaged + 1).

    >>> import facula
    >>> averages, current = [facula.zeros(2)], [facula.ones(2)]
    >>> facula.optim.swa_utils.get_swa_multi_avg_fn()(averages, current, 1)
    >>> averages
    [tensor([0.5000, 0.5000])]
    """

    @no_grad()
    def swa_update(averages: list[Tensor], currents: list[Tensor], num_averaged: Any) -> None:
        for average, current in zip(averages, currents, strict=True):
            average.copy_(average + (current - average) / (int(num_averaged) + 1))

    return swa_update


def get_ema_avg_fn(decay: float = 0.999) -> Average:
    """A function of one average and one current value: decay * average + (1 - decay) * current.

    >>> import facula
    >>> facula.optim.swa_utils.get_ema_avg_fn(0.9)(facula.zeros(1), facula.ones(1), 1)
    tensor([0.1000])
    """
    _check_decay("get_ema_avg_fn", decay)

    @no_grad()
    def ema_update(average: Tensor, current: Tensor, num_averaged: Any) -> Tensor:
        return decay * average + (1 - decay) * current

    return ema_update


def get_swa_avg_fn() -> Average:
    """A function of one average and one current value: average + (current - average) / (num_averaged + 1).

    >>> import facula
    >>> facula.optim.swa_utils.get_swa_avg_fn()(facula.zeros(1), facula.ones(1), 3)
    tensor([0.2500])
    """

    @no_grad()
    def swa_update(average: Tensor, current: Tensor, num_averaged: Any) -> Tensor:
        return average + (current - average) / (num_averaged + 1)

    return swa_update


class AveragedModel(Module):
    """A copy of a model whose parameters are averages of the model's over the calls of `update_parameters`.

    Without `avg_fn` and `multi_avg_fn` all updates weigh the same. `use_buffers` averages the buffers too; else they are
    copied. `device` is where the averages are kept.

    >>> import facula
    >>> model = facula.nn.Linear(1, 1, bias=False)
    >>> averaged = facula.optim.swa_utils.AveragedModel(model)
    >>> for value in (1.0, 3.0):
    ...     _ = facula.nn.init.constant_(model.weight, value)
    ...     averaged.update_parameters(model)
    >>> averaged.module.weight.item()
    2.0
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: Average | None = None,
        multi_avg_fn: MultiAverage | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise assertion_error(
                "AveragedModel: Only one of avg_fn and multi_avg_fn should be provided, got both. Leave one away."
            )
        self.module = copy.deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        count: Any = wrap(np.asarray(0, np.int64))
        self.register_buffer("n_averaged", count if device is None else count.to(device))
        self.avg_fn, self.multi_avg_fn, self.use_buffers = avg_fn, multi_avg_fn, use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.module(*args, **kwargs)

    def _averaged(self, model: Module) -> list[Tensor]:
        tensors = chain(model.parameters(), model.buffers()) if self.use_buffers else model.parameters()
        return [t.detach() for t in tensors]

    @no_grad()
    def update_parameters(self, model: Module) -> None:
        """Take the present parameters of `model` into the averages."""
        averages = self._averaged(self.module)
        currents = [
            c if c.device == a.device else c.to(a.device) for a, c in zip(averages, self._averaged(model), strict=True)
        ]
        if int(self.n_averaged) == 0:
            for average, current in zip(averages, currents, strict=True):
                average.copy_(current)
        elif self.avg_fn is not None:
            for average, current in zip(averages, currents, strict=True):
                average.copy_(self.avg_fn(average, current, self.n_averaged.to(average.device)))
        elif averages:
            (self.multi_avg_fn or get_swa_multi_avg_fn())(averages, currents, self.n_averaged)
        if not self.use_buffers:
            for mine, other in zip(self.module.buffers(), model.buffers(), strict=True):
                mine.detach().copy_(other.detach())
        self.n_averaged += 1


@no_grad()
def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Compute the running statistics of the model's BatchNorm layers anew, over all batches of `loader`.

    A batch may be a tensor or a list or tuple whose first element is the input.

    >>> import facula
    >>> model = facula.nn.BatchNorm1d(1)
    >>> facula.optim.swa_utils.update_bn([facula.tensor([[1.0], [3.0]]), facula.tensor([[5.0], [7.0]])], model)
    >>> model.running_mean
    tensor([4.])
    """
    momenta: dict[Any, Any] = {}
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            module.reset_running_stats()
            momenta[module] = module.momentum
    if not momenta:
        return
    was_training = model.training
    model.train()
    try:
        for module in momenta:
            module.momentum = None  # a plain average over all batches
        for batch in loader:
            given = batch[0] if isinstance(batch, (list, tuple)) else batch
            model(given if device is None else given.to(device))
    finally:
        for module, momentum in momenta.items():
            module.momentum = momentum
        model.train(was_training)


class SWALR(LRScheduler):
    """Anneal the rate of each group to `swa_lr` within `anneal_epochs` steps, along a cosine or a line; then keep it.

    >>> import facula
    >>> optimizer = facula.optim.SGD([facula.nn.Parameter(facula.ones(1))], lr=1.0)
    >>> scheduler = facula.optim.swa_utils.SWALR(optimizer, swa_lr=0.5, anneal_epochs=2, anneal_strategy="linear")
    >>> optimizer.step(); scheduler.step(); scheduler.get_last_lr()
    [0.75]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | list[float],
        anneal_epochs: int = 10,
        anneal_strategy: Literal["cos", "linear"] = "cos",
        last_epoch: int = -1,
    ) -> None:
        for group, rate in zip(optimizer.param_groups, per_group("SWALR", optimizer, swa_lr, "swa_lr"), strict=True):
            group["swa_lr"] = rate
        if anneal_strategy not in ("cos", "linear"):
            raise value_error(
                f"SWALR: anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}. Use 'cos'."
            )
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise value_error(
                f"SWALR: anneal_epochs must be equal or greater than 0, got {anneal_epochs}. Use e.g. 10."
            )
        self.anneal_strategy, self.anneal_epochs = anneal_strategy, anneal_epochs
        super().__init__(optimizer, last_epoch)

    def _share(self, step: int) -> float:
        """How much of the way to `swa_lr` has been gone after `step` steps."""
        t = max(0.0, min(1.0, step / max(1, self.anneal_epochs)))
        return (1 - math.cos(math.pi * t)) / 2 if self.anneal_strategy == "cos" else t

    def get_lr(self) -> list[Any]:
        self._warn_outside_step()
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, now = self._share(step - 1), self._share(step)
        rates = []
        for rate, group in zip(self._rates(), self.optimizer.param_groups, strict=True):
            target = group["swa_lr"]
            start = target if before == 1 else (rate - before * target) / (1 - before)
            rates.append(target * now + start * (1 - now))
        return rates
