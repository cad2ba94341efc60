"""Adamax."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from facula.optim.elementwise import gradient, run
from facula.optim.optimizer import Optimizer, ParamsT, State, advance, check_settings, counter, like, number
from facula.tensors.tensor import Tensor


class Adamax(Optimizer):
    """m = b1 m + (1 - b1) g; u = max(b2 u, abs(g) + eps); p = p - lr / (1 - b1^t) m / u.

    Source: Kingma & Ba, 2015. `foreach` and `capturable` are accepted and change nothing.

    >>> import facula
    >>> p = facula.nn.Parameter(facula.ones(2))
    >>> optimizer = facula.optim.Adamax([p], lr=0.1)
    >>> p.sum().backward()
    >>> optimizer.step()
    >>> p.detach()
    tensor([0.9000, 0.9000])
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_settings(
            "Adamax",
            lr=(lr, "at least 0", number(lr) >= 0),
            eps=(eps, "at least 0", eps >= 0),
            betas=(betas, "numbers from 0 to below 1", all(0 <= b < 1 for b in betas)),
            weight_decay=(weight_decay, "at least 0", weight_decay >= 0),
        )
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _start(self, p: Tensor, state: State, group: dict[str, Any]) -> None:
        state["step"] = counter()
        state["exp_avg"] = like(p)
        state["exp_inf"] = like(p)

    def _update(self, p: Tensor, grad: Any, state: State, group: dict[str, Any]) -> None:
        t = advance(state)
        b1, b2 = group["betas"]
        arrays = [p.array, grad, state["exp_avg"].array, state["exp_inf"].array]
        rate = number(group["lr"]) / (1 - b1**t)
        run(_adamax, arrays, 2, (b1, b2, rate, group["eps"], group["weight_decay"], group["maximize"]))


def _adamax(arrays: Sequence[Any], scratch: Sequence[Any], constants: Any) -> None:
    b1, b2, rate, eps, weight_decay, maximize = constants
    p, g, m, u = arrays
    s, spare = scratch
    g = gradient(p, g, spare, maximize, weight_decay)
    np.subtract(g, m, out=s)
    np.multiply(s, 1 - b1, out=s)
    np.add(m, s, out=m)
    np.abs(g, out=s)
    np.add(s, eps, out=s)
    np.multiply(u, b2, out=u)
    np.maximum(u, s, out=u)
    np.divide(m, u, out=s)
    np.multiply(s, rate, out=s)
    np.subtract(p, s, out=p)
