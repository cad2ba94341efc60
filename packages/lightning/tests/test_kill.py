"""A run that is killed (signal 9) at any moment and started again ends with the same bits as one that never was."""

import os
import pathlib
import subprocess
import sys

import pytest

COUNT = int(os.environ.get("FACULA_KILL_POINTS", "4"))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the program forks")
def test_kill_points(tmp_path):
    program = pathlib.Path(__file__).with_name("resume_program.py")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, str(program), str(tmp_path), str(COUNT)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60 + 10 * COUNT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("ok ") == COUNT
