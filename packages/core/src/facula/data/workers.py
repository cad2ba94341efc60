"""What runs in a worker process of a loader."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import traceback
from dataclasses import dataclass
from typing import Any

from facula import config
from facula.data.channel import Channel
from facula.data.fetch import MapFetcher, SampleError
from facula.data.info import WorkerInfo, set_worker_info
from facula.data.lanes import Lanes, Recipe
from facula.data.seeds import batch_seed, seed_everything
from facula.devices.threads import single_blas

_PARENT_CHECK = 1.0  # seconds between looks whether the parent still lives
_unpacked: list[Any] = []


@dataclass
class Setup:
    """All that a worker must know; sent once."""

    recipe: Recipe
    stream: bool
    batched: bool
    worker: int
    count: int
    progress: Any  # shared with the parent: which sample of its batch each worker is at
    packed: list[tuple[Any, str, Any]]


class Failure:
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


def _rebuild_failure(kind: Any, message: str) -> Failure:
    failure = object.__new__(Failure)
    failure.kind, failure.message = kind, message
    return failure


def progress_of(shared: Any) -> Any:
    """The numbers in the memory that tells which sample of its batch each worker is at."""
    return memoryview(shared).cast("B").cast("q")


def run_worker(setup: Setup, own: Any, inherited: list[Any]) -> None:
    """The life of a worker: it answers tasks of its channel until that is closed, or its parent is gone."""
    for other in inherited:
        other.close()  # ends of other workers' pipes, copied by fork
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when to stop
    gc.freeze()  # else a collection would write to, and so copy, every page that the parent shares
    for holder, name, packed in setup.packed:
        _unpacked.append(vars(holder)[name])  # freeing the list would write to all of its items
        vars(holder)[name] = packed
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        _Worker(setup, Channel(own)).run()


class _Worker:
    def __init__(self, setup: Setup, channel: Channel) -> None:
        self.setup, self.channel = setup, channel
        recipe = setup.recipe
        self.base = 0
        self.started = False
        self.start_failure: Failure | None = None
        progress = progress_of(setup.progress)[setup.worker :]
        self.lanes = Lanes(recipe, progress)
        self.fetcher = MapFetcher(recipe.dataset, setup.batched, recipe.collate, progress)

    def run(self) -> None:
        """`("pass", ...)` begins a pass, `(token, job)` asks for a batch, None ends it."""
        _one_thread()
        parent = os.getppid()
        while True:
            while not self.channel.connection.poll(_PARENT_CHECK):
                if os.getppid() != parent:
                    return
            task = self.channel.receive()
            if task is None:
                return
            if task[0] == "pass":
                self._begin(*task[1:])
                continue
            token, job = task
            answer = self._make(token, job)
            try:
                self.channel.send((token, answer))
            except (BrokenPipeError, ConnectionResetError):
                return
            except Exception as error:  # a batch that cannot be pickled
                self.channel.send((token, Failure(error, self.setup.worker)))

    def _begin(self, base: int, epoch: int | None, numbers: list[int], count: int, saved: Any) -> None:
        """A new pass: seed the worker, run the user's function once, and open the dataset."""
        setup, recipe = self.setup, self.setup.recipe
        self.base, self.start_failure = base, None
        try:
            seed_everything(base + setup.worker)
            if epoch is not None:
                recipe.dataset.set_epoch(epoch)
            if setup.stream:
                self.lanes.begin(base, numbers, count, saved)
            else:
                seed = base + setup.worker
                set_worker_info(WorkerInfo(setup.worker, setup.count, seed, recipe.dataset, recipe.batch_size))
                if not self.started and recipe.init is not None:
                    recipe.init(setup.worker)
            self.started = True
        except Exception as error:
            self.start_failure = Failure(error, setup.worker)

    def _make(self, token: int, job: Any) -> Any:
        if self.start_failure is not None:
            return self.start_failure
        try:
            if self.setup.stream:
                return self.lanes.fetch(job)
            seed_everything(batch_seed(self.base, token))
            return self.fetcher.fetch(job)
        except SampleError as error:
            return Failure(error.__cause__ or error, self.setup.worker, error.index)
        except Exception as error:
            return Failure(error, self.setup.worker)


def _one_thread() -> None:
    """Workers share the processors with each other and with training; those of a fork find BLAS at one thread already."""
    config.use_threads(1)
    contextlib.ExitStack().enter_context(single_blas())
