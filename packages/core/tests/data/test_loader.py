"""DataLoader: the same batches for any number of workers, errors that name the sample, nothing left behind."""

import gc
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
import warnings

import numpy as np
import pytest

import facula
from facula.utils import data as D


class Augmented(D.Dataset):
    """Samples made with all three sources of random numbers."""

    def __len__(self):
        return 11

    def __getitem__(self, index):
        return index, random.random(), np.random.rand(2), facula.rand(2)


class Pictures(D.Dataset):
    def __len__(self):
        return 8

    def __getitem__(self, index):
        return {"x": np.full((3, 64, 64), index, np.float32), "name": str(index)}


class Faulty(D.Dataset):
    def __init__(self, error=None):
        self.error = error

    def __len__(self):
        return 10

    def __getitem__(self, index):
        if index == 7:
            if self.error is None:
                os._exit(3)
            raise self.error
        return index


class Slow(Faulty):
    def __getitem__(self, index):
        if index == 3:
            time.sleep(60)
        return index


class Stream(D.IterableDataset):
    def __init__(self, n, length=None):
        self.n, self.length = n, length

    def __iter__(self):
        worker = D.get_worker_info()
        return iter(range(self.n)) if worker is None else iter(range(worker.id, self.n, worker.num_workers))

    def __len__(self):
        if self.length is None:
            raise TypeError
        return self.length


def flat(batch):
    return [np.asarray(part) for part in batch]


def batches(workers, seed=3, dataset=None, **kwargs):
    facula.manual_seed(seed)
    return list(D.DataLoader(dataset or Augmented(), batch_size=3, num_workers=workers, **kwargs))


def test_samples_do_not_depend_on_the_number_of_workers():
    expected = batches(0, shuffle=True)
    for workers in (1, 3):
        for a, b in zip(expected, batches(workers, shuffle=True), strict=True):
            for x, y in zip(flat(a), flat(b), strict=True):
                np.testing.assert_array_equal(x, y)
    values = [float(v) for batch in expected for v in batch[1]]
    assert len(set(values)) == 11
    other = batches(0, seed=4, shuffle=True)
    assert float(other[0][1][0]) != values[0]


def test_loading_leaves_the_main_streams_alone():
    def draw():
        return random.random(), float(np.random.rand()), float(facula.rand(()))

    random.seed(1), np.random.seed(1), facula.manual_seed(1)
    loader = D.DataLoader(Augmented(), batch_size=3)
    iterator = iter(loader)
    before = draw()
    random.seed(1), np.random.seed(1), facula.manual_seed(1)
    iterator = iter(loader)
    list(iterator)
    assert draw() == before


def test_passes_differ_and_a_generator_decides():
    loader = D.DataLoader(range(50), batch_size=50, shuffle=True, generator=facula.Generator().manual_seed(5))
    first, second = next(iter(loader)).tolist(), next(iter(loader)).tolist()
    assert first != second
    again = D.DataLoader(range(50), batch_size=50, shuffle=True, generator=facula.Generator().manual_seed(5))
    assert next(iter(again)).tolist() == first


def test_big_batches_come_through_shared_memory_and_can_be_written():
    got = list(D.DataLoader(Pictures(), batch_size=4, num_workers=2))
    assert [b["x"].shape for b in got] == [(4, 3, 64, 64)] * 2
    assert got[1]["x"][2, 0, 0, 0].item() == 6
    assert got[0]["name"] == ["0", "1", "2", "3"]
    got[0]["x"] += 1
    assert got[0]["x"][0, 0, 0, 0].item() == 1
    assert not left_files()


def left_files():
    """Shared memory of ours has no name; files of others come and go."""
    return [name for name in os.listdir("/dev/shm") if "facula" in name] if os.path.isdir("/dev/shm") else []


def test_tensor_datasets_are_read_by_rows():
    data = D.TensorDataset(facula.arange(10), facula.arange(10) * 2)
    x, y = next(iter(D.DataLoader(data, batch_size=4)))
    assert x.tolist() == [0, 1, 2, 3]
    assert y.tolist() == [0, 2, 4, 6]
    x[0] = 9
    assert data[0][0].item() == 0


def test_sizes_and_samplers():
    assert len(D.DataLoader(range(10), batch_size=3)) == 4
    assert len(D.DataLoader(range(10), batch_size=3, drop_last=True)) == 3
    assert [b.tolist() for b in D.DataLoader(range(5), batch_sampler=[[4, 0], [2]])] == [[4, 0], [2]]
    assert [b.tolist() for b in D.DataLoader(range(5), sampler=[3, 1])] == [[3], [1]]
    plain = D.DataLoader([np.ones(2), "a"], batch_size=None)
    assert [type(x).__name__ for x in plain] == ["Tensor", "str"]
    assert len(plain) == 2
    assert list(D.DataLoader(range(4), batch_size=2, collate_fn=sum)) == [1, 5]


def test_batches_of_samples_fetched_at_once():
    class Table(D.Dataset):
        def __len__(self):
            return 4

        def __getitems__(self, indices):
            return [10 * i for i in indices]

    assert [b.tolist() for b in D.DataLoader(Table(), batch_size=2)] == [[0, 10], [20, 30]]


@pytest.mark.parametrize("workers", [0, 2])
def test_streams(workers):
    got = sorted(int(x) for b in D.DataLoader(Stream(10), batch_size=4, num_workers=workers) for x in b)
    assert got == list(range(10))
    whole = list(D.DataLoader(Stream(10), batch_size=3, num_workers=workers, drop_last=True))
    assert all(len(b) == 3 for b in whole)
    assert [int(x) for x in D.DataLoader(Stream(3), batch_size=None, num_workers=min(workers, 1))] == [0, 1, 2]
    assert len(D.DataLoader(Stream(10, 10), batch_size=4)) == 3
    assert len(D.DataLoader(Stream(10, 10), batch_size=4, drop_last=True)) == 2
    with pytest.warns(UserWarning, match="more samples have been fetched"):
        list(D.DataLoader(Stream(10, 3), batch_size=2, num_workers=workers))


def seeds_and_ids(worker):
    assert D.get_worker_info().id == worker
    os.environ["SEEN_BY_WORKER"] = str(worker)


class Seeds(D.Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        info = D.get_worker_info()
        return info.id, info.seed, info.num_workers, int(os.environ["SEEN_BY_WORKER"])


def test_workers_know_themselves():
    rows = [flat(b) for b in D.DataLoader(Seeds(), num_workers=2, worker_init_fn=seeds_and_ids)]
    ids, seeds = [int(r[0][0]) for r in rows], [int(r[1][0]) for r in rows]
    assert ids == [0, 1, 0, 1] == [int(r[3][0]) for r in rows]
    assert seeds[1] == seeds[0] + 1
    assert D.get_worker_info() is None


def test_an_error_names_the_sample_and_shows_the_original_traceback():
    with pytest.raises(ZeroDivisionError) as caught:
        list(D.DataLoader(Faulty(ZeroDivisionError("oh")), batch_size=4, num_workers=2))
    text = str(caught.value)
    assert "Caught ZeroDivisionError in DataLoader worker process 1, sample 7." in text
    assert "raise self.error" in text
    with pytest.raises(ZeroDivisionError, match="^oh") as caught:
        list(D.DataLoader(Faulty(ZeroDivisionError("oh")), batch_size=4))
    assert caught.value.__notes__ == ["raised by Faulty for sample 7"]


class Picky(Exception):
    def __init__(self, a, b):
        super().__init__(a, b)


def test_errors_of_odd_classes():
    with pytest.raises(RuntimeError, match="Caught Picky in DataLoader worker process 0, sample 7"):
        list(D.DataLoader(Faulty(Picky(1, 2)), batch_size=10, num_workers=1))
    with pytest.raises(KeyError, match="Caught KeyError") as caught:
        list(D.DataLoader(Faulty(KeyError("k")), batch_size=10, num_workers=1))
    assert "\n" in str(caught.value)


def fails(worker):
    raise ValueError("no start")


def test_a_failing_start_is_reported():
    with pytest.raises(ValueError, match="no start"):
        list(D.DataLoader(range(3), num_workers=1, worker_init_fn=fails))


def test_a_dead_worker_is_reported_with_its_batch():
    with pytest.raises(
        RuntimeError, match=r"worker 1 \(pid \d+\) exited unexpectedly with code 3 at sample 7 of batch 1"
    ):
        list(D.DataLoader(Faulty(), batch_size=4, num_workers=2))
    loader = D.DataLoader(Slow(), batch_size=2, num_workers=1, persistent_workers=True)
    iterator = iter(loader)
    next(iterator)
    os.kill(iterator.processes[0].pid, signal.SIGKILL)
    with pytest.raises(RuntimeError, match="killed by signal: SIGKILL"):
        next(iterator)
    assert list(iterator) == []
    assert len(list(D.DataLoader(range(4), num_workers=1))) == 4


def test_a_slow_sample_times_out():
    start = time.monotonic()
    with pytest.raises(RuntimeError, match="timed out after 0.5 seconds"):
        list(D.DataLoader(Slow(), batch_size=2, num_workers=1, timeout=0.5))
    assert time.monotonic() - start < 20


def alive(pids):
    return [pid for pid in pids if os.path.exists(f"/proc/{pid}")]


def test_workers_end_with_their_iterator():
    iterator = iter(D.DataLoader(Pictures(), num_workers=2))
    next(iterator)
    pids = [p.pid for p in iterator.processes]
    assert len(alive(pids)) == 2
    del iterator
    gc.collect()
    assert not alive(pids)
    assert not left_files()


def test_persistent_workers_stay_for_the_next_pass():
    loader = D.DataLoader(Augmented(), batch_size=4, num_workers=2, persistent_workers=True)
    facula.manual_seed(0)
    list(loader)
    pids = [p.pid for p in loader._pool.processes]
    broken_off = iter(loader)
    next(broken_off)
    facula.manual_seed(9)
    again = list(loader)
    assert [p.pid for p in loader._pool.processes] == pids
    facula.manual_seed(9)
    fresh = list(D.DataLoader(Augmented(), batch_size=4))
    np.testing.assert_array_equal(flat(again[0])[1], flat(fresh[0])[1])
    del loader, broken_off
    gc.collect()
    assert not alive(pids)


def test_no_orphans_when_the_parent_is_killed(tmp_path):
    script = tmp_path / "parent.py"
    script.write_text(
        "import facula, os, sys, time\n"
        "from facula.utils.data import DataLoader\n"
        "iterator = iter(DataLoader(range(100), num_workers=2))\n"
        "next(iterator)\n"
        "print(*[p.pid for p in iterator.processes], flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    pids = [int(word) for word in parent.stdout.readline().split()]
    assert len(pids) == 2
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 20
    while alive(pids) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not alive(pids)


def test_spawned_workers():
    got = list(D.DataLoader(range(4), batch_size=2, num_workers=1, multiprocessing_context="spawn"))
    assert [b.tolist() for b in got] == [[0, 1], [2, 3]]


def test_pin_memory_is_accepted():
    assert [b.tolist() for b in D.DataLoader(range(2), pin_memory=True)] == [[0], [1]]


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"num_workers": -1}, "num_workers option should be non-negative, got -1"),
        ({"timeout": -1}, "timeout option should be non-negative"),
        ({"prefetch_factor": 2}, "could only be specified in multiprocessing"),
        ({"num_workers": 1, "prefetch_factor": -2}, "prefetch_factor option should be non-negative"),
        ({"snapshot_every_n_steps": 0}, "snapshot_every_n_steps option should be positive, got 0"),
        ({"persistent_workers": True}, "needs num_workers > 0"),
        ({"multiprocessing_context": "fork"}, "can only be used with multi-process loading"),
        ({"num_workers": 1, "multiprocessing_context": "no"}, "valid start method"),
        ({"sampler": [0], "shuffle": True}, "mutually exclusive with shuffle"),
        ({"batch_sampler": [[0]], "batch_size": 2}, "mutually exclusive with batch_size"),
        ({"batch_size": None, "drop_last": True}, "disables auto-batching"),
        ({"dataset": Stream(3), "shuffle": True}, "expected unspecified shuffle option"),
        ({"dataset": Stream(3), "sampler": [1]}, "expected unspecified sampler option"),
    ],
)
def test_misuse_is_explained(kwargs, message):
    with pytest.raises(ValueError, match=message):
        D.DataLoader(**{"dataset": range(3), **kwargs})


def test_settings_are_fixed():
    loader = D.DataLoader(range(3))
    with pytest.raises(ValueError, match="batch_size attribute should not be set after DataLoader is initialized"):
        loader.batch_size = 2


def test_no_process_is_left_at_the_end():
    gc.collect()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not multiprocessing.active_children()
