"""Averaged stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from facula.optim.elementwise import gradient, run
from facula.optim.optimizer import Optimizer, ParamsT, State, advance, check_settings, counter, like, number
from facula.tensors.tensor import Tensor


class ASGD(Optimizer):
    """p = (1 - lambd eta) p - eta g, and `ax` is the average of p from step t0 on.

    eta = lr / (1 + lambd lr t)^alpha. Source: Polyak & Juditsky, 1992. `foreach` and `capturable` are accepted and
    change nothing.

    >>> import facula
    >>> p = facula.nn.Parameter(facula.ones(2))
    >>> optimizer = facula.optim.ASGD([p], lr=0.1)
    >>> p.sum().backward()
    >>> optimizer.step()
    >>> p.detach()
    tensor([0.9000, 0.9000])
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_settings(
            "ASGD",
            lr=(lr, "at least 0", number(lr) >= 0),
            weight_decay=(weight_decay, "at least 0", weight_decay >= 0),
        )
        defaults = {
            "lr": lr,
            "lambd": lambd,
            "alpha": alpha,
            "t0": t0,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _start(self, p: Tensor, state: State, group: dict[str, Any]) -> None:
        state["step"] = counter()
        state["eta"] = counter(number(group["lr"]))
        state["mu"] = counter(1.0)
        state["ax"] = like(p)

    def _update(self, p: Tensor, grad: Any, state: State, group: dict[str, Any]) -> None:
        t = advance(state)
        lr, lambd = number(group["lr"]), group["lambd"]
        eta, mu = state["eta"].array, state["mu"].array
        constants = (float(eta), float(mu), 1 - lambd * float(eta), group["weight_decay"], group["maximize"])
        run(_asgd, [p.array, grad, state["ax"].array], 2, constants)
        eta[...] = lr / (1 + lambd * lr * t) ** group["alpha"]
        mu[...] = 1 / max(1, t - group["t0"])


def _asgd(arrays: Sequence[Any], scratch: Sequence[Any], constants: Any) -> None:
    eta, mu, shrink, weight_decay, maximize = constants
    p, g, average = arrays
    s, spare = scratch
    g = gradient(p, g, spare, maximize, weight_decay)
    np.multiply(p, shrink, out=p)
    np.multiply(g, eta, out=s)
    np.subtract(p, s, out=p)
    if mu == 1:
        np.copyto(average, p)
    else:
        np.subtract(p, average, out=s)
        np.multiply(s, mu, out=s)
        np.add(average, s, out=average)
