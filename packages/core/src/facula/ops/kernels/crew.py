"""Compiled loops on several threads: pieces of work are handed over in compiled code, without the interpreter's lock.

To wake a thread and to give it that lock takes 50 to 80 us, longer than most ops. A helper that did something stays for a
moment, looking at a word in memory: the next job reaches it in less than a microsecond. Whoever is free does the next
piece; one that comes late finds nothing to do, and nobody waited for it.

The words of the crew: TICKET holds the number of the job and how many of its pieces nobody took yet. To take one is to
count it down, which fails once the job is another: so a piece that was taken belongs to the job that the words describe.
"""

from __future__ import annotations

import ctypes
import functools
import mmap

from facula.config import get_num_threads
from facula.devices.threads import helpers, inside
from facula.ops.kernels.machine import add, cycles, give_way, inline, load, pause, perform, store, swap
from facula.ops.kernels.native import EXCEPTION, RESULT, Code

LINE = 64  # bytes that a core reads at once: words of different writers lie in different ones
TICKET, DONE, BUSY, PRESENT, ERRANDS, JOB = 0, LINE, 2 * LINE, 3 * LINE, 4 * LINE, 5 * LINE
FUNCTION, WORDS, LAYOUT, START, COUNT, PIECES, HELPERS = range(JOB, JOB + 7 * 8, 8)
LEFT = 0xFFFFFFFF  # the lower half of a ticket
PATIENCE = 1 << 19  # cycles that a helper stays: about 200 us
MOMENT = 1 << 17  # cycles after which whoever waits lets others have the processor


@inline
def work(crew):
    """Do pieces until none is left."""
    ticket = load(crew + TICKET)
    while ticket & LEFT > 0:
        found = swap(crew + TICKET, ticket, ticket - 1)
        if found == ticket:
            first, count, pieces = load(crew + START), load(crew + COUNT), load(crew + PIECES)
            i = pieces - (ticket & LEFT)
            start, stop = first + count * i // pieces, first + count * (i + 1) // pieces
            perform(load(crew + FUNCTION), load(crew + WORDS), load(crew + LAYOUT), start, stop)
            add(crew + DONE, 1)
            found = load(crew + TICKET)
        ticket = found


def run(crew: int, function: int, words: int, layout: int, start: int, stop: int, pieces: int, helpers: int):
    """Do a job with whoever is there; one that comes while another is done is done by the caller alone."""
    count = stop - start
    if pieces < 2 or swap(crew + BUSY, 0, 1) != 0:
        for i in range(pieces):
            perform(function, words, layout, start + count * i // pieces, start + count * (i + 1) // pieces)
        return
    store(crew + FUNCTION, function)
    store(crew + WORDS, words)
    store(crew + LAYOUT, layout)
    store(crew + START, start)
    store(crew + COUNT, count)
    store(crew + PIECES, pieces)
    store(crew + HELPERS, helpers)
    store(crew + DONE, 0)
    store(crew + TICKET, (((load(crew + TICKET) >> 32) + 1) & 0x7FFFFFFF) << 32 | pieces)
    work(crew)
    since = cycles()
    while load(crew + DONE) < pieces:
        pause()
        if cycles() - since > MOMENT:
            give_way()
    store(crew + BUSY, 0)


def stay(crew: int, number: int, errands: int):
    """What a helper does between errands for Python: the work that comes by, until there is none for a while."""
    add(crew + PRESENT, 1)
    since = cycles()
    while load(crew + ERRANDS) == errands and cycles() - since < PATIENCE:
        if load(crew + TICKET) & LEFT > 0 and number < load(crew + HELPERS):
            work(crew)
            since = cycles()
        pause()
    add(crew + PRESENT, -1)


class Crew:
    """The words in memory, and the compiled code that reads them."""

    def __init__(self, run: Code, stay: Code) -> None:
        self.memory = mmap.mmap(-1, mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        for kept in (self.memory, run.image, stay.image):  # a helper may be in there to the last
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(kept))
        self.place = ctypes.addressof(ctypes.c_char.from_buffer(self.memory))
        self.errands, self.present = (ctypes.c_int64.from_buffer(self.memory, at) for at in (ERRANDS, PRESENT))
        word = ctypes.c_int64
        function = ctypes.CFUNCTYPE(
            ctypes.c_int32, word, word, word, word, ctypes.c_char_p, ctypes.c_char_p, *[word] * 4
        )(run.address)
        self.run = functools.partial(function, RESULT, EXCEPTION, self.place)
        function = ctypes.CFUNCTYPE(ctypes.c_int32, *[word] * 5)(stay.address)
        self.stay = functools.partial(function, RESULT, EXCEPTION, self.place)
        helpers.between = self

    def share(self, code: Code, words: bytes, count: int, pieces: int) -> None:
        """Do a job of so many pieces on as many threads as one op may use."""
        helping = min(get_num_threads(), pieces) - 1
        if helping > self.present.value and helping > 0 and not inside():
            helpers.wake(helping - self.present.value)
        self.run(code.address, words, code.layout, 0, count, pieces, helping)

    def forget(self) -> None:
        """In a child process the parent's threads do not exist."""
        self.memory[:] = bytes(len(self.memory))
