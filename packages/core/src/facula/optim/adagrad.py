"""Adagrad."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from facula.errors import runtime_error
from facula.optim.elementwise import gradient, run
from facula.optim.optimizer import (
    Optimizer,
    ParamsT,
    State,
    advance,
    check_settings,
    counter,
    like,
    number,
    sparse_parts,
)
from facula.tensors.tensor import Tensor


class Adagrad(Optimizer):
    """s = s + g^2; p = p - lr / (1 + (t - 1) lr_decay) g / (sqrt(s) + eps), g = grad + weight_decay p.

    Source: Duchi et al., 2011. `foreach` and `fused` are accepted and change nothing.

    >>> import facula
    >>> p = facula.nn.Parameter(facula.ones(2))
    >>> optimizer = facula.optim.Adagrad([p], lr=0.1)
    >>> p.sum().backward()
    >>> optimizer.step()
    >>> p.detach()
    tensor([0.9000, 0.9000])
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_settings(
            "Adagrad",
            lr=(lr, "at least 0", number(lr) >= 0),
            lr_decay=(lr_decay, "at least 0", lr_decay >= 0),
            weight_decay=(weight_decay, "at least 0", weight_decay >= 0),
            initial_accumulator_value=(initial_accumulator_value, "at least 0", initial_accumulator_value >= 0),
            eps=(eps, "at least 0", eps >= 0),
        )
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)
        for group in self.param_groups:
            for p in group["params"]:
                self._start(p, self.state[p], group)

    def _start(self, p: Tensor, state: State, group: dict[str, Any]) -> None:
        state["step"] = counter()
        state["sum"] = like(p, group["initial_accumulator_value"])

    def _gradient(self, p: Tensor) -> Any:
        grad: Any = p.grad
        return grad.to(p.dtype) if grad.is_sparse else super()._gradient(p)

    def _update(self, p: Tensor, grad: Any, state: State, group: dict[str, Any]) -> None:
        t = advance(state)
        rate = number(group["lr"]) / (1 + (t - 1) * group["lr_decay"])
        if isinstance(grad, Tensor):
            if group["weight_decay"]:
                raise runtime_error(
                    "Adagrad: weight_decay option is not compatible with sparse gradients, expected 0. Set weight_decay=0."
                )
            places, values = sparse_parts(grad)
            total = state["sum"].array
            total[places] += values * values
            step = rate * values / (np.sqrt(total[places]) + group["eps"])
            p.array[places] += step if group["maximize"] else -step
            return
        run(
            _adagrad,
            [p.array, grad, state["sum"].array],
            2,
            (rate, group["eps"], group["weight_decay"], group["maximize"]),
        )


def _adagrad(arrays: Sequence[Any], scratch: Sequence[Any], constants: Any) -> None:
    rate, eps, weight_decay, maximize = constants
    p, g, total = arrays
    s, spare = scratch
    g = gradient(p, g, spare, maximize, weight_decay)
    np.multiply(g, g, out=s)
    np.add(total, s, out=total)
    np.sqrt(total, out=s)
    np.add(s, eps, out=s)
    np.divide(g, s, out=s)
    np.multiply(s, rate, out=s)
    np.subtract(p, s, out=p)
