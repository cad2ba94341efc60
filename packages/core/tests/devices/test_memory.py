"""Freed memory is used again: a program that makes the same large arrays over and over meets few fresh pages."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import resource, facula
x = facula.zeros(3_000_000)
for _ in range(10):
    y = (x * 2.0 + 1.0) - x
    del y
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(40):
    y = (x * 2.0 + 1.0) - x
    del y
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def _faults(**settings):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MALLOC_")} | settings
    run = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, env=environment)
    return int(run.stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's allocator")
def test_large_arrays_meet_few_fresh_pages():
    assert _faults() < 200


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's allocator")
def test_what_the_environment_says_is_left_alone():
    assert _faults(MALLOC_TRIM_THRESHOLD_="131072", MALLOC_MMAP_THRESHOLD_="131072") > 1000
