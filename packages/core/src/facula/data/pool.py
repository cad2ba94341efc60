"""The parent's side of a loader's worker processes."""

from __future__ import annotations

import contextlib
import mmap
import multiprocessing
import signal
import time
import warnings
import weakref
from collections import deque
from dataclasses import replace
from multiprocessing import connection as pipes
from typing import TYPE_CHECKING, Any

from facula.data.channel import Channel, PicklingError
from facula.data.packed import long_lists, packed_whole
from facula.data.workers import Setup, progress_of, run_worker
from facula.devices.threads import single_blas
from facula.errors import runtime_error

if TYPE_CHECKING:
    from facula.data.loader import DataLoader

_CHECK = 1.0  # seconds between looks whether all workers live
_GRACE = 1.0  # seconds that a worker has to finish its batch when it is told to end
_pools: weakref.WeakSet[Pool] = weakref.WeakSet()


class Pool:
    """The workers of a loader: each answers the tasks that it is given, in their order."""

    def __init__(self, loader: DataLoader[Any]) -> None:
        self.count = loader.num_workers
        self.prefetch = loader.prefetch_factor or 1  # batches that each worker is asked for ahead of time
        self.passes = 0
        self.timeout = loader.timeout
        self.processes: list[Any] = []
        self.channels: list[Channel] = []
        self.under_way: list[deque[tuple[int, Any]]] = [deque() for _ in range(self.count)]
        self._backlog: list[list[Any]] = [[] for _ in range(self.count)]  # messages to workers that are not there yet
        self._context: Any = loader.multiprocessing_context or multiprocessing.get_context()
        self._forks = self._context.get_start_method() == "fork"
        self.progress: Any = mmap.mmap(-1, 8 * self.count) if self._forks else self._context.RawArray("q", self.count)
        recipe = loader._recipe()
        packed: list[Any] = []
        if self._forks:
            packed = list(long_lists(recipe.dataset))
            recipe.dataset = packed_whole(recipe.dataset)
        self._setup = Setup(recipe, loader._is_stream, loader._auto_collation, 0, self.count, self.progress, packed)
        _pools.add(self)
        self._held = contextlib.ExitStack()
        self.close = weakref.finalize(self, _shut_down, self.processes, self.channels, self._held)

    def start(self) -> None:
        """Start the workers, unless they run already; each finds its first task when it begins.

        A fork ends the threads of OpenBLAS, and whoever sets their number starts new ones, which take a processor for some time.
        So the number is set to one ahead, which workers inherit, and set back when they are gone.
        """
        if self._forks and not self.processes:
            self._held.enter_context(single_blas())
        try:
            for worker in range(len(self.processes), self.count):
                self._start(worker)
        except BaseException:
            self.close()
            raise

    def _start(self, worker: int) -> None:
        ours, theirs = self._context.Pipe()
        channel, backlog = Channel(ours), self._backlog[worker]
        for message in backlog[:2]:  # more might fill the pipe, which nobody reads yet
            channel.send(message)
        others = [other.connection for pool in _pools for other in pool.channels]
        setup = replace(self._setup, worker=worker)
        process = self._context.Process(
            target=run_worker, args=(setup, theirs, [*others, ours] if self._forks else []), daemon=True
        )
        try:
            with warnings.catch_warnings():  # threads of BLAS are idle here; workers hold no lock of theirs
                warnings.filterwarnings("ignore", message=".*multi-threaded.*", category=DeprecationWarning)
                process.start()
        except (PicklingError, AttributeError, TypeError) as error:
            ours.close()
            raise type(error)(_cannot_start(self._context.get_start_method(), error)) from error
        finally:
            theirs.close()
        self.processes.append(process)
        self.channels.append(channel)
        for message in backlog[2:]:
            self._send(worker, message)
        backlog.clear()

    def begin(self, base: int, epoch: int | None, lanes: int = 0, saved: Any = None) -> None:
        """Begin a pass; answers of a broken-off one are read and thrown away."""
        while any(self.under_way):
            self.receive()
        for worker in range(self.count):
            numbers = list(range(worker, max(lanes, 1), self.count))
            self._send(worker, ("pass", base, epoch, numbers, lanes, saved))

    def ask(self, token: int, job: Any, worker: int | None = None) -> None:
        """Give a task to a worker: by default to the one with the fewest."""
        if worker is None:
            worker = min(range(self.count), key=lambda i: len(self.under_way[i]))
        self.under_way[worker].append((token, job))
        self._send(worker, (token, job))

    def _send(self, worker: int, message: Any) -> None:
        if worker >= len(self.channels):
            self._backlog[worker].append(message)
            return
        try:
            self.channels[worker].send(message)
        except (BrokenPipeError, ConnectionResetError):
            self._raise_if_dead(wait=1.0)
            raise

    def receive(self) -> tuple[int, Any]:
        """Wait for one answer of any worker."""
        deadline = time.monotonic() + self.timeout if self.timeout else None
        workers = {channel.connection: worker for worker, channel in enumerate(self.channels)}
        while True:
            left = _CHECK if deadline is None else max(0.0, min(_CHECK, deadline - time.monotonic()))
            for pipe in pipes.wait(list(workers), left):
                worker = workers[pipe]  # type: ignore[index]
                try:
                    token, answer = self.channels[worker].receive()
                except (EOFError, OSError):
                    self._raise_if_dead(wait=1.0)
                    raise
                self.under_way[worker].popleft()
                return token, answer
            self._raise_if_dead()
            if deadline is not None and time.monotonic() >= deadline:
                raise runtime_error(
                    f"DataLoader timed out after {self.timeout} seconds. Raise timeout, or look for a sample that hangs."
                )

    def _raise_if_dead(self, wait: float = 0.0) -> None:
        deadline = time.monotonic() + wait
        while not (dead := [i for i, process in enumerate(self.processes) if not process.is_alive()]):
            if time.monotonic() >= deadline:
                return
            time.sleep(0.01)
        found = [
            f"worker {i} (pid {self.processes[i].pid}) {_how(self.processes[i].exitcode)} {self._at(i)}" for i in dead
        ]
        self.close()
        raise runtime_error(
            f"DataLoader: expected {self.count} workers to run, got {', '.join(found)}. "
            "Run with num_workers=0 to see the error, or lower memory use."
        )

    def _at(self, worker: int) -> str:
        """Which sample a worker was at."""
        if not self.under_way[worker]:
            return "between batches"
        (token, job), place = self.under_way[worker][0], progress_of(self.progress)[worker]
        if isinstance(job, int):
            return f"in share {job} of the stream"
        if isinstance(job, list) and 0 <= place < len(job):
            return f"at sample {job[place]} of batch {token}"
        return f"in batch {token}"


def _cannot_start(method: str, error: Exception) -> str:
    return (
        f"DataLoader: expected a dataset, collate_fn and worker_init_fn that can be sent to a worker of start method {method!r}, "
        f"got {type(error).__name__}: {error}. Define classes and functions at the top of a module, or pass "
        "multiprocessing_context='fork'."
    )


def _how(exitcode: int | None) -> str:
    if exitcode is None:
        return "gone"
    if exitcode < 0:
        return f"killed by signal: {signal.Signals(-exitcode).name}"
    return f"exited unexpectedly with code {exitcode}"


def _shut_down(processes: list[Any], channels: list[Channel], held: contextlib.ExitStack) -> None:
    """Ask the workers to end, wait a little, end the rest; afterwards nothing of them is left."""
    with held:  # BLAS is set back even where Ctrl-C ends the waiting
        for channel in channels:
            with contextlib.suppress(OSError, ValueError):
                channel.send(None)
            with contextlib.suppress(OSError):
                channel.connection.close()
        deadline = time.monotonic() + _GRACE
        for process in processes:
            process.join(max(0.0, deadline - time.monotonic()))
            if process.is_alive():
                process.terminate()
                process.join(1.0)
            if process.is_alive():
                process.kill()
                process.join()
    channels.clear()
    processes.clear()
