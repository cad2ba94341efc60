"""A worker starts no thread of BLAS, which would take a processor from the others for some time."""

import os
import sys

import numpy as np
import pytest

import facula
from facula.devices import threads

if not sys.platform.startswith("linux"):
    pytest.skip("counts threads in /proc", allow_module_level=True)


class Threads(facula.utils.data.Dataset):
    """How many threads the process has after a product, and how many BLAS may use."""

    def __len__(self):
        return 4

    def __getitem__(self, index):
        facula.ones(300, 300) @ facula.ones(300, 300)
        return len(os.listdir("/proc/self/task")), *(get() for get, _ in threads._libraries())


def test_workers_of_a_fork_have_one_thread_and_blas_is_set_back():
    np.ones((300, 300)) @ np.ones((300, 300))
    facula.ones(3000, 300) @ facula.ones(300, 300)
    before = [get() for get, _ in threads._libraries()]
    loader = facula.utils.data.DataLoader(Threads(), num_workers=2, multiprocessing_context="fork")
    for found in loader:
        assert {int(number) for number in found} == {1}
    assert [get() for get, _ in threads._libraries()] == before
