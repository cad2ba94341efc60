"""Muon."""

from __future__ import annotations

import math
from typing import Any

from facula.dtypes import bfloat16
from facula.errors import value_error
from facula.optim.optimizer import Optimizer, ParamsT, State, check_settings, like, number
from facula.tensors.tensor import Tensor


class Muon(Optimizer):
    """b = momentum b + (1 - momentum) g; p = (1 - lr weight_decay) p - lr' orthogonal(b), for matrices only.

    The nearest orthogonal matrix is a bfloat16 Newton-Schulz iteration. lr' = lr sqrt(max(1, rows / columns)),
    or 0.2 lr sqrt(max(rows, columns)) with adjust_lr_fn="match_rms_adamw". Source: Jordan et al., 2024.

    >>> import facula
    >>> p = facula.nn.Parameter(facula.eye(2))
    >>> optimizer = facula.optim.Muon([p], lr=0.1)
    >>> p.diagonal().sum().backward()
    >>> optimizer.step()
    >>> bool((p.diagonal() < 1).all())
    True
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        rules = (None, "original", "match_rms_adamw")
        check_settings(
            "Muon",
            lr=(lr, "at least 0", number(lr) >= 0),
            momentum=(momentum, "at least 0", momentum >= 0),
            weight_decay=(weight_decay, "at least 0", weight_decay >= 0),
            ns_steps=(ns_steps, "below 100", ns_steps < 100),
            ns_coefficients=(ns_coefficients, "three numbers", len(ns_coefficients) == 3),
            adjust_lr_fn=(adjust_lr_fn, f"one of {rules}", adjust_lr_fn in rules),
        )
        defaults = {
            "lr": lr, "weight_decay": weight_decay, "momentum": momentum, "nesterov": nesterov,
            "ns_coefficients": ns_coefficients, "eps": eps, "ns_steps": ns_steps, "adjust_lr_fn": adjust_lr_fn,
        }  # fmt: skip
        super().__init__(params, defaults)
        for group in self.param_groups:
            for p in group["params"]:
                if p.ndim != 2:
                    raise value_error(
                        f"Muon: only supports 2D parameters, got shape {tuple(p.shape)}. Give the others to AdamW."
                    )

    def _start(self, p: Tensor, state: State, group: dict[str, Any]) -> None:
        state["momentum_buffer"] = like(p)

    def _update(self, p: Tensor, grad: Any, state: State, group: dict[str, Any]) -> None:
        momentum, lr = group["momentum"], number(group["lr"])
        buffer = state["momentum_buffer"].array
        buffer += (1 - momentum) * (grad - buffer)
        direction = grad + momentum * (buffer - grad) if group["nesterov"] else buffer
        direction = orthogonal(direction, group["ns_coefficients"], group["ns_steps"], group["eps"])
        rows, columns = p.shape
        if group["adjust_lr_fn"] == "match_rms_adamw":
            ratio = 0.2 * math.sqrt(max(rows, columns))
        else:
            ratio = math.sqrt(max(1, rows / columns))
        array = p.array
        array *= 1 - lr * group["weight_decay"]
        array -= (lr * ratio) * direction.astype(array.dtype)


def orthogonal(matrix: Any, coefficients: tuple[float, float, float], steps: int, eps: float) -> Any:
    """x = a x + (b G + c G^2) x with G = x x^T, repeated: singular values go to about 1. Each product is rounded."""
    a, b, c = coefficients
    half = bfloat16.numpy

    def rounded(x: Any) -> Any:
        return x.astype(half).astype("float32")

    x = rounded(matrix)
    if matrix.shape[0] > matrix.shape[1]:
        x = x.T
    norm = rounded((x * x).sum() ** 0.5)
    x = rounded(x / max(norm, eps))
    for _ in range(steps):
        gram = rounded(x @ x.T)
        mixed = rounded(b * gram + c * (gram @ gram))
        x = rounded(a * x + mixed @ x)
    return x.T if matrix.shape[0] > matrix.shape[1] else x
