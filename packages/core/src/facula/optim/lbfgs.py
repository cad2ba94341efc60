"""L-BFGS, with a strong Wolfe line search."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from facula.autograd import enable_grad, no_grad
from facula.errors import runtime_error, type_error, value_error
from facula.optim.optimizer import Closure, Optimizer, ParamsT, check_settings, number
from facula.tensors.inplace import bump
from facula.tensors.tensor import Tensor, wrap

Objective = Callable[[Any, float, Any], tuple[float, Any]]


class LBFGS(Optimizer):
    """Quasi-Newton steps p = p + t d, d = -H g, H built from the last `history_size` differences of p and g.

    `step(closure)` evaluates the loss and its gradient as often as needed; line_search_fn is None (a fixed t = lr) or
    "strong_wolfe". Source: Nocedal & Wright, Numerical Optimization, 2006, algorithms 7.4, 3.5 and 3.6.

    >>> import facula
    >>> p = facula.nn.Parameter(facula.tensor([3.0, -2.0]))
    >>> optimizer = facula.optim.LBFGS([p], line_search_fn="strong_wolfe")
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = ((p - 1) ** 2).sum()
    ...     loss.backward()
    ...     return loss
    >>> _ = optimizer.step(closure)
    >>> facula.allclose(p, facula.ones(2))
    True
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        check_settings("LBFGS", lr=(lr, "at least 0", number(lr) >= 0))
        defaults = {
            "lr": lr, "max_iter": max_iter, "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad, "tolerance_change": tolerance_change, "history_size": history_size,
            "line_search_fn": line_search_fn,
        }  # fmt: skip
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise value_error("LBFGS: doesn't support per-parameter options (parameter groups). Pass one list.")
        self._params: list[Tensor] = self.param_groups[0]["params"]

    def _flat_gradient(self) -> Any:
        parts = [np.zeros_like(p.array) if p.grad is None else p.grad.array for p in self._params]
        return np.concatenate([part.reshape(-1) for part in parts])

    def _flat_values(self) -> Any:
        return np.concatenate([p.array.reshape(-1) for p in self._params])

    def _set(self, values: Any) -> None:
        start = 0
        for p in self._params:
            stop = start + p.numel()
            p.array[...] = values[start:stop].reshape(p.array.shape)
            bump(p, "LBFGS.step")
            start = stop

    def step(self, closure: Closure | None = None) -> Any:
        """Up to `max_iter` iterations; `closure` computes the loss and its gradients, and returns the loss."""
        if closure is None:
            raise type_error("LBFGS.step: expected a closure that computes the loss, got None. Pass one.")

        def evaluate() -> Any:
            with enable_grad():
                return closure()

        with no_grad():
            return self._iterate(evaluate)

    def _iterate(self, evaluate: Closure) -> Any:
        group = self.param_groups[0]
        state = self.state[self._params[0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        first_loss = evaluate()
        loss = float(first_loss)
        evaluations = 1
        state["func_evals"] += 1
        g = self._flat_gradient()
        if np.abs(g).max() <= group["tolerance_grad"]:
            return first_loss
        for iteration in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            d = self._direction(state, g, group["history_size"])
            previous_loss, previous_g = loss, g
            lr = number(group["lr"])
            t = min(1.0, 1.0 / float(np.abs(g).sum())) * lr if state["n_iter"] == 1 else lr
            slope = float(g @ d)
            if slope > -group["tolerance_change"]:
                self._remember(state, d, t, previous_g, previous_loss)
                break
            start = self._flat_values()
            if group["line_search_fn"] is not None:
                loss, g, t, used = self._search(evaluate, start, t, d, loss, g, slope)
            else:
                self._set(start + t * d)
                used = 0
                if iteration != group["max_iter"]:
                    loss, used = float(evaluate()), 1
                    g = self._flat_gradient()
            evaluations += used
            state["func_evals"] += used
            self._remember(state, d, t, previous_g, previous_loss)
            if self._finished(group, iteration, evaluations, g, d * t, loss - previous_loss):
                break
        return first_loss

    def _direction(self, state: dict[str, Any], g: Any, history: int) -> Any:
        """-H g by the two-loop recursion, after adding the newest difference to the history."""
        if state["n_iter"] == 1:
            state.update(old_dirs=[], old_stps=[], ro=[], H_diag=1)
            return -g
        y = g - state["prev_flat_grad"].array
        s = state["d"].array * float(state["t"])
        curvature = float(y @ s)
        dirs, steps, ro = state["old_dirs"], state["old_stps"], state["ro"]
        if curvature > 1e-10:
            if len(dirs) == history:
                for old in (dirs, steps, ro):
                    old.pop(0)
            dirs.append(wrap(y))
            steps.append(wrap(s))
            ro.append(wrap(np.asarray(1.0 / curvature, y.dtype)))
            state["H_diag"] = wrap(np.asarray(curvature / float(y @ y), y.dtype))
        q = -g
        weights = state.setdefault("al", [None] * history)
        for i in reversed(range(len(dirs))):
            weights[i] = float(steps[i].array @ q) * float(ro[i])
            q = q - weights[i] * dirs[i].array
        d = q * float(state["H_diag"])
        for i in range(len(dirs)):
            d = d + steps[i].array * (weights[i] - float(dirs[i].array @ d) * float(ro[i]))
        return d

    def _remember(self, state: dict[str, Any], d: Any, t: float, g: Any, loss: float) -> None:
        state.update(d=wrap(d), t=wrap(np.asarray(t, d.dtype)), prev_flat_grad=wrap(g.copy()), prev_loss=loss)

    def _finished(
        self, group: dict[str, Any], iteration: int, evaluations: int, g: Any, moved: Any, gained: float
    ) -> bool:
        change = group["tolerance_change"]
        return bool(
            iteration == group["max_iter"]
            or evaluations >= group["max_eval"]
            or np.abs(g).max() <= group["tolerance_grad"]
            or np.abs(moved).max() <= change
            or abs(gained) < change
        )

    def _search(
        self, evaluate: Closure, start: Any, t: float, d: Any, loss: float, g: Any, slope: float
    ) -> tuple[float, Any, float, int]:
        name = self.param_groups[0]["line_search_fn"]
        if name != "strong_wolfe":
            raise runtime_error(
                f"LBFGS: only 'strong_wolfe' is supported as line_search_fn, got {name!r}. Use it or None."
            )

        def objective(x: Any, step: float, direction: Any) -> tuple[float, Any]:
            self._set(x + step * direction)
            value = float(evaluate())
            gradient = self._flat_gradient()
            self._set(x)
            return value, gradient

        loss, g, t, used = strong_wolfe(objective, start, t, d, loss, g, slope)
        self._set(start + t * d)
        return loss, g, t, used


def cubic_minimum(
    x1: float, f1: float, g1: float, x2: float, f2: float, g2: float, bounds: tuple[float, float] | None = None
) -> float:
    """The minimum of the cubic through two points with slopes, within bounds; their middle where there is none."""
    low, high = bounds if bounds is not None else (min(x1, x2), max(x1, x2))
    d1 = g1 + g2 - 3 * (f1 - f2) / (x1 - x2)
    square = d1 * d1 - g1 * g2
    if not square >= 0:
        return (low + high) / 2
    d2 = math.sqrt(square)
    if x1 <= x2:
        found = x2 - (x2 - x1) * ((g2 + d2 - d1) / (g2 - g1 + 2 * d2))
    else:
        found = x1 - (x1 - x2) * ((g1 + d2 - d1) / (g1 - g2 + 2 * d2))
    return min(max(found, low), high)


class _Point:
    """A step length with its loss, gradient and slope."""

    __slots__ = ("g", "loss", "slope", "t")

    def __init__(self, t: float, loss: float, g: Any, slope: float) -> None:
        self.t, self.loss, self.g, self.slope = t, loss, g, slope


def strong_wolfe(
    objective: Objective,
    x: Any,
    t: float,
    d: Any,
    loss: float,
    g: Any,
    slope: float,
    c1: float = 1e-4,
    c2: float = 0.9,
    tolerance_change: float = 1e-9,
    max_steps: int = 25,
) -> tuple[float, Any, float, int]:
    """A step length t that lowers the loss enough and flattens the slope enough; also how often it was evaluated."""
    first = _Point(0.0, loss, g, slope)

    def probe(step: float) -> _Point:
        value, gradient = objective(x, step, d)
        return _Point(step, value, gradient, float(gradient @ d))

    def falls(point: _Point) -> bool:
        return point.loss <= loss + c1 * point.t * slope

    previous, now, used = first, probe(t), 1
    bracket: list[_Point] = []
    done = False
    for round_ in range(max_steps):
        if not falls(now) or (round_ > 0 and now.loss >= previous.loss):
            bracket = [previous, now]
            break
        if abs(now.slope) <= -c2 * slope:
            bracket, done = [now], True
            break
        if now.slope >= 0:
            bracket = [previous, now]
            break
        bounds = (now.t + 0.01 * (now.t - previous.t), now.t * 10)
        t = cubic_minimum(previous.t, previous.loss, previous.slope, now.t, now.loss, now.slope, bounds)
        previous, now = now, probe(t)
        used += 1
    else:
        bracket = [first, now]
    if not done:
        best, zoomed = _zoom(
            probe, falls, bracket, slope * -c2, float(np.abs(d).max()) * 1.0, tolerance_change, max_steps - round_
        )
        return best.loss, best.g, best.t, used + zoomed
    return bracket[0].loss, bracket[0].g, bracket[0].t, used


def _zoom(
    probe: Callable[[float], _Point],
    falls: Callable[[_Point], bool],
    bracket: list[_Point],
    flat: float,
    reach: float,
    tolerance_change: float,
    rounds: int,
) -> tuple[_Point, int]:
    """Shrink a bracket of two points around an acceptable step; the lower point and the number of evaluations."""
    low, high = sorted(bracket, key=lambda point: point.loss)
    used, stuck = 0, False
    for _ in range(rounds):
        if abs(high.t - low.t) * reach < tolerance_change:
            break
        t = cubic_minimum(
            bracket[0].t, bracket[0].loss, bracket[0].slope, bracket[1].t, bracket[1].loss, bracket[1].slope
        )
        left, right = min(low.t, high.t), max(low.t, high.t)
        margin = 0.1 * (right - left)
        if min(right - t, t - left) < margin:
            if stuck or t >= right or t <= left:
                t = right - margin if abs(t - right) < abs(t - left) else left + margin
                stuck = False
            else:
                stuck = True
        else:
            stuck = False
        now = probe(t)
        used += 1
        if not falls(now) or now.loss >= low.loss:
            high = now
            low, high = sorted((low, high), key=lambda point: point.loss)
        else:
            if abs(now.slope) <= flat:
                return now, used
            if now.slope * (high.t - low.t) >= 0:
                high = low
            low = now
        bracket = [low, high]
    return low, used
