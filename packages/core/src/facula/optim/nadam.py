"""NAdam."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from facula.optim.elementwise import gradient, run
from facula.optim.optimizer import Optimizer, ParamsT, State, advance, check_settings, counter, like, number
from facula.tensors.tensor import Tensor


class NAdam(Optimizer):
    """Adam with Nesterov momentum: the step follows mu_(t+1) m + (1 - mu_t) g, each corrected for its start.

    mu_t = b1 (1 - 0.96^(t momentum_decay) / 2). Source: Dozat, 2016. `foreach` and `capturable` are accepted
    and change nothing.

    >>> import facula
    >>> p = facula.nn.Parameter(facula.ones(2))
    >>> optimizer = facula.optim.NAdam([p], lr=0.1)
    >>> p.sum().backward()
    >>> optimizer.step()
    >>> p.detach()
    tensor([0.8944, 0.8944])
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_settings(
            "NAdam",
            lr=(lr, "at least 0", number(lr) >= 0),
            eps=(eps, "at least 0", eps >= 0),
            betas=(betas, "numbers from 0 to below 1", all(0 <= b < 1 for b in betas)),
            weight_decay=(weight_decay, "at least 0", weight_decay >= 0),
            momentum_decay=(momentum_decay, "at least 0", momentum_decay >= 0),
        )
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _start(self, p: Tensor, state: State, group: dict[str, Any]) -> None:
        state["step"] = counter()
        state["mu_product"] = counter(1.0)
        state["exp_avg"] = like(p)
        state["exp_avg_sq"] = like(p)

    def _update(self, p: Tensor, grad: Any, state: State, group: dict[str, Any]) -> None:
        t = advance(state)
        b1, b2 = group["betas"]
        lr, decay = number(group["lr"]), group["weight_decay"]
        mu = b1 * (1 - 0.5 * 0.96 ** (t * group["momentum_decay"]))
        next_mu = b1 * (1 - 0.5 * 0.96 ** ((t + 1) * group["momentum_decay"]))
        product = state["mu_product"].array
        product *= mu
        now = float(product)
        decoupled = group["decoupled_weight_decay"]
        constants = (
            b1, b2, lr * (1 - mu) / (1 - now), lr * next_mu / (1 - now * next_mu), 1 / (1 - b2**t), group["eps"],
            1 - lr * decay if decoupled else 1.0, 0 if decoupled else decay, group["maximize"],
        )  # fmt: skip
        run(_nadam, [p.array, grad, state["exp_avg"].array, state["exp_avg_sq"].array], 3, constants)


def _nadam(arrays: Sequence[Any], scratch: Sequence[Any], constants: Any) -> None:
    b1, b2, rate_g, rate_m, correction, eps, shrink, weight_decay, maximize = constants
    p, g, m, v = arrays
    s, d, spare = scratch
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
    np.multiply(v, correction, out=d)
    np.sqrt(d, out=d)
    np.add(d, eps, out=d)
    for direction, rate in ((g, rate_g), (m, rate_m)):
        np.divide(direction, d, out=s)
        np.multiply(s, rate, out=s)
        np.subtract(p, s, out=p)
