"""Sharing work out to threads: every piece once, errors, nesting, warnings' state, and BLAS as it was."""

import os
import threading

import numpy as np
import pytest

import facula
from facula.devices import threads


@pytest.fixture(autouse=True)
def _two_threads():
    before = facula.get_num_threads()
    facula.set_num_threads(2)
    yield
    facula.set_num_threads(before)


def _blas_threads():
    return [get() for get, _ in threads._libraries()]  # another one (SciPy's) may be loaded later


def test_every_piece_is_done_once():
    done = np.zeros(1000, int)

    def work(start, stop):
        done[start:stop] += 1

    threads.share(work, threads.ranges(1000, 10, 300))
    assert (done == 1).all()


def test_blas_has_one_thread_inside_and_its_own_number_after():
    before, inside = _blas_threads(), []
    threads.share(lambda start, stop: inside.append(_blas_threads()), [(0, 1), (1, 2)])
    assert len(inside) == 2
    assert before
    assert all(count == 1 for counts in inside for count in counts)
    assert _blas_threads() == before


@pytest.mark.parametrize("bad", [0, 3])
def test_an_error_in_a_piece_is_raised_and_blas_restored(bad):
    before = _blas_threads()

    def work(start, stop):
        if start == bad:
            raise ValueError(f"piece {start}")

    with pytest.raises(ValueError, match=f"piece {bad}"):
        threads.share(work, [(i, i + 1) for i in range(4)])
    assert _blas_threads() == before


def test_nested_shares_run_where_they_are():
    found = []

    def outer(start, stop):
        here = threading.get_ident()
        threads.share(lambda a, b: found.append(threading.get_ident() == here), [(0, 1), (1, 2)])

    threads.share(outer, [(0, 1), (1, 2)])
    assert found == [True] * 4


def test_helpers_see_the_callers_floating_point_settings():
    seen = []
    with np.errstate(over="raise"):
        threads.share(lambda start, stop: seen.append(np.geterr()["over"]), [(i, i + 1) for i in range(8)])
    assert seen == ["raise"] * 8


def test_callers_in_several_threads_share_the_helpers():
    done = np.zeros((4, 200), int)

    def caller(row):
        for i in range(100):
            threads.share(lambda start, stop: done[row, start:stop].__iadd__(1), [(i, i + 1), (100 + i, 101 + i)])

    callers = [threading.Thread(target=caller, args=(row,)) for row in range(4)]
    for thread in callers:
        thread.start()
    for thread in callers:
        thread.join()
    assert (done == 1).all()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process")
def test_a_child_process_has_helpers_of_its_own():
    threads.share(lambda start, stop: None, [(0, 1), (1, 2)])
    child = os.fork()
    if not child:
        seen = []
        threads.share(lambda start, stop: seen.append(start), [(i, i + 1) for i in range(50)])
        os._exit(0 if sorted(seen) == list(range(50)) and threads.helpers.count == 1 else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_blockwise_gives_what_the_function_gives():
    x = np.random.default_rng(0).standard_normal((300, 500)).astype(np.float32)
    assert np.array_equal(threads.blockwise(np, lambda xp, a, b: a * b + 1, x, x), x * x + 1)
    turned = x.T
    assert np.array_equal(threads.blockwise(np, lambda xp, a: a + 1, turned), turned + 1)
