"""Two runs of one program give the same bits, whatever the number of threads and of workers, with no flag set."""

import subprocess
import sys
from pathlib import Path


def digest(threads, workers):
    program = Path(__file__).with_name("reproducible_programs.py")
    command = [sys.executable, str(program), str(threads), str(workers)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout.strip()


def test_training_gives_the_same_bits_on_any_number_of_threads_and_workers():
    first = digest(1, 0)
    assert len(first) == 64
    assert {setting: digest(*setting) for setting in ((1, 0), (2, 2), (4, 1))} == {
        (1, 0): first,
        (2, 2): first,
        (4, 1): first,
    }
