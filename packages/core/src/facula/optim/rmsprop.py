"""RMSprop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from facula.optim.elementwise import gradient, run
from facula.optim.optimizer import Optimizer, ParamsT, State, advance, check_settings, counter, like, number
from facula.tensors.tensor import Tensor


class RMSprop(Optimizer):
    """v = alpha v + (1 - alpha) g^2; p = p - lr g / (sqrt(v) + eps).

    `centered` takes the squared mean of g from v; `momentum` follows a running sum. Source: Hinton, 2012
    (lecture 6e). `foreach` and `capturable` are accepted and change nothing.

    >>> import facula
    >>> p = facula.nn.Parameter(facula.ones(2))
    >>> optimizer = facula.optim.RMSprop([p], lr=0.1)
    >>> p.sum().backward()
    >>> optimizer.step()
    >>> p.detach()
    tensor([5.9605e-08, 5.9605e-08])
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_settings(
            "RMSprop",
            lr=(lr, "at least 0", number(lr) >= 0),
            eps=(eps, "at least 0", eps >= 0),
            momentum=(momentum, "at least 0", momentum >= 0),
            weight_decay=(weight_decay, "at least 0", weight_decay >= 0),
            alpha=(alpha, "at least 0", alpha >= 0),
        )
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "capturable": capturable,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _start(self, p: Tensor, state: State, group: dict[str, Any]) -> None:
        state["step"] = counter()
        state["square_avg"] = like(p)
        if group["momentum"] > 0:
            state["momentum_buffer"] = like(p)
        if group["centered"]:
            state["grad_avg"] = like(p)

    def _update(self, p: Tensor, grad: Any, state: State, group: dict[str, Any]) -> None:
        advance(state)
        momentum, centered = group["momentum"], group["centered"]
        arrays = [p.array, grad, state["square_avg"].array]
        if centered:
            arrays.append(state["grad_avg"].array)
        if momentum > 0:
            arrays.append(state["momentum_buffer"].array)
        constants = (
            number(group["lr"]),
            group["alpha"],
            group["eps"],
            momentum,
            centered,
            group["weight_decay"],
            group["maximize"],
        )
        run(_rmsprop, arrays, 3, constants)


def _rmsprop(arrays: Sequence[Any], scratch: Sequence[Any], constants: Any) -> None:
    lr, alpha, eps, momentum, centered, weight_decay, maximize = constants
    p, g, v, *rest = arrays
    s, d, spare = scratch
    g = gradient(p, g, spare, maximize, weight_decay)
    np.multiply(g, g, out=s)
    np.multiply(s, 1 - alpha, out=s)
    np.multiply(v, alpha, out=v)
    np.add(v, s, out=v)
    if centered:
        mean = rest.pop(0)
        np.subtract(g, mean, out=s)
        np.multiply(s, 1 - alpha, out=s)
        np.add(mean, s, out=mean)
        np.multiply(mean, mean, out=s)
        np.subtract(v, s, out=d)
        np.sqrt(d, out=d)
    else:
        np.sqrt(v, out=d)
    np.add(d, eps, out=d)
    np.divide(g, d, out=s)
    if rest:
        buffer = rest[0]
        np.multiply(buffer, momentum, out=buffer)
        np.add(buffer, s, out=buffer)
        np.multiply(buffer, lr, out=s)
    else:
        np.multiply(s, lr, out=s)
    np.subtract(p, s, out=p)
