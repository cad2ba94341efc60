"""Adadelta."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from facula.optim.elementwise import gradient, run
from facula.optim.optimizer import Optimizer, ParamsT, State, advance, check_settings, counter, like, number
from facula.tensors.tensor import Tensor


class Adadelta(Optimizer):
    """v = rho v + (1 - rho) g^2; d = g sqrt(a + eps) / sqrt(v + eps); a = rho a + (1 - rho) d^2; p = p - lr d.

    Source: Zeiler, 2012. `foreach` and `capturable` are accepted and change nothing.

    >>> import facula
    >>> p = facula.nn.Parameter(facula.ones(2))
    >>> optimizer = facula.optim.Adadelta([p], lr=1.0)
    >>> p.sum().backward()
    >>> optimizer.step()
    >>> p.detach()
    tensor([0.9968, 0.9968])
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_settings(
            "Adadelta",
            lr=(lr, "at least 0", number(lr) >= 0),
            rho=(rho, "a number from 0 to 1", 0 <= rho <= 1),
            eps=(eps, "at least 0", eps >= 0),
            weight_decay=(weight_decay, "at least 0", weight_decay >= 0),
        )
        defaults = {
            "lr": lr,
            "rho": rho,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "capturable": capturable,
            "foreach": foreach,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _start(self, p: Tensor, state: State, group: dict[str, Any]) -> None:
        state["step"] = counter()
        state["square_avg"] = like(p)
        state["acc_delta"] = like(p)

    def _update(self, p: Tensor, grad: Any, state: State, group: dict[str, Any]) -> None:
        advance(state)
        arrays = [p.array, grad, state["square_avg"].array, state["acc_delta"].array]
        constants = (number(group["lr"]), group["rho"], group["eps"], group["weight_decay"], group["maximize"])
        run(_adadelta, arrays, 3, constants)


def _adadelta(arrays: Sequence[Any], scratch: Sequence[Any], constants: Any) -> None:
    lr, rho, eps, weight_decay, maximize = constants
    p, g, average, accumulated = arrays
    s, d, spare = scratch
    g = gradient(p, g, spare, maximize, weight_decay)
    np.multiply(g, g, out=s)
    np.multiply(s, 1 - rho, out=s)
    np.multiply(average, rho, out=average)
    np.add(average, s, out=average)
    np.add(accumulated, eps, out=d)
    np.add(average, eps, out=s)
    np.divide(d, s, out=d)
    np.sqrt(d, out=d)
    np.multiply(d, g, out=d)
    np.multiply(d, d, out=s)
    np.multiply(s, 1 - rho, out=s)
    np.multiply(accumulated, rho, out=accumulated)
    np.add(accumulated, s, out=accumulated)
    if lr != 1.0:
        np.multiply(d, lr, out=d)
    np.subtract(p, d, out=p)
