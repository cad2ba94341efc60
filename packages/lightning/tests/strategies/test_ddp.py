"""Two processes under mpiexec train as one does: sequences of different lengths, accumulation, resume and all."""

import json
import os
import pathlib
import subprocess
import sys
import warnings

import numpy as np
import pytest

import facula_lightning as lightning
from facula_lightning.exceptions import MisconfigurationException

HERE = pathlib.Path(__file__).parent
MPIEXEC = pathlib.Path(sys.prefix) / "bin" / "mpiexec"


def run(command, folder, *args):
    folder.mkdir()
    environment = {**os.environ, "HYDRA_LAUNCHER": "fork", "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    command = [*command, sys.executable, str(HERE / "ddp_program.py"), str(folder), *args]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads((folder / "result.json").read_text())


def test_two_ranks_equal_one_process(tmp_path):
    pytest.importorskip("mpi4py")
    one = run([], tmp_path / "one", "auto", "8")
    two = run([str(MPIEXEC), "-n", "2"], tmp_path / "two", "ddp", "4")
    assert (one["ranks"], two["ranks"]) == (1, 2)
    assert (len(one["losses"]), len(one["found"])) == (4, 3)
    np.testing.assert_allclose(two["losses"], one["losses"], rtol=0, atol=1e-6)
    np.testing.assert_allclose(two["found"], one["found"], rtol=0, atol=1e-6)
    for mine, yours in zip(two["weights"], one["weights"], strict=True):
        np.testing.assert_allclose(mine, yours, rtol=0, atol=1e-6)


def test_as_many_processes_as_devices(tmp_path):
    pytest.importorskip("mpi4py")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(
            MisconfigurationException, match=r"expected 3 processes for devices=3 .* got 1\. Start them"
        ):
            lightning.Trainer(strategy="ddp", devices=3, logger=False, default_root_dir=tmp_path)
