"""Worker processes: they share memory, say what is wrong, and end with whoever started them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from facula.data.packed import LONG, PackedList, long_lists, packed_whole
from facula.utils import data as D

LEAK = Path(__file__).with_name("leak_program.py")
SIZES = os.environ.get("FACULA_LEAK", "150000 2 2").split()  # items, workers, epochs


@pytest.mark.skipif(not os.path.exists("/proc/self/smaps_rollup"), reason="memory is counted as Linux counts it")
def test_a_long_list_is_not_copied_into_workers():
    """`FACULA_LEAK="1000000 4 3"` is the full size."""
    done = subprocess.run([sys.executable, str(LEAK), *SIZES], capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    sizes = [float(line) for line in done.stdout.split()]
    assert len(sizes) == 2 * int(SIZES[2])
    grown, copies = (
        max(sizes) - sizes[0],
        70e-6 * int(SIZES[0]) * int(SIZES[1]),
    )  # MB: a string and its place, in each worker
    assert grown < max(0.05 * sizes[0], 0.4 * copies), sizes


class Holder(D.Dataset):
    def __init__(self):
        self.items = [(i, str(i)) for i in range(LONG)]
        self.short = [1, 2]
        self.odd = [object()] * LONG

    def __len__(self):
        return LONG

    def __getitem__(self, index):
        self.items[0] = "written"
        return self.items[index][0], type(self.items).__name__, self.items[0], self.items[-1][1], len(self.items)


def test_long_lists_of_plain_data_are_packed_and_act_as_lists():
    found = list(long_lists(D.Subset(D.ConcatDataset([Holder(), D.Subset(range(9), list(range(LONG)))]), [0])))
    assert [(type(holder).__name__, name) for holder, name, _ in found] == [("Holder", "items"), ("Subset", "indices")]
    batch = next(iter(D.DataLoader(Holder(), 2, num_workers=1, sampler=[5, 7])))
    assert [batch[0].tolist(), *batch[1:4]] == [[5, 7], ("PackedList",) * 2, ("written",) * 2, (str(LONG - 1),) * 2]
    assert type(packed_whole(list(range(LONG)))) is PackedList
    assert packed_whole([1]) == [1]
    assert [b.tolist() for b in D.DataLoader(list(range(LONG)), 2, num_workers=1, sampler=[3, 4])] == [[3, 4]]
    deep = [{"a": [object()]}] * LONG
    assert packed_whole(deep) is deep


def test_a_packed_list_does_what_lists_do():
    plain = ["a", 2, None, ("b", 1.5), b"x", {"k": [1]}]
    packed = PackedList(plain)
    assert packed == plain
    assert packed[1:4] == plain[1:4]
    assert packed[-1] == plain[-1]
    assert packed + plain == plain + plain
    assert packed.index(None) == 2
    assert repr(packed) == repr(plain)
    assert b"x" in packed
    with pytest.raises(IndexError, match="list index out of range"):
        packed[6]
    with pytest.raises(AttributeError, match="nothing"):
        packed.nothing
    packed[0] = "z"
    packed.append("more")
    del packed[1]
    assert packed.copy() == ["z", *plain[2:], "more"]
    assert len(packed) == 6
    numbers = PackedList([3, 1, 2])
    numbers.sort()
    assert list(numbers) == [1, 2, 3]


class Local(D.Dataset):
    def __init__(self):
        self.function = lambda x: x

    def __len__(self):
        return 3

    def __getitem__(self, index):
        return index


def test_what_spawn_cannot_send_is_explained():
    loader = D.DataLoader(Local(), num_workers=1, multiprocessing_context="spawn")
    with pytest.raises(
        Exception, match=r"that can be sent to a worker of start method 'spawn', got .*'fork'"
    ) as caught:
        iter(loader)
    assert type(caught.value).__name__ in ("PicklingError", "AttributeError")


def test_a_batch_that_cannot_be_sent_is_an_error_of_its_own():
    loader = D.DataLoader(range(2), num_workers=1, collate_fn=lambda batch: lambda: batch)
    with pytest.raises(Exception, match="Caught .* in DataLoader worker process 0"):
        list(loader)


class Faulty(D.Dataset):
    def __len__(self):
        return 6

    def __getitem__(self, index):
        if index == 2:
            raise ValueError("bad")
        return index


@pytest.mark.parametrize("workers", [0, 2])
def test_the_pass_goes_on_behind_a_bad_sample(workers):
    batches, seen = iter(D.DataLoader(Faulty(), num_workers=workers)), []
    while True:
        try:
            seen.append(int(next(batches)))
        except ValueError:
            seen.append("bad")
        except StopIteration:
            break
    assert seen == [0, 1, "bad", 3, 4, 5]


class Dying(D.IterableDataset):
    def __init__(self, error=None):
        self.error = error

    def __iter__(self):
        yield from range(5)
        if self.error is not None:
            raise self.error
        os._exit(4)


def test_a_stream_that_fails_is_named():
    with pytest.raises(RuntimeError, match="exited unexpectedly with code 4 in share 0 of the stream"):
        list(D.DataLoader(Dying(), batch_size=2, num_workers=1))
    with pytest.raises(KeyError, match="DataLoader worker process 0, sample 5 of its stream"):
        list(D.DataLoader(Dying(KeyError("x")), batch_size=2, num_workers=1))
    with pytest.raises(KeyError, match="x") as caught:
        list(D.DataLoader(Dying(KeyError("x")), batch_size=2))
    assert caught.value.__notes__ == ["raised by Dying for sample 5 of its stream"]


def test_two_loaders_at_a_time_do_not_hold_each_other():
    first = iter(D.DataLoader(range(8), num_workers=1))
    second = iter(D.DataLoader(range(8), num_workers=1))
    assert int(next(first)) == int(next(second)) == 0
    worker = first.processes[0]
    start = time.monotonic()
    del first
    assert time.monotonic() - start < 5
    assert not worker.is_alive()
    assert len(list(second)) == 7


INTERRUPTED = """
import sys, time
from facula.utils.data import DataLoader

class Slow:
    def __len__(self):
        return 1000
    def __getitem__(self, index):
        time.sleep(0.02)
        return index

batches = iter(DataLoader(Slow(), num_workers=2))
next(batches)
print(*[p.pid for p in batches.processes], flush=True)
for _ in batches:
    pass
"""


def test_control_c_ends_everything_quietly(tmp_path):
    script = tmp_path / "program.py"
    script.write_text(INTERRUPTED)
    heeding = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell's background job ignores it
    program = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, preexec_fn=heeding
    )  # fmt: skip
    pids = [int(word) for word in program.stdout.readline().split()]
    assert len(pids) == 2
    os.killpg(program.pid, signal.SIGINT)
    _, errors = program.communicate(timeout=30)
    assert errors.count("Traceback") == errors.count("KeyboardInterrupt") == 1
    assert not [pid for pid in pids if os.path.exists(f"/proc/{pid}")]
