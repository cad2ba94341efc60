"""`Work`: a collective that is on its way."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable
from typing import Any

from facula.errors import runtime_error

_ON_THE_WAY: set[Work] = set()  # keeps what is sent and received alive, though nobody may hold the handle


class Work:
    """The handle that a collective returns with `async_op=True`; its tensors hold the result after `wait()`.

    >>> from facula.distributed.work import Work
    >>> class Done:
    ...     def Test(self):
    ...         return True
    >>> Work(Done(), lambda: None, "all_reduce").is_completed()
    True
    """

    def __init__(self, request: Any, finish: Callable[[], Any], name: str) -> None:
        self._request, self._finish, self._name = request, finish, name
        self._done = False
        _ON_THE_WAY.add(self)

    def is_completed(self) -> bool:
        """Whether it has been done; if so, the tensors hold the result."""
        if not self._done and self._request.Test():
            self._end()
        return self._done

    def is_success(self) -> bool:
        """Whether it has been done without an error; MPI raises errors where they occur."""
        return self.is_completed()

    def wait(self, timeout: datetime.timedelta | None = None) -> bool:
        """Wait until it has been done, and return True.

        Errors: RuntimeError if that takes longer than `timeout`.
        """
        if timeout is None and not self._done:
            self._request.Wait()
            self._end()
        end = time.monotonic() + (timeout.total_seconds() if timeout is not None else 0.0)
        while not self.is_completed():
            if time.monotonic() > end:
                raise runtime_error(
                    f"{self._name}: expected to be done within {timeout}, got no answer. Check that all ranks call it."
                )
            time.sleep(1e-4)
        return True

    def _end(self) -> None:
        self._done = True
        _ON_THE_WAY.discard(self)
        self._finish()


def started(request: Any, finish: Callable[[], Any], name: str, async_op: bool) -> Work | None:
    """The handle of a call that has begun; None, after its end, unless it may go on by itself."""
    work = Work(request, finish, name)
    if async_op:
        return work
    work.wait()
    return None


def finish_all() -> None:
    """Wait for everything that is on its way."""
    for work in list(_ON_THE_WAY):
        work.wait()
