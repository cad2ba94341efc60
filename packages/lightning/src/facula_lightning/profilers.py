"""Profilers: where the time of a run goes."""

from __future__ import annotations

import cProfile
import io
import pstats
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from facula_lightning.tables import text_table


class Profiler:
    """Measures actions (hooks, steps) by name; a subclass defines `start`, `stop` and `summary`.

    With `filename` the summary is written to `<dirpath>/<filename>.txt`, else printed at the end of the run.
    """

    def __init__(self, dirpath: str | Path | None = None, filename: str | None = None) -> None:
        self.dirpath, self.filename = dirpath, filename

    def start(self, action_name: str) -> None:
        """An action begins."""
        raise NotImplementedError(f"{type(self).__name__}.start: expected the class to define it, got none. Define it.")

    def stop(self, action_name: str) -> None:
        """An action has ended."""

    def summary(self) -> str:
        """What has been measured, as text."""
        return ""

    @contextmanager
    def profile(self, action_name: str) -> Iterator[str]:
        """Measure a block under a name."""
        self.start(action_name)
        try:
            yield action_name
        finally:
            self.stop(action_name)

    def wrap(self, action_name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, measured at each call."""
        return self.profile(action_name)(function)  # a context manager of contextlib is a decorator too

    def describe(self) -> None:
        """Print the summary, or write it to the file."""
        if self.filename is None:
            print(self.summary())  # noqa: T201
            return
        folder = Path(self.dirpath or ".")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{self.filename}.txt").write_text(self.summary() + "\n", encoding="utf-8")


class SimpleProfiler(Profiler):
    """The number of calls and the seconds of every action.

    >>> watch = SimpleProfiler()
    >>> with watch.profile("nothing"):
    ...     pass
    >>> len(watch.recorded_durations["nothing"])
    1
    """

    def __init__(self, dirpath: str | Path | None = None, filename: str | None = None, extended: bool = True) -> None:
        super().__init__(dirpath, filename)
        self.extended = extended
        self.recorded_durations: dict[str, list[float]] = {}
        self._running: dict[str, list[float]] = {}
        self._begun = time.perf_counter()

    def start(self, action_name: str) -> None:
        self._running.setdefault(action_name, []).append(time.perf_counter())

    def stop(self, action_name: str) -> None:
        spent = time.perf_counter() - self._running[action_name].pop()
        self.recorded_durations.setdefault(action_name, []).append(spent)

    def summary(self) -> str:
        total = time.perf_counter() - self._begun
        rows = sorted(((sum(spent), len(spent), name) for name, spent in self.recorded_durations.items()), reverse=True)
        cells = [
            [name, f"{1e6 * spent / n:.1f}", str(n), f"{spent:.4f}", f"{100 * spent / total:.1f}"]
            for spent, n, name in rows
        ]
        table = [["action", "mean us", "calls", "total s", "%"], *cells]
        if not self.extended:
            table = [[*row[:2], *row[3:]] for row in table]
        return text_table(table[0], table[1:], right=range(1, len(table[0])))


class AdvancedProfiler(Profiler):
    """Python's cProfile over the whole run, its functions with the most time first."""

    def __init__(
        self, dirpath: str | Path | None = None, filename: str | None = None, line_count_restriction: float = 40
    ) -> None:
        super().__init__(dirpath, filename)
        self.line_count_restriction = line_count_restriction
        self._profile = cProfile.Profile()
        self._depth = 0

    def start(self, action_name: str) -> None:
        self._depth += 1
        if self._depth == 1:
            self._profile.enable()

    def stop(self, action_name: str) -> None:
        self._depth -= 1
        if not self._depth:
            self._profile.disable()

    def summary(self) -> str:
        text = io.StringIO()
        pstats.Stats(self._profile, stream=text).sort_stats("tottime").print_stats(self.line_count_restriction)
        return text.getvalue()


def profiler(given: Any) -> Profiler | None:
    """The profiler that `Trainer(profiler=...)` means: "simple", "advanced", an object, or None."""
    if given is None or isinstance(given, Profiler):
        return given
    known = {"simple": SimpleProfiler, "advanced": AdvancedProfiler}
    if given not in known:
        raise ValueError(
            f"Trainer: expected profiler to be 'simple', 'advanced' or a Profiler, got {given!r}. Choose one of them."
        )
    return known[given]()
