"""How many bytes of tensors are alive: each array that an op makes is counted until it dies."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import Any

import numpy as np

from facula.profiler.events import now
from facula.tensors.tensor import Tensor


class Memory:
    """Counts the memory under the arrays that it is shown; `samples` are pairs of time and bytes alive."""

    def __init__(self) -> None:
        self.alive = 0
        self.samples: list[tuple[int, int]] = []
        self._known: dict[int, Any] = {}

    def look(self, inputs: Iterable[Any], results: Any) -> None:
        """Count the results of a call, but not what came in; `results` is 0 for a view."""
        for x in inputs:
            self._see(x, False)
        for x in results or ():
            self._see(x, True)

    def _see(self, x: Any, made: bool) -> None:
        array = x.array if isinstance(x, Tensor) else x
        while type(array) is np.ndarray and type(array.base) is np.ndarray:
            array = array.base
        if type(array) is not np.ndarray or id(array) in self._known:
            return
        key, size = id(array), array.nbytes if made else 0

        def died(_: Any) -> None:
            self._known.pop(key, None)
            self._count(-size)

        self._known[key] = weakref.ref(array, died)
        self._count(size)

    def _count(self, change: int) -> None:
        if change:
            self.alive += change
            self.samples.append((now(), self.alive))
