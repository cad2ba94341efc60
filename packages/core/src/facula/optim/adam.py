"""Adam and AdamW."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from facula.optim.elementwise import gradient, run
from facula.optim.optimizer import Optimizer, ParamsT, State, advance, check_settings, counter, like, number
from facula.tensors.tensor import Tensor

Beta = float | Tensor


class Adam(Optimizer):
    """m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2; p = p - lr (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps).

    g = grad + weight_decay p; with decoupled_weight_decay p = (1 - lr weight_decay) p instead; amsgrad divides by the
    largest v so far. Source: Kingma & Ba, 2015. `foreach`, `fused` and `capturable` are accepted and change nothing.

    >>> import facula
    >>> p = facula.nn.Parameter(facula.ones(2))
    >>> optimizer = facula.optim.Adam([p], lr=0.1)
    >>> p.sum().backward()
    >>> optimizer.step()
    >>> p.detach()
    tensor([0.9000, 0.9000])
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[Beta, Beta] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        check_settings(
            type(self).__name__,
            lr=(lr, "at least 0", number(lr) >= 0),
            eps=(eps, "at least 0", eps >= 0),
            betas=(betas, "numbers from 0 to below 1", all(0 <= number(b) < 1 for b in betas)),
            weight_decay=(weight_decay, "at least 0", weight_decay >= 0),
        )
        defaults = {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "amsgrad": amsgrad,
            "maximize": maximize, "foreach": foreach, "capturable": capturable, "differentiable": differentiable,
            "fused": fused, "decoupled_weight_decay": decoupled_weight_decay,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _start(self, p: Tensor, state: State, group: dict[str, Any]) -> None:
        state["step"] = counter()
        state["exp_avg"] = like(p)
        state["exp_avg_sq"] = like(p)
        if group["amsgrad"]:
            state["max_exp_avg_sq"] = like(p)

    def _update(self, p: Tensor, grad: Any, state: State, group: dict[str, Any]) -> None:
        t = advance(state)
        b1, b2 = group["betas"]
        if isinstance(b1, Tensor) or isinstance(b2, Tensor):
            b1, b2 = number(b1), number(b2)
        lr, decay = number(group["lr"]), group["weight_decay"]
        root = math.sqrt(1 - b2**t)
        arrays = [p.array, grad, state["exp_avg"].array, state["exp_avg_sq"].array]
        if group["amsgrad"]:
            arrays.append(state["max_exp_avg_sq"].array)
        decoupled = group["decoupled_weight_decay"]
        shrink = 1 - lr * decay if decoupled else 1.0
        added = 0 if decoupled else decay
        constants = (b1, b2, lr * root / (1 - b1**t), group["eps"] * root, shrink, added, group["maximize"])
        run(_adam, arrays, 2, constants)


def _adam(arrays: Sequence[Any], scratch: Sequence[Any], constants: Any) -> None:
    """The bias corrections are folded: lr / c1 * m / (sqrt(v) / c2 + eps) = (lr c2 / c1) m / (sqrt(v) + eps c2)."""
    b1, b2, step_size, eps, shrink, weight_decay, maximize = constants
    p, g, m, v, *largest = arrays
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
    if largest:
        v = np.maximum(largest[0], v, out=largest[0])
    np.sqrt(v, out=s)
    np.add(s, eps, out=s)
    np.divide(m, s, out=s)
    np.multiply(s, step_size, out=s)
    np.subtract(p, s, out=p)


class AdamW(Adam):
    """Adam whose weight decay acts on the parameters alone: p = (1 - lr weight_decay) p (Loshchilov & Hutter, 2019).

    >>> import facula
    >>> p = facula.nn.Parameter(facula.ones(2))
    >>> optimizer = facula.optim.AdamW([p], lr=0.1, weight_decay=1.0)
    >>> p.sum().backward()
    >>> optimizer.step()
    >>> p.detach()
    tensor([0.8000, 0.8000])
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[Beta, Beta] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params, lr, betas, eps, weight_decay, amsgrad, foreach=foreach, maximize=maximize, capturable=capturable,
            differentiable=differentiable, fused=fused, decoupled_weight_decay=True,
        )  # fmt: skip
