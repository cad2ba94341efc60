"""`profile`: an interpreter that times every op, every step of backward and every module, while it records."""

from __future__ import annotations

import enum
import gzip
import json
import os
import socket
import sys
import time
import weakref
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from facula.autograd.state import Interpreter, state
from facula.autograd.tape import Pick
from facula.devices import base as devices
from facula.errors import assertion_error, runtime_error
from facula.nn.module import Module
from facula.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook
from facula.profiler.averages import EventList
from facula.profiler.events import FunctionEvent, now, record_function
from facula.profiler.flops import backward_flops, forward_flops, shape_of
from facula.profiler.memory import Memory
from facula.profiler.modules import ModuleTracker
from facula.profiler.trace import chrome_trace
from facula.tensors.tensor import Tensor


class ProfilerActivity(enum.Enum):
    """What a profile looks at; with CUDA it waits for the device after each op, so that its time is the op's own."""

    CPU = 0
    XPU = 1
    MTIA = 2
    CUDA = 3
    HPU = 4
    PrivateUse1 = 5


class ProfilerAction(enum.Enum):
    """What a profile does in a step: nothing, get ready, record, or record and hand over afterwards."""

    NONE = 0
    WARMUP = 1
    RECORD = 2
    RECORD_AND_SAVE = 3


_RECORDING = (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE)


def supported_activities() -> set[ProfilerActivity]:
    """The activities that can be recorded on this machine.

    >>> import facula
    >>> facula.profiler.ProfilerActivity.CPU in facula.profiler.supported_activities()
    True
    """
    try:
        cuda = devices.kind("cuda").is_available()
    except RuntimeError:  # CuPy is not installed
        cuda = False
    return {ProfilerActivity.CPU, ProfilerActivity.CUDA} if cuda else {ProfilerActivity.CPU}


def schedule(
    *, wait: int, warmup: int, active: int, repeat: int = 0, skip_first: int = 0, skip_first_wait: int = 0
) -> Callable[[int], ProfilerAction]:
    """Skip `skip_first` steps, then again and again: wait, warm up, record; `repeat` times, or without end if it is 0.

    With `skip_first_wait` the first cycle leaves its wait out.

    >>> import facula
    >>> plan = facula.profiler.schedule(wait=1, warmup=1, active=2, repeat=1)
    >>> [plan(step).name for step in range(5)]
    ['NONE', 'WARMUP', 'RECORD', 'RECORD_AND_SAVE', 'NONE']
    """
    if min(wait, warmup, repeat, skip_first) < 0 or active <= 0:
        raise assertion_error(
            "schedule: expected wait, warmup, repeat and skip_first of at least 0 and active of at least 1, got "
            f"wait={wait}, warmup={warmup}, active={active}, repeat={repeat}, skip_first={skip_first}. Record at least one step."
        )

    def plan(step: int) -> ProfilerAction:
        if step < 0:
            raise assertion_error(f"schedule: expected a step of at least 0, got {step}. Count steps from 0.")
        step -= skip_first
        if step < 0:
            return ProfilerAction.NONE
        if skip_first_wait:
            step += wait
        cycle = wait + warmup + active
        if repeat and step >= repeat * cycle:
            return ProfilerAction.NONE
        place = step % cycle
        if place < wait:
            return ProfilerAction.NONE
        if place < wait + warmup:
            return ProfilerAction.WARMUP
        return ProfilerAction.RECORD_AND_SAVE if place == cycle - 1 else ProfilerAction.RECORD

    return plan


def tensorboard_trace_handler(
    dir_name: str, worker_name: str | None = None, use_gzip: bool = False
) -> Callable[[profile], None]:
    """An `on_trace_ready` that writes each trace as `DIR/WORKER.TIME.pt.trace.json`, where TensorBoard's plugin looks."""

    def handler(prof: profile) -> None:
        os.makedirs(dir_name, exist_ok=True)
        worker = worker_name or f"{socket.gethostname()}_{os.getpid()}"
        suffix = ".gz" if use_gzip else ""
        prof.export_chrome_trace(os.path.join(dir_name, f"{worker}.{time.time_ns()}.pt.trace.json{suffix}"))

    return handler


class profile(Interpreter):
    """Record what the program does in this thread: ops, backward steps, optimizer steps, named regions, modules.

    `record_shapes` keeps the inputs' shapes, `profile_memory` counts the bytes of tensors, `with_flops` the arithmetic,
    `with_modules` adds an event for each call of a module, `with_stack` the lines that called. A `schedule` says in which
    steps (counted by `step()`) to record, and `on_trace_ready(prof)` is called after each cycle. While none is active, a
    program runs as if there were no profiler.

    >>> import facula
    >>> model = facula.nn.Sequential(facula.nn.Linear(8, 4), facula.nn.ReLU())
    >>> with facula.profiler.profile(with_flops=True, with_modules=True) as prof:
    ...     y = model(facula.ones(2, 8))
    >>> [(event.name, event.flops) for event in prof.events() if event.kind == "op"]
    [('linear', 128), ('relu', 0)]
    >>> [average.key for average in prof.modules()]
    ['Sequential', 'Sequential.0', 'Sequential.1']
    """

    def __init__(
        self,
        *,
        activities: Iterable[ProfilerActivity] | None = None,
        schedule: Callable[[int], ProfilerAction] | None = None,
        on_trace_ready: Callable[[profile], Any] | None = None,
        record_shapes: bool = False,
        profile_memory: bool = False,
        with_stack: bool = False,
        with_flops: bool = False,
        with_modules: bool = False,
        experimental_config: Any = None,
        execution_trace_observer: Any = None,
        acc_events: bool = False,
        use_cuda: bool | None = None,
    ) -> None:
        self.activities = set(supported_activities() if activities is None else activities)
        if use_cuda:
            self.activities.add(ProfilerActivity.CUDA)
        if not self.activities:
            raise assertion_error("profile: expected at least one activity, got none. Pass [ProfilerActivity.CPU].")
        self.schedule, self.on_trace_ready = schedule, on_trace_ready
        self.record_shapes, self.with_stack, self.with_flops = record_shapes, with_stack, with_flops
        self.profile_memory, self.with_modules, self.acc_events = profile_memory, with_modules, acc_events
        self.step_num = 0
        self.current_action = self._planned()
        self.metadata: dict[str, Any] = {}
        self.records_events = False  # what `record_function` asks
        self._step: record_function | None = None
        self._tracker = ModuleTracker(self._entered, self._left) if with_modules else None
        self._forget()

    def _forget(self) -> None:
        self._events: list[FunctionEvent] = []
        self._open: list[FunctionEvent] = []
        self._made: weakref.WeakKeyDictionary[Any, FunctionEvent] = weakref.WeakKeyDictionary()
        self._memory = Memory() if self.profile_memory else None

    def _planned(self) -> ProfilerAction:
        return ProfilerAction.RECORD if self.schedule is None else self.schedule(self.step_num)

    def __enter__(self) -> profile:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begin with the first step; what `with` does."""
        if self.current_action in _RECORDING:
            self._record()
        self._name_step()

    def stop(self) -> None:
        """End, and hand over what was recorded."""
        self._end_step()
        if self.records_events:
            self._rest()
            self._hand_over()

    def step(self) -> None:
        """Say that the next step begins; the schedule decides what is done in it."""
        self._end_step()
        before, self.step_num = self.current_action, self.step_num + 1
        self.current_action = self._planned()
        if self.records_events and (before is ProfilerAction.RECORD_AND_SAVE or self.current_action not in _RECORDING):
            self._rest()
            self._hand_over()
        if self.current_action in _RECORDING and not self.records_events:
            self._record()
        self._name_step()

    def _name_step(self) -> None:
        if self.schedule is not None:
            self._step = record_function(f"ProfilerStep#{self.step_num}").__enter__()

    def _end_step(self) -> None:
        if self._step is not None:
            self._step.__exit__()
            self._step = None

    def _hand_over(self) -> None:
        if self.on_trace_ready is not None:
            self.on_trace_ready(self)

    def _record(self) -> None:
        if not self.acc_events:
            self._forget()
        self.records_events = True
        super().__enter__()
        if self._tracker is not None:
            self._tracker.start()
        self._handles = [
            register_optimizer_step_pre_hook(self._optimizer_starts),
            register_optimizer_step_post_hook(self._optimizer_ends),
        ]

    def _rest(self) -> None:
        self.records_events = False
        state.interpreters = [i for i in state.interpreters if i is not self]
        state.set_grad(state.grad)
        if self._tracker is not None:
            self._tracker.stop()
        for handle in self._handles:
            handle.remove()
        while self._open:
            self.finish(self._open[-1])

    def begin(self, name: str, kind: str) -> FunctionEvent:
        """Open an event inside of those that are open."""
        parent = self._open[-1] if self._open else None
        module = self._tracker.path if self._tracker is not None else ""
        event = FunctionEvent(name, kind, len(self._events), parent, module)
        if parent is not None:
            parent.cpu_children.append(event)
        if self.with_stack:
            event.stack = _lines()
        self._events.append(event)
        self._open.append(event)
        if self._memory is not None:
            event.alive = self._memory.alive
        event.start = now()
        return event

    def finish(self, event: FunctionEvent, end: int | None = None) -> None:
        """Close an event, and any that an error left open inside of it."""
        if event not in self._open:  # opened before recording ended or began anew
            return
        end = now() if end is None else end
        while True:
            last = self._open.pop()
            last.end = end
            if self._memory is not None:
                last.cpu_memory_usage = self._memory.alive - last.alive
            if last is event:
                return

    def process(self, op: Any, inputs: tuple[Any, ...], attrs: tuple[Any, ...]) -> Any:
        event = self.begin(op.name.removesuffix("_op"), "op")
        try:
            result = _straight(op, inputs, attrs)
        except BaseException:
            self.finish(event)
            raise
        results = result if isinstance(result, tuple) else (result,)
        end = self._waited(event, results)
        if self.record_shapes:
            event.input_shapes = [shape_of(x) or [] for x in inputs]
        if self.with_flops:
            event.flops = forward_flops(op, inputs, result)
        if self._memory is not None:
            self._memory.look(inputs, 0 if op.view else results)
        node = results[0].node
        if node is not None:
            self._made[node.parent if type(node) is Pick else node] = event
        self.finish(event, end)
        return result

    def recorded(self, node: Any) -> None:
        if self._open:
            self._made[node] = self._open[-1]

    def _waited(self, event: FunctionEvent, results: Any) -> int:
        """The time at which the results are there, on a device too if that was asked for."""
        if ProfilerActivity.CUDA in self.activities:
            t = next((r for r in results if isinstance(r, Tensor) and not r.is_cpu), None)
            if t is not None:
                devices.kind_of(t.array).synchronize()
                end = now()
                for around in self._open:
                    around.device_time_total += (end - event.start) / 1e3
                return end
        return now()

    def around_backward(self, step: Callable[..., Any], sink: Callable[..., None]) -> tuple[Any, Any]:
        """Time each step of backward, run as it is without a profiler, and each gradient's arrival at a leaf."""

        def timed_step(node: Any, g: Any, create_graph: bool) -> Any:
            event = self.begin(node.name(), "backward")
            event.forward = self._made.get(node)
            around = state.interpreters
            state.interpreters = [i for i in around if i is not self]
            state.set_grad(state.grad)
            try:
                results = step(node, g, create_graph)
            except BaseException:
                self.finish(event)
                raise
            finally:
                state.interpreters = around
                state.set_grad(state.grad)
            end = self._waited(event, results)
            if event.forward is not None:
                event.module = event.forward.module
                event.flops = backward_flops(node, event.forward.flops)
            if self._memory is not None:
                self._memory.look(g if isinstance(g, (list, tuple)) else (g,), results)
            self.finish(event, end)
            return results

        def timed_sink(node: Any, g: Any, owned: bool) -> None:
            event = self.begin("AccumulateGrad", "backward")
            try:
                sink(node, g, owned)
            finally:
                self.finish(event)

        return timed_step, timed_sink

    def _entered(self, path: str, module: Module) -> None:
        self.begin(path, "module")

    def _left(self, path: str, module: Module, output: Any) -> None:
        for event in reversed(self._open):
            if event.kind == "module" and event.name == path:
                self.finish(event)
                return

    def _optimizer_starts(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        self.begin(f"Optimizer.step#{type(optimizer).__name__}.step", "user")

    def _optimizer_ends(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        name = f"Optimizer.step#{type(optimizer).__name__}.step"
        event = next((e for e in reversed(self._open) if e.name == name), None)
        if event is not None:
            self.finish(event)

    def events(self) -> EventList:
        """All events in the order in which they began."""
        return EventList(self._events, self.profile_memory, self.with_flops)

    def key_averages(self, group_by_input_shape: bool = False, group_by_stack_n: int = 0) -> EventList:
        """The events summed by name; by shapes too (with `record_shapes`), by the innermost calling lines too (`with_stack`)."""
        return self.events().key_averages(group_by_input_shape, group_by_stack_n)

    def modules(self) -> EventList:
        """The calls of modules summed by path: time in forward and backward, calls, bytes, FLOPs.

        Errors: RuntimeError without `with_modules=True`.
        """
        if not self.with_modules:
            raise runtime_error("profile.modules: expected with_modules=True, got False. Pass it to profile().")
        return self.events().module_averages()

    def add_metadata(self, key: str, value: str) -> None:
        """Put a text under `key` into the trace file."""
        self.metadata[key] = value

    def add_metadata_json(self, key: str, value: str) -> None:
        """Put a JSON value, given as text, under `key` into the trace file."""
        self.metadata[key] = json.loads(value)

    def export_chrome_trace(self, path: str) -> None:
        """Write a trace that chrome://tracing and ui.perfetto.dev open; compressed if the name ends in .gz."""
        memory = self._memory.samples if self._memory is not None else []
        text = json.dumps({**chrome_trace(self._events, memory), **self.metadata})
        data = text.encode()
        Path(path).write_bytes(gzip.compress(data) if str(path).endswith(".gz") else data)

    def export_stacks(self, path: str, metric: str = "self_cpu_time_total") -> None:
        """Write `caller;callee;op microseconds` lines, which flame graphs are drawn from; needs `with_stack=True`."""
        if not self.with_stack:
            raise runtime_error("export_stacks: expected with_stack=True, got False. Pass it to profile().")
        lines = [
            f"{';'.join([*reversed(e.stack), e.name])} {int(getattr(e, metric))}\n" for e in self._events if e.stack
        ]
        Path(path).write_text("".join(lines), encoding="utf-8")


def _straight(op: Any, inputs: tuple[Any, ...], attrs: tuple[Any, ...]) -> Any:
    """Call an op by its own door, so that what is timed is what runs without a profiler."""
    named = dict(zip(op.attrs, attrs, strict=True))
    if op.variadic:
        return op.door(*inputs, **named)
    positional = [named.pop(a) for a in op.attrs if a not in op.keyword_only]
    return op.door(*inputs, *positional, **named)


def _lines() -> list[str]:
    """The calling lines that are not ours, innermost first."""
    frame: Any = sys._getframe(1)
    lines = []
    while frame is not None:
        if frame.f_globals.get("__name__", "").partition(".")[0] != "facula":
            lines.append(f"{frame.f_code.co_filename}({frame.f_lineno}): {frame.f_code.co_name}")
        frame = frame.f_back
    return lines
