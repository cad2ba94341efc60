"""Several kernels one after the other on each piece of work, with memory that belongs to whoever does the piece.

The crew takes a piece through all of its calls without a word of Python, so that what one call leaves in a cache the next finds
there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from facula.config import get_num_threads
from facula.ops.kernels.compiled import Dispatched, Kernel, int64, kernel
from facula.ops.kernels.machine import perform, store, swap

Step = tuple[Kernel, tuple[Any, ...]]  # a kernel and its arguments but for the range
SINGLE = np.dtype("float32")
_HEAD = bytes.__basicsize__ - 1  # of the object, before what it holds


@kernel
def run_steps(steps: int64[:, :, :, ::1], items: int64[:, ::1], places: int64[::1], start: int, stop: int):
    """Item k: its form, then a range for each step of that form; `places` says which memory is in use."""
    for k in range(start, stop):
        place = 0
        while swap(places.ctypes.data + 8 * place, 0, 1) != 0:
            place = (place + 1) % places.size
        form = steps[place, items[k, 0]]
        for i in range(form.shape[0]):
            perform(form[i, 0], form[i, 1], form[i, 2], items[k, 1 + 2 * i], items[k, 2 + 2 * i])
        store(places.ctypes.data + 8 * place, 0)


def places() -> int:
    """How many pieces are worked on at a time: for so many there must be memory."""
    return max(get_num_threads(), 1)


def run(forms: Sequence[Sequence[Sequence[Step]]], items: Sequence[Sequence[int]], dtype: Any = SINGLE) -> None:
    """Do every item (form, start, stop, start, stop, ...); `forms[place][form]` are the steps with the memory of that place."""
    loops = run_steps.load(SINGLE), *(loop.load(dtype) for loop, _ in forms[0][0])
    if any(isinstance(loop, Dispatched) for loop in loops):
        _one_by_one(forms[0], items, dtype)
        return
    kept, table = [], np.empty((len(forms), len(forms[0]), len(forms[0][0]), 3), np.int64)
    for place, form, i in np.ndindex(table.shape[:3]):
        loop, arguments = forms[place][form][i]
        code = loop.load(dtype).code
        words = code.words(arguments)
        kept.append(words)
        table[place, form, i] = code.address, id(words) + _HEAD, id(code.layout) + _HEAD
    arguments = table, np.array(items, np.int64), np.zeros(len(forms), np.int64)
    run_steps.load(SINGLE).share(arguments, len(items), len(items))


def _one_by_one(forms: Sequence[Sequence[Step]], items: Sequence[Sequence[int]], dtype: Any) -> None:
    """The same where machine code is numba's own, which compiled code cannot call by address."""
    for form, *ends in items:
        for (loop, arguments), start, stop in zip(forms[form], ends[::2], ends[1::2], strict=True):
            loop.load(dtype).prepare(arguments)(start, stop)
