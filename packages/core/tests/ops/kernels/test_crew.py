"""The crew: every piece of a job is done once, whoever comes, and arguments arrive as they were."""

from __future__ import annotations

import os
import threading
import time

import numpy as np
import pytest

import facula
from facula.devices import threads
from facula.ops.kernels import compiled, native, sequence
from facula.ops.kernels.compiled import F, float32, float64, int64, kernel

pytest.importorskip("numba")
pytestmark = pytest.mark.skipif(not native.SUPPORTED, reason="compiled code is numba's own here")
SINGLE = np.dtype("float32")


@kernel
def visit(seen: int64[::1], rounds: int, start: int, stop: int):
    """Count each visit; some work, so that others have the time to come."""
    for i in range(start, stop):
        total = 0
        for j in range(rounds):
            total += j ^ i
        seen[i] += 1 + (total == -1)


@kernel
def mixed(
    x: F[:, ::1], a: int, half: float32, y: int64[::1], b: int, third: float64, c: int, d: int, out: float64[::1], factor: F,
    start: int, stop: int,
):  # fmt: skip
    """Each argument leaves its mark."""
    out[0], out[1], out[2], out[3], out[4] = a, b, c, d, half
    out[5], out[6], out[7], out[8] = third, factor, start, stop
    out[9], out[10], out[11] = x.shape[0], x.shape[1], x[1, 2]
    out[12], out[13] = y.size, y[-1]


@pytest.fixture(params=[1, 2, 4])
def count(request):
    before = facula.get_num_threads()
    facula.set_num_threads(request.param)
    yield request.param
    facula.set_num_threads(before)


def run(items, pieces, rounds=1000):
    seen = np.zeros(items, np.int64)
    visit.load(SINGLE).share((seen, rounds), items, pieces)
    return seen.tolist()


def test_every_item_is_done_once(count):
    for items in (1, 7, 64):
        for pieces in (1, 2, 5, 64):
            for _ in range(20):
                assert run(items, pieces) == [1] * items


def test_jobs_of_several_python_threads_do_not_mix(count):
    wrong = []

    def work():
        for _ in range(100):
            if run(33, 11) != [1] * 33:
                wrong.append(1)

    several = [threading.Thread(target=work) for _ in range(4)]
    for thread in several:
        thread.start()
    for thread in several:
        thread.join()
    assert not wrong


def test_helpers_do_both_kinds_of_jobs_in_turn(count):
    for k in range(50):
        done = []
        threads.share(lambda start, stop, done=done: done.append(start), [(i, i + 1) for i in range(8)])
        assert sorted(done) == list(range(8))
        assert run(8, 8) == [1] * 8
        if k % 10 == 0:
            time.sleep(0.002)  # longer than a helper stays


def test_a_job_inside_of_a_share_of_another(count):
    found = []
    threads.share(lambda start, stop: found.append(run(16, 8)), [(i, i + 1) for i in range(6)])
    assert found == [[1] * 16] * 6


@pytest.mark.filterwarnings("ignore:This process")
def test_a_child_process_has_a_crew_of_its_own():
    assert run(64, 16) == [1] * 64
    child = os.fork()
    if not child:
        os._exit(0 if all(run(64, 16) == [1] * 64 for _ in range(20)) else 1)
    assert run(64, 16) == [1] * 64
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_arguments_arrive_as_they_were(dtype):
    x, y, out = np.arange(12, dtype=dtype).reshape(3, 4), np.arange(5) - 9, np.zeros(14)
    mixed.load(x.dtype).share((x, -1, 0.5, y, 2**40, 1 / 3, 3, -4, out, 0.1), 10, 1)
    factor = float(np.dtype(dtype).type(0.1))
    assert out.tolist() == [-1, 2**40, 3, -4, 0.5, 1 / 3, factor, 0, 10, 3, 4, 6, 5, -5]


def test_more_numbers_than_registers_are_refused():
    names = [f"a{i}" for i in range(native.NUMBERS + 1)]
    scope: dict[str, object] = {}
    exec(f"def much({', '.join(names)}, out): out[0] = a8", scope)
    much = scope["much"]
    much.__annotations__ = {**dict.fromkeys(names, "float32"), "out": "float32[::1]"}  # type: ignore[attr-defined]
    signature = ("float32",) * len(names) + ("float32[::1]",)
    content = native.pack(*compiled._compile(much, signature, False))
    with pytest.raises(native.UnsupportedObjectError, match="expected at most 8 numbers"):
        native.Code(content, signature)


def test_no_kernel_is_refused():
    for loop in compiled.kernels:
        if loop.function.__module__.startswith("facula."):
            assert isinstance(loop.load(SINGLE), compiled.Loop)
            assert not isinstance(loop.load(SINGLE), compiled.Dispatched), loop.function.__name__


def test_a_sequence_takes_each_item_through_its_steps_with_memory_of_its_own(count):
    out = [np.zeros(40, np.int64) for _ in range(2)]
    forms = [[[(visit, (out[0], 10)), (visit, (out[1], 10))], [(visit, (out[1], 10)), (visit, (out[1], 10))]]]
    forms *= sequence.places()
    sequence.run(
        forms, [(0, i, i + 4, i, i + 2) for i in range(0, 20, 4)] + [(1, i, i + 1, i, i + 1) for i in range(20, 40)]
    )
    assert out[0].tolist() == [1] * 20 + [0] * 20
    assert out[1].tolist() == [1, 1, 0, 0] * 5 + [2] * 20


def test_a_sequence_runs_where_an_object_cannot_be_loaded(monkeypatch):
    monkeypatch.setattr(visit, "loaded", {})
    monkeypatch.setattr(compiled, "_object", lambda *parts: native.pack(b"of another linker", "visit"))
    seen = np.zeros(20, np.int64)
    forms = [[[(visit, (seen, 10)), (visit, (seen, 10))]]] * sequence.places()
    sequence.run(forms, [(0, i, i + 4, i, i + 2) for i in range(0, 20, 4)])
    assert isinstance(visit.load(SINGLE), compiled.Dispatched)
    assert seen.tolist() == [2, 2, 1, 1] * 5
