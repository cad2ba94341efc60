"""What a profiler writes down: events that lie within each other, and regions that a program names itself."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from facula.autograd.state import state

if TYPE_CHECKING:
    from facula.profiler.session import profile


class TimeRange:
    """From `start` to `end`, in microseconds since the profiler started."""

    def __init__(self, start: float, end: float) -> None:
        self.start, self.end = start, end

    def elapsed_us(self) -> float:
        return self.end - self.start

    def __repr__(self) -> str:
        return f"TimeRange({self.start:.3f}, {self.end:.3f})"


class FunctionEvent:
    """One op, backward step, module call or named region: when it ran, within what, and what it used.

    Times are in microseconds, memory in bytes: what was allocated during the event less what was freed. `kind` is one
    of "op", "backward", "module", "user".
    """

    __slots__ = (
        "alive", "cpu_children", "cpu_memory_usage", "cpu_parent", "device_time_total", "end", "flops", "forward", "id",
        "input_shapes", "kind", "module", "name", "stack", "start", "thread",
    )  # fmt: skip

    def __init__(self, name: str, kind: str, number: int, parent: FunctionEvent | None, module: str) -> None:
        self.name, self.kind, self.id, self.cpu_parent, self.module = name, kind, number, parent, module
        self.cpu_children: list[FunctionEvent] = []
        self.start = self.end = self.alive = self.cpu_memory_usage = self.flops = 0
        self.device_time_total = 0.0
        self.input_shapes: Sequence[Any] = ()
        self.stack: Sequence[str] = ()
        self.forward: FunctionEvent | None = None  # of a backward step: the call that recorded it
        self.thread = threading.get_ident()

    @property
    def key(self) -> str:
        """What `key_averages` sums by: the name."""
        return self.name

    @property
    def count(self) -> int:
        """One call; sums of events have more."""
        return 1

    @property
    def time_range(self) -> TimeRange:
        """When it began and ended, in microseconds."""
        return TimeRange(self.start / 1e3, self.end / 1e3)

    @property
    def cpu_time_total(self) -> float:
        """How long it took, what it called included, in microseconds."""
        return (self.end - self.start) / 1e3

    cpu_time = cpu_time_total

    @property
    def self_cpu_time_total(self) -> float:
        """Without what ran inside."""
        return self.cpu_time_total - sum(child.cpu_time_total for child in self.cpu_children)

    @property
    def self_cpu_memory_usage(self) -> int:
        """The bytes it allocated itself, without what it called."""
        return self.cpu_memory_usage - sum(child.cpu_memory_usage for child in self.cpu_children)

    @property
    def self_device_time_total(self) -> float:
        """Its own time on the device, without what it called, in microseconds."""
        return self.device_time_total - sum(child.device_time_total for child in self.cpu_children)

    @property
    def is_user_annotation(self) -> bool:
        """Whether `record_function` made it."""
        return self.kind == "user"

    def __repr__(self) -> str:
        return f"<FunctionEvent id={self.id} name={self.name} cpu_time={self.cpu_time_total:.3f}us>"


def now() -> int:
    return time.perf_counter_ns()


def active_profilers() -> list[profile]:
    """The profilers that record in this thread."""
    return [i for i in state.interpreters if getattr(i, "records_events", False)] if state.interpreters else []


class record_function:
    """Name a region of a program in the profiles that record it; without one it does nothing. Also a decorator.

    >>> import facula
    >>> with facula.profiler.profile() as prof, facula.profiler.record_function("square"):
    ...     y = facula.ones(3) * 2
    >>> [event.name for event in prof.events()]
    ['square', 'mul']
    """

    def __init__(self, name: str, args: str | None = None) -> None:
        self.name, self.args = name, args
        self._open: list[list[tuple[profile, FunctionEvent]]] = []

    def __enter__(self) -> record_function:
        self._open.append([(p, p.begin(self.name, "user")) for p in active_profilers()])
        return self

    def __exit__(self, *exc: object) -> None:
        for profiler, event in self._open.pop():
            profiler.finish(event)

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with record_function(self.name, self.args):
                return function(*args, **kwargs)

        return wrapped
