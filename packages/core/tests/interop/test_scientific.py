"""SciPy's and scikit-learn's functions that take array-API inputs, with tensors; each in a process of its own, since SciPy reads
its switch when it is imported.

What does not work, and why: `scipy.signal.welch` and its kin, `scipy.linalg`, `scipy.spatial.distance` and `stats.linregress` give
arrays of NumPy, as SciPy 1.17 has not moved them to the array API; `signal.correlate` and scikit-learn's `ndcg_score` reverse by a
slice of step -1, which tensors refuse as PyTorch's do; `signal.filtfilt` and the like mix in arrays of NumPy that they made.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("library", ["scipy", "sklearn"])
def test_functions_take_and_give_tensors(library):
    pytest.importorskip(library)
    program = Path(__file__).with_name(f"{library}_program.py")
    run = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, timeout=240, env=os.environ)
    assert run.returncode == 0, run.stderr
    *different, last = run.stdout.splitlines()
    assert not different
    assert int(last.split()[0]) > 20
