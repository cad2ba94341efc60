"""SparseAdam: Adam for sparse gradients."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from facula.errors import runtime_error, value_error
from facula.optim.optimizer import Optimizer, ParamsT, State, check_settings, like, number, sparse_parts
from facula.tensors.tensor import Tensor


class SparseAdam(Optimizer):
    """Adam where only the elements that occur in a sparse gradient, and their averages, are updated.

    m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2; p = p - lr sqrt(1 - b2^t) / (1 - b1^t) m / (sqrt(v) + eps).
    Source: Kingma and Ba, 2015. Raises RuntimeError for a dense gradient.

    >>> import facula
    >>> p = facula.nn.Parameter(facula.ones(2))
    >>> optimizer = facula.optim.SparseAdam([p], lr=0.5)
    >>> p.grad = facula.sparse_coo_tensor([[1]], [3.0], (2,))
    >>> optimizer.step()
    >>> p.detach()
    tensor([1.0000, 0.5000])
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        maximize: bool = False,
    ) -> None:
        check_settings(
            "SparseAdam",
            lr=(lr, "above 0", number(lr) > 0),
            eps=(eps, "above 0", eps > 0),
            betas=(betas, "numbers in [0, 1)", all(0 <= b < 1 for b in betas)),
        )
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "maximize": maximize})
        for group in self.param_groups:
            if any(p.is_sparse for p in group["params"]):
                raise value_error("SparseAdam: expected dense parameter tensors, got a sparse one. Use .to_dense().")

    def _gradient(self, p: Tensor) -> Any:
        grad: Any = p.grad
        if not grad.is_sparse:
            raise runtime_error(
                "SparseAdam: SparseAdam does not support dense gradients, expected one of layout facula.sparse_coo. Please consider Adam instead."
            )
        return grad

    def _start(self, p: Tensor, state: State, group: dict[str, Any]) -> None:
        state["step"] = 0
        state["exp_avg"], state["exp_avg_sq"] = like(p), like(p)

    def _update(self, p: Tensor, grad: Any, state: State, group: dict[str, Any]) -> None:
        state["step"] += 1
        places, values = sparse_parts(grad)
        g = values.astype(p.array.dtype, copy=False)
        if not g.size:
            return
        g = -g if group["maximize"] else g
        (b1, b2), t = group["betas"], state["step"]
        mean, square = state["exp_avg"].array, state["exp_avg_sq"].array
        m = mean[places] + (g - mean[places]) * (1 - b1)
        v = square[places] + (g * g - square[places]) * (1 - b2)
        mean[places], square[places] = m, v
        rate = number(group["lr"]) * math.sqrt(1 - b2**t) / (1 - b1**t)
        p.array[places] -= rate * m / (np.sqrt(v) + group["eps"])
