"""RAdam."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from facula.optim.elementwise import gradient, run
from facula.optim.optimizer import Optimizer, ParamsT, State, advance, check_settings, counter, like, number
from facula.tensors.tensor import Tensor


class RAdam(Optimizer):
    """Adam whose step is rectified by the variance of v, and plain momentum while that variance is not known.

    Source: Liu et al., 2020. `foreach` and `capturable` are accepted and change nothing.

    >>> import facula
    >>> p = facula.nn.Parameter(facula.ones(2))
    >>> optimizer = facula.optim.RAdam([p], lr=0.1)
    >>> p.sum().backward()
    >>> optimizer.step()
    >>> p.detach()
    tensor([0.9000, 0.9000])
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_settings(
            "RAdam",
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
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "decoupled_weight_decay": decoupled_weight_decay,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _start(self, p: Tensor, state: State, group: dict[str, Any]) -> None:
        state["step"] = counter()
        state["exp_avg"] = like(p)
        state["exp_avg_sq"] = like(p)

    def _update(self, p: Tensor, grad: Any, state: State, group: dict[str, Any]) -> None:
        t = advance(state)
        b1, b2 = group["betas"]
        lr, decay = number(group["lr"]), group["weight_decay"]
        limit = 2 / (1 - b2) - 1
        length = limit - 2 * t * b2**t / (1 - b2**t)  # of the average that v is
        rate, root = lr / (1 - b1**t), 0.0
        if length > 5:
            rectified = (length - 4) * (length - 2) * limit / ((limit - 4) * (limit - 2) * length)
            root = math.sqrt(1 - b2**t)
            rate *= math.sqrt(rectified) * root
        decoupled = group["decoupled_weight_decay"]
        constants = (
            b1, b2, rate, bool(root), group["eps"], 1 - lr * decay if decoupled else 1.0, 0 if decoupled else decay,
            group["maximize"],
        )  # fmt: skip
        run(_radam, [p.array, grad, state["exp_avg"].array, state["exp_avg_sq"].array], 2, constants)


def _radam(arrays: Sequence[Any], scratch: Sequence[Any], constants: Any) -> None:
    b1, b2, rate, adaptive, eps, shrink, weight_decay, maximize = constants
    p, g, m, v = arrays
    s, spare = scratch
    if shrink != 1.0:
        np.multiply(p, shrink, out=p)
    g = gradient(p, g, spare, maximize, weight_decay)
    np.subtract(g, m, out=s)
    np.multiply(s, 1 - b1, out=s)
    np.add(m, s, out=m)
    np.multiply(g, g, out=s)
    np.multiply(s, 1 - b2, out=s)
    np.multiply(v, b2, out=v)
    np.add(v, s, out=v)
    if adaptive:
        np.sqrt(v, out=s)
        np.add(s, eps, out=s)
        np.divide(m, s, out=s)
        np.multiply(s, rate, out=s)
    else:
        np.multiply(m, rate, out=s)
    np.subtract(p, s, out=p)
