"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from facula.optim.elementwise import gradient, run
from facula.optim.optimizer import Optimizer, ParamsT, State, check_settings, like, number, sparse_parts
from facula.tensors.tensor import Tensor


class SGD(Optimizer):
    """b = momentum b + (1 - dampening) g; p = p - lr b, where g = grad + weight_decay p.

    nesterov follows g + momentum b. Source: Sutskever et al., 2013. `foreach` and `fused` are accepted and
    change nothing.

    >>> import facula
    >>> p = facula.nn.Parameter(facula.ones(2))
    >>> optimizer = facula.optim.SGD([p], lr=0.5)
    >>> p.sum().backward()
    >>> optimizer.step()
    >>> p.detach()
    tensor([0.5000, 0.5000])
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float | Tensor = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_settings(
            "SGD",
            lr=(lr, "at least 0", number(lr) >= 0),
            momentum=(momentum, "at least 0", momentum >= 0),
            weight_decay=(weight_decay, "at least 0", number(weight_decay) >= 0),
            nesterov=(
                nesterov,
                "a momentum above 0 and a dampening of 0 with it",
                not nesterov or (momentum > 0 and dampening == 0),
            ),
        )
        defaults = {
            "lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay, "nesterov": nesterov,
            "maximize": maximize, "foreach": foreach, "differentiable": differentiable, "fused": fused,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _gradient(self, p: Tensor) -> Any:
        grad: Any = p.grad
        return grad.to(p.dtype) if grad.is_sparse else super()._gradient(p)

    def _update(self, p: Tensor, grad: Any, state: State, group: dict[str, Any]) -> None:
        momentum = group["momentum"]
        if isinstance(grad, Tensor):
            if not momentum and not group["weight_decay"]:  # only the rows that are in the gradient
                places, values = sparse_parts(grad)
                step = number(group["lr"]) * values
                p.array[places] += step if group["maximize"] else -step
                return
            grad = grad.to_dense().array
        arrays = [p.array, grad]
        damping = group["dampening"]
        if momentum:
            buffer = state.get("momentum_buffer")
            if buffer is None:
                buffer = self.state[p]["momentum_buffer"] = like(p)
                damping = 0.0
            arrays.append(buffer.array)
        decay = number(group["weight_decay"])
        run(_sgd, arrays, 2, (number(group["lr"]), momentum, damping, decay, group["nesterov"], group["maximize"]))


def _sgd(arrays: Sequence[Any], scratch: Sequence[Any], constants: Any) -> None:
    lr, momentum, dampening, weight_decay, nesterov, maximize = constants
    p, g, *buffers = arrays
    s, spare = scratch
    g = gradient(p, g, spare, maximize, weight_decay)
    if buffers:
        b = buffers[0]
        np.multiply(b, momentum, out=b)
        if dampening:
            np.multiply(g, 1 - dampening, out=s)
            np.add(b, s, out=b)
        else:
            np.add(b, g, out=b)
        if nesterov:
            np.multiply(b, momentum, out=s)
            g = np.add(s, g, out=s)
        else:
            g = b
    np.multiply(g, lr, out=s)
    np.subtract(p, s, out=p)
