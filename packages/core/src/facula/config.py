"""The settings of the process, all in one place: the environment's, each read when it is asked for, and the threads."""

from __future__ import annotations

import functools
import os
from pathlib import Path

from facula.errors import runtime_error, type_error

__all__ = ["SETTINGS", "get_num_threads", "home", "kernels_allowed", "plugin_filter", "set_num_threads"]

SETTINGS = {
    "FACULA_HOME": "folder of downloaded datasets and weights and of compiled kernels (default: facula in the user's cache folder)",
    "FACULA_KERNELS": "0 forbids compiled kernels: all operators run in plain NumPy (default: 1)",
    "FACULA_PLUGINS": "plugins to load: 'a,b' loads only these, '-a' loads all but this one (default: all)",
}


def home() -> Path:
    """The folder where datasets and weights are kept: `FACULA_HOME`, or `facula` in the user's cache folder."""
    chosen = os.environ.get("FACULA_HOME")
    if chosen:
        return Path(chosen).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "facula"


def kernels_allowed() -> bool:
    """Whether operators may run as compiled loops: `FACULA_KERNELS` is not 0."""
    return os.environ.get("FACULA_KERNELS", "1") != "0"


def plugin_filter() -> tuple[frozenset[str], frozenset[str]]:
    """`FACULA_PLUGINS` as (only these, none of these); an empty first set means no restriction."""
    words = [word.strip() for word in os.environ.get("FACULA_PLUGINS", "").split(",")]
    only = frozenset(word for word in words if word and not word.startswith("-"))
    never = frozenset(word[1:].strip() for word in words if word.startswith("-"))
    return only, never


_threads: int | None = None


def get_num_threads() -> int:
    """The number of threads that one op may use: what `set_num_threads` said, else the processors of this process.

    >>> import facula
    >>> facula.get_num_threads() >= 1
    True
    """
    return _threads or _processors()


@functools.cache
def _processors() -> int:
    """How many processors this process may use, as it was when first asked: every op wants to know."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def set_num_threads(count: int, /) -> None:
    """Let one op use this many threads, in our kernels and in BLAS alike.

    Errors: TypeError for what is no int; RuntimeError for a number below one.

    >>> import facula
    >>> before = facula.get_num_threads()
    >>> facula.set_num_threads(1)
    >>> facula.get_num_threads()
    1
    >>> facula.set_num_threads(before)
    """
    from threadpoolctl import threadpool_limits  # reads the libraries that are loaded: slow, and rarely asked for

    if not isinstance(count, int) or isinstance(count, bool):
        raise type_error(f"set_num_threads: expected an int, got {type(count).__name__}. Pass e.g. 4.")
    if count < 1:
        raise runtime_error(
            f"set_num_threads: expected a positive integer, got {count}. Pass 1 to use no other thread."
        )
    threadpool_limits(limits=count, user_api="blas")
    use_threads(count)


def use_threads(count: int) -> None:
    """What `get_num_threads` says from now on; BLAS is left alone."""
    global _threads
    _threads = count
