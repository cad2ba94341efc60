"""Files from strangers: none runs code, crashes, hangs or takes much memory. `FACULA_FUZZ=100000` tries as many."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

COUNT = int(os.environ.get("FACULA_FUZZ", "800"))


@pytest.mark.skipif(sys.platform != "linux", reason="the limit on memory is Linux's")
def test_damaged_and_malicious_files_do_no_harm():
    program = Path(__file__).with_name("fuzz_files.py")
    command = [sys.executable, "-W", "error", str(program), str(COUNT), "7"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60 + COUNT / 20)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    refused, read = (int(done.stdout.split()[i]) for i in (2, 4))
    assert refused + read == COUNT
    assert read > COUNT / 100
    print(done.stdout, end="")
