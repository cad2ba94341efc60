"""Rprop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from facula.optim.elementwise import gradient, run
from facula.optim.optimizer import Optimizer, ParamsT, State, advance, check_settings, counter, like, number
from facula.tensors.tensor import Tensor


class Rprop(Optimizer):
    """Each number has a step size: times etas[1] while its gradient keeps its sign, times etas[0] when it turns.

    Source: Riedmiller & Braun, 1993. `foreach` and `capturable` are accepted and change nothing.

    >>> import facula
    >>> p = facula.nn.Parameter(facula.ones(2))
    >>> optimizer = facula.optim.Rprop([p], lr=0.1)
    >>> p.sum().backward()
    >>> optimizer.step()
    >>> p.detach()
    tensor([0.9000, 0.9000])
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_settings(
            "Rprop",
            lr=(lr, "at least 0", number(lr) >= 0),
            etas=(etas, "0 < etas[0] < 1 < etas[1]", 0.0 < etas[0] < 1.0 < etas[1]),
        )
        defaults = {
            "lr": lr,
            "etas": etas,
            "step_sizes": step_sizes,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _start(self, p: Tensor, state: State, group: dict[str, Any]) -> None:
        state["step"] = counter()
        state["prev"] = like(p)
        state["step_size"] = like(p, number(group["lr"]))

    def _update(self, p: Tensor, grad: Any, state: State, group: dict[str, Any]) -> None:
        advance(state)
        arrays = [p.array, grad, state["prev"].array, state["step_size"].array]
        run(_rprop, arrays, 3, (*group["etas"], *group["step_sizes"], group["maximize"]))


def _rprop(arrays: Sequence[Any], scratch: Sequence[Any], constants: Any) -> None:
    shrink, grow, smallest, largest, maximize = constants
    p, g, previous, size = arrays
    s, d, spare = scratch
    g = gradient(p, g, spare, maximize, 0)
    np.multiply(g, previous, out=s)
    np.sign(s, out=s)
    turned = s < 0
    d.fill(1)
    np.copyto(d, grow, where=s > 0)
    np.copyto(d, shrink, where=turned)
    np.multiply(size, d, out=size)
    np.clip(size, smallest, largest, out=size)
    np.copyto(previous, g)
    np.copyto(previous, 0, where=turned)
    np.sign(previous, out=s)
    np.multiply(s, size, out=s)
    np.subtract(p, s, out=p)
