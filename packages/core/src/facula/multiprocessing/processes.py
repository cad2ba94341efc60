"""`spawn`: the same function in several processes, whose first error ends them all and is raised here."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from multiprocessing import connection
from typing import Any


class ProcessException(Exception):
    """A process of `spawn` failed: which one, and its pid."""

    def __init__(self, msg: str, error_index: int, pid: int) -> None:
        super().__init__(msg)
        self.msg, self.error_index, self.pid = msg, error_index, pid

    def __reduce__(self) -> Any:
        return type(self), (self.msg, self.error_index, self.pid)


class ProcessRaisedException(ProcessException):
    """A process raised; the message holds its traceback."""


class ProcessExitedException(ProcessException):
    """A process ended by a signal or with another exit code than 0."""

    def __init__(
        self, msg: str, error_index: int, error_pid: int, exit_code: int, signal_name: str | None = None
    ) -> None:
        super().__init__(msg, error_index, error_pid)
        self.error_pid, self.exit_code, self.signal_name = error_pid, exit_code, signal_name

    def __reduce__(self) -> Any:
        return type(self), (self.msg, self.error_index, self.error_pid, self.exit_code, self.signal_name)


def _run(function: Callable[..., None], index: int, args: tuple[Any, ...], errors: Any) -> None:
    """What a process does: it ends with its parent, and tells the parent what it raised."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        function(index, *args)
    except KeyboardInterrupt:
        pass  # the parent has been interrupted too
    except Exception:
        errors.send(traceback.format_exc())
        sys.exit(1)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


class ProcessContext:
    """The processes of a `spawn(..., join=False)`."""

    def __init__(self, processes: list[Any], errors: list[Any]) -> None:
        self.processes = processes
        self._errors = errors
        self._left = {process.sentinel: index for index, process in enumerate(processes)}

    def pids(self) -> list[int]:
        """Their numbers in the system."""
        return [process.pid for process in self.processes]

    def join(self, timeout: float | None = None, grace_period: float | None = None) -> bool:
        """Wait until all have ended (True) or `timeout` seconds are over (False).

        If one fails the others are ended, with `grace_period` seconds to end by themselves. Raises ProcessRaisedException
        with its traceback, or ProcessExitedException with its exit code or signal.
        """
        ready = connection.wait(list(self._left), timeout) if self._left else []
        failed = None
        for sentinel in ready:
            index = self._left.pop(sentinel)
            self.processes[index].join()
            if self.processes[index].exitcode != 0 and failed is None:
                failed = index
        if failed is None:
            return not self._left
        self._end_all(grace_period)
        raise self._error(failed)

    def _end_all(self, grace_period: float | None) -> None:
        deadline = time.monotonic() + (grace_period or 0.0)
        for process in self.processes:
            if grace_period:
                process.join(max(0.0, deadline - time.monotonic()))
            if process.is_alive():
                process.terminate()
        for process in self.processes:
            process.join(30.0)
            if process.is_alive():
                process.kill()
                process.join()

    def _error(self, index: int) -> ProcessException:
        process = self.processes[index]
        try:
            text = self._errors[index].recv()
        except EOFError:  # it had no time to say anything
            return self._exited(index, process)
        return ProcessRaisedException(
            f"\n\n-- Process {index} terminated with the following error:\n{text}", index, process.pid
        )

    def _exited(self, index: int, process: Any) -> ProcessExitedException:
        code = process.exitcode
        if code < 0:
            name = signal.Signals(-code).name
            return ProcessExitedException(
                f"process {index} terminated with signal {name}", index, process.pid, code, name
            )
        return ProcessExitedException(f"process {index} terminated with exit code {code}", index, process.pid, code)


class SpawnContext(ProcessContext):
    """The older name of `ProcessContext`."""


def start_processes(
    fn: Callable[..., None],
    args: tuple[Any, ...] = (),
    nprocs: int = 1,
    join: bool = True,
    daemon: bool = False,
    start_method: str = "spawn",
) -> ProcessContext | None:
    """`spawn` with any start method of Python's ("fork", "spawn", "forkserver")."""
    context: Any = multiprocessing.get_context(start_method)
    processes, errors = [], []
    for index in range(nprocs):
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_run, args=(fn, index, args, theirs), daemon=daemon)
        process.start()
        theirs.close()
        processes.append(process)
        errors.append(ours)
    started = SpawnContext(processes, errors)
    if not join:
        return started
    while not started.join():
        pass
    return None


def spawn(
    fn: Callable[..., None],
    args: tuple[Any, ...] = (),
    nprocs: int = 1,
    join: bool = True,
    daemon: bool = False,
    start_method: str = "spawn",
) -> ProcessContext | None:
    """Run `fn(i, *args)` in `nprocs` new processes, i = 0, 1, ..., and wait for them.

    `fn` must be defined at the top of a module, and the program that calls `spawn` must be guarded by
    `if __name__ == "__main__":`. Tensors among the arguments are shared. With `join=False` a `ProcessContext` is returned at
    once. Errors of a process are raised here and end the others.

    >>> import facula, math
    >>> facula.multiprocessing.spawn(math.gcd, args=(6,), nprocs=2)
    """
    return start_processes(fn, args, nprocs, join, daemon, start_method)
