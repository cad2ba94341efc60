"""Worker processes of a loader: what runs in them, and the iterator that hands out their work in order."""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import os
import signal
import time
import traceback
import warnings
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing import connection as pipes
from typing import TYPE_CHECKING, Any

from facula.data.channel import Channel, remove_left_files
from facula.data.fetch import MapFetcher, SampleError, StreamFetcher
from facula.data.seeds import batch_seed, draw_seed, seed_everything
from facula.errors import runtime_error

if TYPE_CHECKING:
    from facula.data.loader import DataLoader

_PARENT_CHECK = 1.0  # seconds between looks whether the parent still lives
_GRACE = 1.0  # seconds that a worker has to finish its batch when it is told to end
_loaders = itertools.count()


@dataclass
class WorkerInfo:
    """What `get_worker_info()` returns in a worker."""

    id: int
    num_workers: int
    seed: int
    dataset: Any


_worker_info: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """The number, seed and dataset copy of the worker process that calls it; None in the main process."""
    return _worker_info


@dataclass
class _Setup:
    """All that a worker must know; sent once."""

    dataset: Any
    batched: bool
    collate: Callable[[Any], Any]
    drop_last: bool
    stream: bool
    init: Callable[[int], None] | None
    worker: int
    count: int
    prefix: str
    parent: int


class _Failure:
    """An exception on its way to the parent: its class, its text and its traceback."""

    def __init__(self, error: BaseException, worker: int, index: Any = None) -> None:
        self.kind: Any = type(error)
        where = "" if index is None else f", sample {index}"
        text = "".join(traceback.format_exception(error)).rstrip()
        self.message = (
            f"Caught {self.kind.__name__} in DataLoader worker process {worker}{where}.\nOriginal Traceback:\n{text}"
        )

    def __reduce__(self) -> Any:
        return _rebuild_failure, (self.kind, self.message)

    def raise_again(self) -> None:
        """Raise an exception of the same class, if it can be made from a message."""
        if self.kind is KeyError:
            raise KeyError(_Plain(self.message))
        try:
            error = self.kind(self.message)
        except Exception:
            error = RuntimeError(self.message)
        raise error


class _Plain(str):
    """KeyError prints its argument by `repr`; this one keeps its lines."""

    def __repr__(self) -> str:
        return str(self)


def _rebuild_failure(kind: Any, message: str) -> _Failure:
    failure = object.__new__(_Failure)
    failure.kind, failure.message = kind, message
    return failure


class _Ended:
    """A stream has no batch for this task."""


def _worker_main(setup: _Setup, own: Any, inherited: list[Any]) -> None:
    """The loop of a worker: `("epoch", seed)` starts a pass, `(place, numbers)` asks for a batch, None ends it."""
    for other in inherited:
        other.close()  # ends of other workers' pipes, copied by fork
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when to stop
    channel = Channel(own, setup.prefix)
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        _Worker(setup, channel).run()


class _Worker:
    def __init__(self, setup: _Setup, channel: Channel) -> None:
        self.setup, self.channel = setup, channel
        self.base = 0
        self.fetcher: Any = None
        self.start_failure: _Failure | None = None

    def run(self) -> None:
        _one_thread()
        started = False
        while True:
            while not self.channel.connection.poll(_PARENT_CHECK):
                if os.getppid() != self.setup.parent:
                    remove_left_files(self.setup.prefix)
                    return
            task = self.channel.receive()
            if task is None:
                return
            if task[0] == "epoch":
                self._begin(task[1], first=not started)
                started = True
                continue
            place, numbers = task
            self.channel.send((place, self._make(place, numbers)))

    def _begin(self, base: int, first: bool) -> None:
        """A new pass: seed the worker, run the user's function once, and open the dataset."""
        global _worker_info
        setup = self.setup
        self.base, self.start_failure = base, None
        _worker_info = WorkerInfo(setup.worker, setup.count, base + setup.worker, setup.dataset)
        try:
            seed_everything(base + setup.worker)
            if first and setup.init is not None:
                setup.init(setup.worker)
            if setup.stream:
                self.fetcher = StreamFetcher(setup.dataset, setup.batched, setup.collate, setup.drop_last)
            else:
                self.fetcher = MapFetcher(setup.dataset, setup.batched, setup.collate)
        except Exception as error:
            self.start_failure = _Failure(error, setup.worker)

    def _make(self, place: int, numbers: Any) -> Any:
        if self.start_failure is not None:
            return self.start_failure
        try:
            if not self.setup.stream:
                seed_everything(batch_seed(self.base, place))
            return self.fetcher.fetch(numbers)
        except StopIteration as error:
            return _Ended() if self.setup.stream else _Failure(error, self.setup.worker)
        except SampleError as error:
            return _Failure(error.__cause__ or error, self.setup.worker, error.index)
        except Exception as error:
            return _Failure(error, self.setup.worker)


def _one_thread() -> None:
    """Workers share the processors with each other and with training."""
    from facula import config

    set_threads: Callable[[int], None] | None = getattr(config, "set_num_threads", None)
    if set_threads is not None:
        set_threads(1)


class WorkerIterator:
    """Batches from worker processes, in the order of their numbers, with `prefetch_factor` of each worker under way."""

    def __init__(self, loader: DataLoader[Any]) -> None:
        self.loader = loader
        self.prefix = f"facula-{os.getpid()}-{next(_loaders)}-"
        context: Any = loader.multiprocessing_context or multiprocessing.get_context()
        self.processes: list[Any] = []
        self.channels: list[Channel] = []
        try:
            for worker in range(loader.num_workers):
                self._start(context, worker)
        except BaseException:
            _shut_down(self.processes, self.channels, self.prefix)
            raise
        self._finalizer = weakref.finalize(self, _shut_down, self.processes, self.channels, self.prefix)
        self.reset()

    def _start(self, context: Any, worker: int) -> None:
        loader = self.loader
        ours, theirs = context.Pipe()
        setup = _Setup(
            loader.dataset, loader._auto_collation, loader.collate_fn, loader.drop_last, loader._is_stream,
            loader.worker_init_fn, worker, loader.num_workers, self.prefix, os.getpid(),
        )  # fmt: skip
        forks = context.get_start_method() == "fork"
        inherited = [channel.connection for channel in self.channels] + [ours] if forks else []
        process = context.Process(target=_worker_main, args=(setup, theirs, inherited), daemon=True)
        with warnings.catch_warnings():  # threads of BLAS are idle here; workers hold no lock of theirs
            warnings.filterwarnings("ignore", message=".*multi-threaded.*", category=DeprecationWarning)
            process.start()
        theirs.close()
        self.processes.append(process)
        self.channels.append(Channel(ours, self.prefix))

    def reset(self) -> None:
        """Begin a pass; batches of a broken-off one are read and thrown away."""
        while getattr(self, "waiting", 0):
            self._receive()
        loader = self.loader
        self.base = draw_seed(loader.generator)
        self.indices: Iterator[Any] = iter(loader._index_sampler)
        self.next_task = 0  # number of the next task to hand out
        self.next_batch = 0  # number of the next batch to return
        self.waiting = 0  # tasks handed out and not yet answered
        self.ready: dict[int, Any] = {}
        self.active = [True] * loader.num_workers
        self.turn = itertools.cycle(range(loader.num_workers))
        self.owner: dict[int, int] = {}
        self.yielded = 0
        for channel in self.channels:
            self._send(channel, ("epoch", self.base))
        for _ in range(loader.num_workers * (loader.prefetch_factor or 1)):
            self._hand_out()

    def __iter__(self) -> WorkerIterator:
        return self

    def __len__(self) -> int:
        return len(self.loader)

    def _send(self, channel: Channel, message: Any) -> None:
        try:
            channel.send(message)
        except (BrokenPipeError, ConnectionResetError):
            self._raise_if_dead()
            raise

    def _hand_out(self) -> None:
        """Give the next task to the next worker that still has samples."""
        for _ in range(self.loader.num_workers):
            worker = next(self.turn)
            if self.active[worker]:
                break
        else:
            return
        try:
            numbers = next(self.indices)
        except StopIteration:
            return
        self.owner[self.next_task] = worker
        self._send(self.channels[worker], (self.next_task, numbers))
        self.next_task += 1
        self.waiting += 1

    def __next__(self) -> Any:
        try:
            while True:
                if self.next_batch >= self.next_task:
                    self._finish()
                    raise StopIteration
                if self.next_batch not in self.ready:
                    self._receive()
                    continue
                batch = self.ready.pop(self.next_batch)
                worker = self.owner.pop(self.next_batch)
                self.next_batch += 1
                if isinstance(batch, _Ended):
                    self.active[worker] = False
                    self._hand_out()
                    continue
                self._hand_out()
                if isinstance(batch, _Failure):
                    batch.raise_again()
                self.yielded += 1
                self.loader._check_length(self.yielded)
                return batch
        except (StopIteration, KeyboardInterrupt):
            raise
        except BaseException:
            if not self.loader.persistent_workers:
                self._finalizer()
            raise

    def _receive(self) -> None:
        """Wait for one answer of any worker."""
        deadline = time.monotonic() + self.loader.timeout if self.loader.timeout else None
        by_pipe = {channel.connection: channel for channel in self.channels}
        while True:
            left = _PARENT_CHECK if deadline is None else max(0.0, min(_PARENT_CHECK, deadline - time.monotonic()))
            found = pipes.wait(list(by_pipe), left)
            for pipe in found:
                try:
                    place, batch = by_pipe[pipe].receive()  # type: ignore[index]
                except (EOFError, ConnectionResetError):
                    self._raise_if_dead(wait=1.0)
                    raise
                self.ready[place] = batch
                self.waiting -= 1
                return
            self._raise_if_dead()
            if deadline is not None and time.monotonic() >= deadline:
                raise runtime_error(
                    f"DataLoader timed out after {self.loader.timeout} seconds. Raise timeout, or look for a sample that hangs."
                )

    def _raise_if_dead(self, wait: float = 0.0) -> None:
        dead = []
        for worker, process in enumerate(self.processes):
            process.join(wait)
            if not process.is_alive():
                dead.append(f"worker {worker} (pid {process.pid}) {_how(process.exitcode)}")
        if dead:
            self.loader._iterator = None
            self._finalizer()
            lost = sorted(task for task in self.owner if task not in self.ready)
            raise runtime_error(
                f"DataLoader: expected {self.loader.num_workers} workers to run, got {', '.join(dead)}, while batches {lost[:8]} "
                "were under way. Run with num_workers=0 to see the error, or lower memory use."
            )

    def _finish(self) -> None:
        if not self.loader.persistent_workers:
            self._finalizer()


def _how(exitcode: int | None) -> str:
    if exitcode is None:
        return "gone"
    if exitcode < 0:
        return f"killed by signal: {signal.Signals(-exitcode).name}"
    return f"exited unexpectedly with code {exitcode}"


def _shut_down(processes: list[Any], channels: list[Channel], prefix: str) -> None:
    """Ask the workers to end, wait a little, end the rest; afterwards nothing of them is left."""
    for channel in channels:
        with contextlib.suppress(OSError, ValueError):
            channel.send(None)
    for channel in channels:
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
    remove_left_files(prefix)
