"""Logger: where the numbers of a run go."""

from __future__ import annotations

from typing import Any


class Logger:
    """Receives metrics and hyperparameters; a subclass writes them somewhere.

    >>> class Memory(Logger):
    ...     def __init__(self):
    ...         self.rows = []
    ...     def log_metrics(self, metrics, step=None):
    ...         self.rows.append((step, metrics))
    >>> memory = Memory()
    >>> memory.log_metrics({"loss": 0.5}, step=3)
    >>> memory.rows
    [(3, {'loss': 0.5})]
    """

    @property
    def name(self) -> str | None:
        """The name of the experiment."""
        return None

    @property
    def version(self) -> str | int | None:
        """The number or name of this run among the experiment's."""
        return None

    @property
    def save_dir(self) -> str | None:
        """The folder below which this logger writes."""
        return None

    @property
    def log_dir(self) -> str | None:
        """The folder of this run."""
        return self.save_dir

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Take the numbers of one step."""
        raise NotImplementedError(
            f"{type(self).__name__}.log_metrics: expected the class to define it, got none. Define log_metrics(self, metrics, step)."
        )

    def log_hyperparams(self, params: dict[str, Any]) -> None:
        """Take the hyperparameters of the run."""

    def save(self) -> None:
        """Write what has not been written yet."""

    def finalize(self, status: str) -> None:
        """The run has ended; `status` is "success" or "failed"."""
        self.save()
