"""Collectives and data-parallel training over MPI: two processes must equal one."""

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

import facula

pytest.importorskip("mpi4py")
MPIEXEC = pathlib.Path(sys.prefix) / "bin" / "mpiexec"
HERE = pathlib.Path(__file__).parent


def run(program: str, ranks: int, *args: object) -> list[str]:
    command = [str(MPIEXEC), "-n", str(ranks), sys.executable, str(HERE / program), *map(str, args)]
    environment = {**os.environ, "HYDRA_LAUNCHER": "fork", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


@pytest.fixture(autouse=True)
def mpiexec() -> None:
    assert MPIEXEC.exists(), "mpi4py is installed without an mpiexec beside it; install facula[mpi]"


def test_every_collective_on_three_ranks() -> None:
    lines = run("collectives_program.py", 3)
    assert sorted(line for line in lines if line.startswith("ok")) == ["ok 0", "ok 1", "ok 2"]


def test_collectives_that_go_on_by_themselves() -> None:
    lines = run("async_program.py", 2)
    assert sorted(line for line in lines if line.startswith("ok")) == ["ok 0", "ok 1"]


def test_two_ranks_equal_one_process_on_the_same_global_batch(tmp_path: pathlib.Path) -> None:
    run("ddp_program.py", 1, tmp_path / "one.json")
    run("ddp_program.py", 2, tmp_path / "two.json")
    one, two = (json.loads((tmp_path / f"{n}.json").read_text()) for n in ("one", "two"))
    assert len(one["losses"]) == 8
    np.testing.assert_allclose(two["losses"], one["losses"], rtol=0, atol=1e-6)
    for a, b in zip(one["parameters"], two["parameters"], strict=True):
        np.testing.assert_allclose(b, a, rtol=0, atol=1e-6)


def test_collectives_need_a_group() -> None:
    with pytest.raises(ValueError, match="Default process group has not been initialized"):
        facula.distributed.all_reduce(facula.ones(1))


def test_other_backends_are_refused() -> None:
    with pytest.raises(
        ValueError, match=r"init_process_group: expected backend 'mpi', got 'nccl'\. Start the program with mpiexec"
    ):
        facula.distributed.init_process_group("nccl")
