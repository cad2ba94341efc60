"""The trace format of chrome://tracing, which Perfetto reads too: events with their beginnings and lengths in microseconds."""

from __future__ import annotations

import os
from typing import Any

from facula.profiler.events import FunctionEvent

_CATEGORIES = {"op": "cpu_op", "backward": "cpu_op", "module": "python_function", "user": "user_annotation"}


def chrome_trace(events: list[FunctionEvent], memory: list[tuple[int, int]]) -> dict[str, Any]:
    """Events as complete slices, arrows from each forward to its backward, and a counter of the bytes that are alive."""
    pid = os.getpid()
    written: list[dict[str, Any]] = [
        {"ph": "M", "name": "process_name", "pid": pid, "tid": 0, "ts": 0, "args": {"name": "facula"}}
    ]
    for event in events:
        written.append(_slice(event, pid))
        if event.forward is not None:
            arrow = {"cat": "fwdbwd", "name": "fwdbwd", "id": event.id, "pid": pid}
            written.append({**arrow, "ph": "s", "tid": event.forward.thread, "ts": event.forward.start / 1e3})
            written.append({**arrow, "ph": "f", "bp": "e", "tid": event.thread, "ts": event.start / 1e3})
    written += [
        {"ph": "C", "name": "tensor memory", "pid": pid, "tid": 0, "ts": time / 1e3, "args": {"bytes": alive}}
        for time, alive in memory
    ]
    return {"schemaVersion": 1, "displayTimeUnit": "ms", "traceEvents": written}


def _slice(event: FunctionEvent, pid: int) -> dict[str, Any]:
    args: dict[str, Any] = {"External id": event.id}
    if event.input_shapes:
        args["Input Dims"] = [list(shape) for shape in event.input_shapes]
    if event.flops:
        args["flops"] = event.flops
    if event.module:
        args["module"] = event.module
    if event.stack:
        args["Call stack"] = ";".join(reversed(event.stack))
    return {
        "ph": "X", "cat": _CATEGORIES[event.kind], "name": event.name, "pid": pid, "tid": event.thread,
        "ts": event.start / 1e3, "dur": (event.end - event.start) / 1e3, "args": args,
    }  # fmt: skip
