"""Work on NumPy arrays shared out to threads: NumPy lets go of the interpreter's lock inside its loops and BLAS.

While several threads work, BLAS is held to one thread each: threads inside threads fight for the cores. One pool serves
the process; the calling thread works too. A child process begins with a pool of its own.
"""

from __future__ import annotations

import contextvars
import functools
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np

from facula.config import get_num_threads

BLOCK = 1 << 15  # numbers of which a few arrays fit a core's cache


class _Local(threading.local):
    inside = False  # this thread is doing a share: what it calls runs where it is


class _Blas:
    """Counts who holds BLAS to one thread; the first one in sets it, the last one out restores it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.holders = 0
        self.before: list[tuple[Any, int]] = []

    @contextmanager
    def single(self) -> Iterator[None]:
        with self.lock:
            self.holders += 1
            if self.holders == 1:
                self.before = [(library, library.num_threads) for library in _libraries()]
                for library, _ in self.before:
                    library.set_num_threads(1)
        try:
            yield
        finally:
            with self.lock:
                self.holders -= 1
                if not self.holders:
                    for library, count in self.before:
                        library.set_num_threads(count)


@functools.cache
def _libraries() -> list[Any]:
    from threadpoolctl import ThreadpoolController

    return list(ThreadpoolController().select(user_api="blas").lib_controllers)


@functools.cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads - 1, thread_name_prefix="facula")


_local = _Local()
_blas = _Blas()
single_blas = _blas.single


def _forget() -> None:
    """In a child process the parent's threads do not exist."""
    _pool.cache_clear()
    _blas.__init__()  # type: ignore[misc]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def ranges(n: int, size: int, least: int = BLOCK) -> list[tuple[int, int]]:
    """Cut `n` rows of `size` numbers into (start, stop) of about `least` numbers each."""
    step = max(1, least // max(size, 1))
    return [(i, min(i + step, n)) for i in range(0, n, step)]


def share(work: Callable[[int, int], object], pieces: Iterable[tuple[int, int]], blas: bool = True) -> None:
    """Call `work(start, stop)` for every piece, on as many threads as one op may use; an error in one is raised.

    `blas` says whether the work may call BLAS, which is then held to one thread.
    """
    left = deque(pieces)
    threads = min(get_num_threads(), len(left))
    if threads < 2 or _local.inside:
        for start, stop in left:
            work(start, stop)
        return

    def drain() -> None:
        _local.inside = True
        try:
            while left:
                try:
                    piece = left.popleft()
                except IndexError:  # another thread took the last one
                    return
                work(*piece)
        except BaseException:
            left.clear()
            raise
        finally:
            _local.inside = False

    with _blas.single() if blas else nullcontext():
        helpers = [_pool(threads).submit(contextvars.copy_context().run, drain) for _ in range(threads - 1)]
        try:
            drain()
        finally:
            errors = [helper.exception() for helper in helpers]
    for error in errors:
        if error is not None:
            raise error


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


def shares(n: int) -> list[tuple[int, int]]:
    """Cut `n` items into one (start, stop) for each thread."""
    step = -(-n // get_num_threads())
    return [(i, min(i + step, n)) for i in range(0, n, max(step, 1))]
