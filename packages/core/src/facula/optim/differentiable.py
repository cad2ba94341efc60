"""Steps that can be differentiated: the updates of `differentiable=True`, in operators that the tape records.

A parameter is then the result of something (`parameter.clone()`, the step before), and the gradient of a later loss reaches its
old value, its gradient, and a rate that is a tensor. The formulas are those of the optimizers; only their form differs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from facula.autograd.state import enable_grad
from facula.ops import as_tensor, maximum, where
from facula.tensors.tensor import Tensor

Group = dict[str, Any]
State = dict[str, Any]


def _followed(p: Tensor, group: Group) -> Any:
    """The gradient to follow: its sign turned for maximisation, and weight_decay * p added."""
    g: Any = -p.grad if group.get("maximize") else p.grad  # type: ignore[operator]
    decay = 0 if group.get("decoupled_weight_decay") else group.get("weight_decay", 0)
    return g + decay * p if isinstance(decay, Tensor) or decay else g


def _shrunk(p: Tensor, group: Group) -> Any:
    """The parameter after a weight decay of its own."""
    return p * (1 - group["lr"] * group["weight_decay"]) if group.get("decoupled_weight_decay") else p


def _moments(g: Any, state: State, group: Group) -> tuple[Any, Any]:
    """The running means of the gradient and of its square."""
    b1, b2 = group["betas"]
    state["exp_avg"] = m = state["exp_avg"] + (1 - b1) * (g - state["exp_avg"])
    state["exp_avg_sq"] = v = b2 * state["exp_avg_sq"] + (1 - b2) * g * g
    return m, v


def _sgd(p: Tensor, g: Any, state: State, group: Group, t: float) -> Any:
    momentum = group["momentum"]
    if momentum:
        old = state.get("momentum_buffer")
        state["momentum_buffer"] = b = g.clone() if old is None else momentum * old + (1 - group["dampening"]) * g
        g = g + momentum * b if group["nesterov"] else b
    return p - group["lr"] * g


def _adam(p: Tensor, g: Any, state: State, group: Group, t: float) -> Any:
    b1, b2 = group["betas"]
    m, v = _moments(g, state, group)
    if group["amsgrad"]:
        state["max_exp_avg_sq"] = v = maximum(state["max_exp_avg_sq"], v)
    return _shrunk(p, group) - group["lr"] / (1 - b1**t) * m / (v.sqrt() / (1 - b2**t) ** 0.5 + group["eps"])


def _nadam(p: Tensor, g: Any, state: State, group: Group, t: float) -> Any:
    b1, b2 = group["betas"]
    m, v = _moments(g, state, group)
    mu, after = (b1 * (1 - 0.5 * 0.96 ** (step * group["momentum_decay"])) for step in (t, t + 1))
    state["mu_product"] = product = state["mu_product"] * mu
    root = (v / (1 - b2**t)).sqrt() + group["eps"]
    p = _shrunk(p, group) - group["lr"] * (1 - mu) / (1 - product) * g / root
    return p - group["lr"] * after / (1 - product * after) * m / root


def _radam(p: Tensor, g: Any, state: State, group: Group, t: float) -> Any:
    b1, b2 = group["betas"]
    m, v = _moments(g, state, group)
    limit = 2 / (1 - b2) - 1
    length = limit - 2 * t * b2**t / (1 - b2**t)  # of the average that v is
    step = m / (1 - b1**t)
    if length > 5:
        rectified = (length - 4) * (length - 2) * limit / ((limit - 4) * (limit - 2) * length)
        step = step * math.sqrt(rectified * (1 - b2**t)) / (v.sqrt() + group["eps"])
    return _shrunk(p, group) - group["lr"] * step


def _adamax(p: Tensor, g: Any, state: State, group: Group, t: float) -> Any:
    b1, b2 = group["betas"]
    state["exp_avg"] = m = state["exp_avg"] + (1 - b1) * (g - state["exp_avg"])
    state["exp_inf"] = u = maximum(b2 * state["exp_inf"], g.abs() + group["eps"])
    return p - group["lr"] / (1 - b1**t) * m / u


def _adagrad(p: Tensor, g: Any, state: State, group: Group, t: float) -> Any:
    state["sum"] = total = state["sum"] + g * g
    return p - group["lr"] / (1 + (t - 1) * group["lr_decay"]) * g / (total.sqrt() + group["eps"])


def _adadelta(p: Tensor, g: Any, state: State, group: Group, t: float) -> Any:
    rho, eps = group["rho"], group["eps"]
    state["square_avg"] = v = rho * state["square_avg"] + (1 - rho) * g * g
    d = (state["acc_delta"] + eps).sqrt() / (v + eps).sqrt() * g
    state["acc_delta"] = rho * state["acc_delta"] + (1 - rho) * d * d
    return p - group["lr"] * d


def _rmsprop(p: Tensor, g: Any, state: State, group: Group, t: float) -> Any:
    alpha = group["alpha"]
    state["square_avg"] = v = alpha * state["square_avg"] + (1 - alpha) * g * g
    if group["centered"]:
        state["grad_avg"] = mean = state["grad_avg"] + (1 - alpha) * (g - state["grad_avg"])
        v = v - mean * mean
    step = g / (v.sqrt() + group["eps"])
    if group["momentum"] > 0:
        state["momentum_buffer"] = step = group["momentum"] * state["momentum_buffer"] + step
    return p - group["lr"] * step


def _rprop(p: Tensor, g: Any, state: State, group: Group, t: float) -> Any:
    turn = (g * state["prev"]).sign()
    factor = where(turn > 0, group["etas"][1], where(turn < 0, group["etas"][0], 1.0)).to(g.dtype)
    state["step_size"] = size = (state["step_size"] * factor).clamp(*group["step_sizes"])
    state["prev"] = g = where(turn < 0, 0.0, g)
    return p - g.sign() * size


def _asgd(p: Tensor, g: Any, state: State, group: Group, t: float) -> Any:
    eta, mu, lr = state["eta"], state["mu"], group["lr"]
    p = p * (1 - group["lambd"] * eta) - eta * g
    state["ax"] = state["ax"] + mu * (p - state["ax"])
    state["eta"] = as_tensor(lr / (1 + group["lambd"] * lr * t) ** group["alpha"])
    state["mu"] = as_tensor(1 / max(1, t - group["t0"]))
    return p


FORMULAS: dict[str, Callable[..., Any]] = {
    "SGD": _sgd, "Adam": _adam, "AdamW": _adam, "NAdam": _nadam, "RAdam": _radam, "Adamax": _adamax, "Adagrad": _adagrad,
    "Adadelta": _adadelta, "RMSprop": _rmsprop, "Rprop": _rprop, "ASGD": _asgd,
}  # fmt: skip


def step(optimizer: Any, p: Tensor, state: State, group: Group) -> None:
    """Update one parameter by recorded operators; in place, as every step."""
    formula = next(FORMULAS[kind.__name__] for kind in type(optimizer).__mro__ if kind.__name__ in FORMULAS)
    with enable_grad():
        if "step" in state:
            state["step"] = state["step"] + 1
        t = float(state["step"]) if "step" in state else 0.0
        p.copy_(formula(p, _followed(p, group), state, group, t))
