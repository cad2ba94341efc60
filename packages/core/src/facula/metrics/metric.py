"""Metric: sums (or lists) that grow with each batch, and one number that is made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from facula.errors import not_implemented_error
from facula.ops import cat, tensor
from facula.tensors.tensor import Tensor


def array(value: Any) -> Any:
    """A tensor, list or number as a NumPy array."""
    return value.detach().cpu().numpy() if isinstance(value, Tensor) else np.asarray(value)


class Metric:
    """Base of all metrics: a subclass declares `sums` (name to start value) and `lists`, and defines `update` and `compute`.

    Calling a metric updates it and returns the value of that batch alone.

    >>> from facula.metrics import Metric
    >>> class Mean(Metric):
    ...     sums = {"total": 0.0, "count": 0.0}
    ...     def update(self, values):
    ...         self.add(total=sum(values), count=len(values))
    ...     def compute(self):
    ...         return float(self.total / self.count)
    >>> mean = Mean()
    >>> mean([1, 2]), mean([6]), mean.compute()
    (1.5, 6.0, 3.0)
    """

    sums: dict[str, Any] = {}  # noqa: RUF012
    lists: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.batch_value: Any = float("nan")
        self.reset()

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """The sums and lists."""

    def reset(self) -> None:
        """Forget all batches."""
        self.__dict__.update({name: np.array(start, np.float64) for name, start in self.sums.items()})
        self.__dict__.update({name: [] for name in self.lists})

    def add(self, **parts: Any) -> None:
        """Add to the sums."""
        for name, part in parts.items():
            setattr(self, name, getattr(self, name) + part)

    def update(self, *args: Any) -> None:
        """Take one batch."""
        raise not_implemented_error(
            f"{type(self).__name__}.update: expected a definition, got none. Define update(...)."
        )

    def compute(self) -> Any:
        """The value over all batches."""
        raise not_implemented_error(
            f"{type(self).__name__}.compute: expected a definition, got none. Define compute()."
        )

    def __call__(self, *args: Any) -> Any:
        before = self.state_dict()
        self.reset()
        self.update(*args)
        self.batch_value = self.compute()
        self.add(**{name: before[name].numpy() for name in self.sums})
        for name in self.lists:
            own = getattr(self, name)
            setattr(self, name, ([before[name].numpy()] if before[name].numel() else []) + own)
        return self.batch_value

    def state_dict(self) -> dict[str, Any]:
        """The sums and lists as tensors."""
        state = {name: tensor(np.asarray(getattr(self, name), np.float64)) for name in self.sums}
        joined = {name: np.concatenate(found) if (found := getattr(self, name)) else np.zeros(0) for name in self.lists}
        return {**state, **{name: tensor(np.array(value)) for name, value in joined.items()}}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` returned."""
        for name in self.sums:
            setattr(self, name, state[name].numpy().copy())
        for name in self.lists:
            setattr(self, name, [state[name].numpy()] if state[name].numel() else [])

    def compute_over(self, strategy: Any) -> Any:
        """The value over the batches of all processes."""
        if strategy.world_size == 1:
            return self.compute()
        own, states = self.state_dict(), strategy.gather(self.state_dict())
        merged = {name: sum(state[name] for state in states) for name in self.sums}
        merged |= {name: cat([state[name] for state in states]) for name in self.lists}
        self.load_state_dict(merged)
        try:
            return self.compute()
        finally:
            self.load_state_dict(own)
