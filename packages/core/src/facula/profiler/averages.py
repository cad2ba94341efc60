"""Events in tables: summed by name or by module, sorted, and printed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from facula.profiler.events import FunctionEvent


class FunctionEventAvg:
    """Events of one name together: sums of time (microseconds), bytes and FLOPs, and how many they were."""

    def __init__(self, key: str, shapes: Sequence[Any], stack: Sequence[str]) -> None:
        self.key, self.input_shapes, self.stack = key, shapes, stack
        self.count = 0
        self.cpu_time_total = self.self_cpu_time_total = self.backward_time_total = 0.0
        self.device_time_total = self.self_device_time_total = 0.0
        self.cpu_memory_usage = self.self_cpu_memory_usage = self.flops = 0

    def add(self, event: FunctionEvent) -> None:
        """Count one more event."""
        self.count += event.count
        for name in _SUMMED:
            setattr(self, name, getattr(self, name) + getattr(event, name))

    @property
    def name(self) -> str:
        return self.key

    @property
    def cpu_time(self) -> float:
        """The mean over the calls."""
        return self.cpu_time_total / self.count if self.count else 0.0

    @property
    def device_time(self) -> float:
        return self.device_time_total / self.count if self.count else 0.0

    def __repr__(self) -> str:
        return (
            f"<FunctionEventAvg key={self.key} self_cpu_time={in_time(self.self_cpu_time_total)} "
            f"cpu_time={in_time(self.cpu_time)} count={self.count}>"
        )


_SUMMED = (
    "cpu_time_total", "self_cpu_time_total", "device_time_total", "self_device_time_total", "cpu_memory_usage",
    "self_cpu_memory_usage", "flops",
)  # fmt: skip


class EventList(list[Any]):
    """A list of events (or of their sums) that prints itself as a table."""

    def __init__(self, events: Iterable[Any], profile_memory: bool = False, with_flops: bool = False) -> None:
        super().__init__(events)
        self.profile_memory, self.with_flops = profile_memory, with_flops
        self.by_module = False

    def __str__(self) -> str:
        return self.table()

    @property
    def self_cpu_time_total(self) -> float:
        """The time of all, each moment counted once."""
        return sum(e.self_cpu_time_total for e in self)

    def total_average(self) -> FunctionEventAvg:
        """All events as one."""
        total = FunctionEventAvg("Total", [], [])
        for event in self:
            total.add(event)
        return total

    def key_averages(self, group_by_input_shapes: bool = False, group_by_stack_n: int = 0) -> EventList:
        """The events summed by name, in the order in which the names came first."""
        sums: dict[Any, FunctionEventAvg] = {}
        for event in self:
            shapes = event.input_shapes if group_by_input_shapes else ()
            stack = event.stack[:group_by_stack_n]
            key = (event.name, str(shapes), *stack)
            if key not in sums:
                sums[key] = FunctionEventAvg(event.name, shapes, stack)
            sums[key].add(event)
        return EventList(sums.values(), self.profile_memory, self.with_flops)

    def module_averages(self) -> EventList:
        """The calls of modules summed by path; a module's bytes and FLOPs include its children's, as its time does."""
        sums: dict[str, FunctionEventAvg] = {}
        for event in self:
            if event.kind == "module":
                sums.setdefault(event.name, FunctionEventAvg(event.name, [], [])).add(event)
        for event in self:
            if event.kind in ("op", "backward") and event.module:
                for path, average in sums.items():
                    if event.module == path or event.module.startswith(path + "."):
                        average.flops += event.flops
                        average.backward_time_total += event.cpu_time_total if event.kind == "backward" else 0.0
        found = EventList(sums.values(), self.profile_memory, self.with_flops)
        found.by_module = True
        return found

    def table(
        self,
        sort_by: str | None = None,
        row_limit: int = 100,
        max_src_column_width: int = 75,
        max_name_column_width: int = 55,
        max_shapes_column_width: int = 80,
        header: str | None = None,
        top_level_events_only: bool = False,
        time_unit: str | None = None,
    ) -> str:
        """The events as text, the largest `sort_by` first, e.g. "cpu_time_total", "self_cpu_memory_usage", "count", "flops".

        Errors: AttributeError for a `sort_by` that events do not have.
        """
        rows = [e for e in self if not top_level_events_only or getattr(e, "cpu_parent", None) is None]
        if sort_by is not None:
            sort_by = sort_by.replace("cuda", "device")
            rows.sort(key=lambda e: getattr(e, sort_by), reverse=True)
        columns = self._columns(rows, max_name_column_width, max_shapes_column_width, max_src_column_width, time_unit)
        cells = [[str(make(row)) for _, make in columns] for row in rows[: row_limit if row_limit >= 0 else None]]
        titles = [title for title, _ in columns]
        lines = aligned(titles, cells)
        total = f"Self CPU time total: {in_time(self.self_cpu_time_total, time_unit)}"
        return "\n".join(([header] if header else []) + lines + ([] if self.by_module else [total])) + "\n"

    def _columns(self, rows: list[Any], name: int, shapes: int, source: int, unit: str | None) -> list[tuple[str, Any]]:
        total = self.self_cpu_time_total
        columns: list[tuple[str, Any]] = [("Module" if self.by_module else "Name", lambda e: _cut(e.key, name))]
        if not self.by_module:
            columns.append(("Self CPU %", lambda e: _share(e.self_cpu_time_total, total)))
        columns.append(("Self CPU", lambda e: in_time(e.self_cpu_time_total, unit)))
        if not self.by_module:
            columns.append(("CPU total %", lambda e: _share(e.cpu_time_total, total)))
        columns += [
            ("CPU total", lambda e: in_time(e.cpu_time_total, unit)),
            ("CPU time avg", lambda e: in_time(e.cpu_time, unit)),
        ]
        if self.by_module:
            columns.append(("Backward", lambda e: in_time(e.backward_time_total, unit)))
        if any(e.device_time_total for e in rows):
            columns += [
                ("Self CUDA", lambda e: in_time(e.self_device_time_total, unit)),
                ("CUDA total", lambda e: in_time(e.device_time_total, unit)),
            ]
        if self.profile_memory:
            columns += [
                ("CPU Mem", lambda e: in_bytes(e.cpu_memory_usage)),
                ("Self CPU Mem", lambda e: in_bytes(e.self_cpu_memory_usage)),
            ]
        columns.append(("# of Calls", lambda e: e.count))
        if any(e.input_shapes for e in rows):
            columns.append(("Input Shapes", lambda e: _cut(str([list(s) for s in e.input_shapes]), shapes)))
        if any(e.stack for e in rows):
            columns.append(("Source Location", lambda e: _cut(e.stack[0] if e.stack else "", source)))
        if self.with_flops:
            columns.append(("FLOPs", lambda e: in_units(e.flops) if e.flops else "--"))
        return columns


def aligned(titles: list[str], cells: list[list[str]]) -> list[str]:
    """A table's lines: the first column to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(titles, *cells, strict=True)]
    rule = "  ".join("-" * width for width in widths)

    def line(row: list[str]) -> str:
        first, *rest = zip(row, widths, strict=True)
        return "  ".join([first[0].ljust(first[1]), *(text.rjust(width) for text, width in rest)]).rstrip()

    return [rule, line(titles), rule, *map(line, cells), rule]


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 3] + "..."


def _share(part: float, whole: float) -> str:
    return f"{100 * part / whole:.2f}%" if whole else "--"


_TIMES = {"s": 1e6, "ms": 1e3, "us": 1.0}


def in_time(microseconds: float, unit: str | None = None) -> str:
    """A time with its unit, e.g. 1.234ms."""
    unit = unit or next((u for u, size in _TIMES.items() if abs(microseconds) >= size), "us")
    return f"{microseconds / _TIMES[unit]:.3f}{unit}"


def in_bytes(count: int) -> str:
    """A size with its unit, in powers of 1024, e.g. 1.50 KB."""
    for unit, size in (("GB", 2**30), ("MB", 2**20), ("KB", 2**10)):
        if abs(count) >= size:
            return f"{count / size:.2f} {unit}"
    return f"{count} B"


def in_units(count: int) -> str:
    """A count with a power of ten, e.g. 1.23 G."""
    for unit, size in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("K", 1e3)):
        if count >= size:
            return f"{count / size:.2f} {unit}"
    return str(count)
