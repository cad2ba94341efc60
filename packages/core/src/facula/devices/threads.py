"""Work on NumPy arrays shared out to threads: NumPy lets go of the interpreter's lock inside its loops and BLAS.

While several threads work, BLAS is held to one thread each: threads inside threads fight for the cores. One pool serves
the process; the calling thread works too. A child process begins with a pool of its own.
"""

from __future__ import annotations

import contextvars
import ctypes
import functools
import itertools
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from queue import SimpleQueue
from typing import Any, Protocol

import numpy as np

from facula.config import get_num_threads

_Setter = Callable[[int], object]
BLOCK = 1 << 15  # numbers of which a few arrays fit a core's cache


class _Local(threading.local):
    inside = False  # this thread is doing a share: what it calls runs where it is


class _Blas:
    """Counts who holds BLAS to one thread; the first one in sets it, the last one out restores it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.holders = 0
        self.before: list[tuple[_Setter, int]] = []

    def __enter__(self) -> None:
        with self.lock:
            self.holders += 1
            if self.holders > 1:
                return
            self.before = []
            for get, put in _libraries():
                count = get()
                if count > 1:  # to set it in a child process starts threads
                    put(1)
                    self.before.append((put, count))

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.holders -= 1
            if not self.holders:
                for put, count in self.before:
                    put(count)


@functools.cache
def _libraries() -> list[tuple[Callable[[], int], _Setter]]:
    """For each BLAS in the process, how to ask for its number of threads and how to set it."""
    from threadpoolctl import ThreadpoolController

    return [_controls(library) for library in ThreadpoolController().select(user_api="blas").lib_controllers]


def _controls(library: Any) -> tuple[Callable[[], int], _Setter]:
    """OpenBLAS's own functions where its threads are its own: threadpoolctl lets only one thread of a process set them."""
    if library.internal_api == "openblas" and library.threading_layer == "pthreads":
        for prefix in ("", "scipy_"):
            for suffix in ("", "64_", "_64"):
                get = getattr(library.dynlib, f"{prefix}openblas_get_num_threads{suffix}", None)
                if get is not None:
                    return get, getattr(library.dynlib, f"{prefix}openblas_set_num_threads{suffix}")
    return library.get_num_threads, library.set_num_threads


class _Job:
    """Pieces of work: whoever is free does the next one, and who finishes the last one says so."""

    def __init__(self, work: Callable[[int, int], object], pieces: list[tuple[int, int]]) -> None:
        self.work, self.left = work, deque(pieces)
        self.done, self.last = itertools.count(1), len(pieces)
        self.error: BaseException | None = None
        self.finished = threading.Lock()
        self.finished.acquire()

    def drain(self) -> None:
        """Do pieces until none is left; after an error the others are dropped."""
        _local.inside = True
        try:
            while self.left:
                self._do(*self.left.popleft())
        except IndexError:  # another thread took the last one
            pass
        finally:
            _local.inside = False

    def _do(self, start: int, stop: int) -> None:
        try:
            if self.error is None:
                self.work(start, stop)
        except BaseException as error:
            self.error = error
        finally:
            if next(self.done) == self.last:
                self.finished.release()


class Between(Protocol):
    """What helpers do between jobs, until they are called: see `facula.ops.kernels.crew`."""

    errands: ctypes.c_int64  # calls so far

    def stay(self, number: int, errands: int) -> object:
        """Return after a while, or once the number of calls is another."""

    def forget(self) -> None:
        """Begin again in a child process."""


class Helpers:
    """Threads that wait for jobs; one that wakes up late finds its job done, and nobody waited for it."""

    between: Between | None = None

    def __init__(self) -> None:
        self.jobs: SimpleQueue[Callable[[], object]] = SimpleQueue()
        self.lock = threading.Lock()
        self.count = 0

    def call(self, drains: list[Callable[[], object]]) -> None:
        """Let one helper run each of these."""
        self._put(drains)
        if self.between is not None:
            self.between.errands.value += 1

    def wake(self, count: int) -> None:
        """Let so many helpers come to what they do between jobs, unless some are on their way."""
        if self.jobs.empty():
            self._put([int] * count)

    def _put(self, drains: list[Callable[[], object]]) -> None:
        if self.count < len(drains):
            with self.lock:
                while self.count < len(drains):
                    name = f"facula-{self.count + 1}"
                    threading.Thread(target=self._help, args=(self.count,), name=name, daemon=True).start()
                    self.count += 1
        for drain in drains:
            self.jobs.put(drain)

    def _help(self, number: int) -> None:
        jobs = self.jobs
        while True:
            jobs.get()()
            if self.between is not None:
                errands = self.between.errands.value
                if jobs.empty():
                    self.between.stay(number, errands)


def _in_context(drain: Callable[[], None]) -> Callable[[], None]:
    """With the settings of this thread, such as NumPy's for floating-point errors; a context is entered by one thread."""
    return functools.partial(contextvars.copy_context().run, drain)


_local = _Local()
_blas = _Blas()
helpers = Helpers()


def inside() -> bool:
    """Whether this thread is doing a share of something."""
    return _local.inside


def single_blas() -> _Blas:
    """While this is entered, BLAS uses one thread."""
    return _blas


def _forget() -> None:
    """In a child process the parent's threads do not exist."""
    helpers.__init__()  # type: ignore[misc]
    if helpers.between is not None:
        helpers.between.forget()
    _blas.__init__()  # type: ignore[misc]
    _local.inside = False


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def ranges(n: int, size: int, least: int = BLOCK) -> list[tuple[int, int]]:
    """Cut `n` rows of `size` numbers into (start, stop) of about `least` numbers each."""
    step = max(1, least // max(size, 1))
    return [(i, min(i + step, n)) for i in range(0, n, step)]


def share(work: Callable[[int, int], object], pieces: Iterable[tuple[int, int]], blas: bool = True) -> None:
    """Call `work(start, stop)` for every piece, on as many threads as one op may use; an error in one is raised.

    `blas` says whether the work is done by NumPy, which obeys settings of the thread, and may call BLAS, which is then
    held to one thread.
    """
    left = list(pieces)
    threads = min(get_num_threads(), len(left))
    if _local.inside:
        for start, stop in left:
            work(start, stop)
        return
    with _blas if blas else nullcontext():
        if threads < 2:
            for start, stop in left:
                work(start, stop)
            return
        job = _Job(work, left)
        helpers.call([_in_context(job.drain) if blas else job.drain for _ in range(threads - 1)])
        job.drain()
        job.finished.acquire()
    if job.error is not None:
        raise job.error


def blockwise(xp: Any, function: Callable[..., Any], first: Any, *others: Any) -> Any:
    """function(*arrays) for a function that acts number by number: NumPy's temporaries stay in the cache, block by block.

    The arrays have one shape and one type, and so has the result.
    """
    arrays = (first, *others)
    if first.size < 2 * BLOCK or not isinstance(first, np.ndarray) or not _alike(arrays):
        return function(xp, *arrays)
    out = np.empty(first.shape, first.dtype)
    flat, target = [a.reshape(-1) for a in arrays], out.reshape(-1)

    def work(start: int, stop: int) -> None:
        target[start:stop] = function(xp, *[a[start:stop] for a in flat])

    share(work, ranges(first.size, 1))
    return out


def _alike(arrays: tuple[Any, ...]) -> bool:
    first = arrays[0]
    return all(a.flags.c_contiguous and a.shape == first.shape and a.dtype == first.dtype for a in arrays)
