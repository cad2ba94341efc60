"""Adafactor."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from facula.optim.optimizer import Optimizer, ParamsT, State, advance, check_settings, counter, number
from facula.tensors.tensor import Tensor, wrap


class Adafactor(Optimizer):
    """Adam without momentum whose second moment is factored into rows and columns, and whose step is clipped.

    p = p - a g / sqrt(v) / max(1, rms(g / sqrt(v)) / d), a = max(eps[1], rms(p)) min(lr, 1 / sqrt(t)). Source:
    Shazeer & Stern, 2018. `foreach` is accepted and changes nothing.

    >>> import facula
    >>> p = facula.nn.Parameter(facula.ones(2, 2))
    >>> optimizer = facula.optim.Adafactor([p], lr=0.1)
    >>> p.sum().backward()
    >>> optimizer.step()
    >>> p.detach()
    tensor([[0.9000, 0.9000],
            [0.9000, 0.9000]])
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ) -> None:
        check_settings(
            "Adafactor",
            lr=(lr, "at least 0", number(lr) >= 0),
            beta2_decay=(beta2_decay, "at most 0", beta2_decay <= 0),
            eps=(eps, "(None or at least 0, at least 0)", (eps[0] is None or eps[0] >= 0) and eps[1] >= 0),
            d=(d, "at least 1", d >= 1),
            weight_decay=(weight_decay, "at least 0", weight_decay >= 0),
        )
        defaults = {
            "lr": lr, "beta2_decay": beta2_decay, "eps": eps, "d": d, "weight_decay": weight_decay, "foreach": foreach,
            "maximize": maximize,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _start(self, p: Tensor, state: State, group: dict[str, Any]) -> None:
        state["step"] = counter()
        array = p.array
        if array.ndim > 1:
            state["row_var"] = wrap(np.zeros_like(array, shape=(*array.shape[:-1], 1)))
            state["col_var"] = wrap(np.zeros_like(array, shape=(*array.shape[:-2], 1, array.shape[-1])))
        else:
            state["variance"] = wrap(np.zeros_like(array))

    def _update(self, p: Tensor, grad: Any, state: State, group: dict[str, Any]) -> None:
        t = advance(state)
        array, lr = p.array, number(group["lr"])
        if group["maximize"]:
            grad = -grad
        small, floor = group["eps"]
        if small is None:
            small = float(np.finfo(array.dtype).eps)
        newest = t ** group["beta2_decay"]
        rate = max(floor, _rms(array)) * min(lr, 1 / math.sqrt(t))
        if group["weight_decay"]:
            array *= 1 - lr * group["weight_decay"]
        if array.ndim > 1:
            estimate = self._factored(grad, state, newest, small)
        else:
            variance = state["variance"].array
            variance += newest * (grad * grad - variance)
            estimate = variance
        update = grad / np.sqrt(np.maximum(estimate, small * small))
        array -= update * (rate / max(1.0, _rms(update) / group["d"]))

    def _factored(self, grad: Any, state: State, newest: float, small: float) -> Any:
        """The outer product of the row and column averages of grad^2, over their mean."""
        square = grad * grad
        row, column = state["row_var"].array, state["col_var"].array
        row += newest * (square.mean(-1, keepdims=True) - row)
        column += newest * (square.mean(-2, keepdims=True) - column)
        return row @ column / np.maximum(row.mean(-2, keepdims=True), small)


def _rms(array: Any) -> float:
    return math.sqrt(float((array * array).sum()) / array.size)
