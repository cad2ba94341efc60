"""Training that is killed at random points and started again equals training that was left alone, bit by bit.

`FACULA_KILLS=50` asks for as many points; fewer are tried by default.
"""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import facula

PROGRAM = Path(__file__).with_name("training_program.py")
KILLS = int(os.environ.get("FACULA_KILLS", "4"))


def start(folder, workers, steps):
    command = [sys.executable, str(PROGRAM), str(folder), str(workers), str(steps)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_killed_training_goes_on_bit_by_bit(tmp_path):
    steps, chance = 3 * KILLS + 9, random.Random(5)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    whole.mkdir(), broken.mkdir()
    with start(whole, 0, steps) as process:
        process.communicate(timeout=120)
    for turn in range(KILLS):
        with start(broken, (0, 2, 4)[turn % 3], steps) as process:
            for _ in range(chance.choice((1, 1, 2, 3))):
                assert process.stdout.readline()
            time.sleep(chance.random() * 0.01)
            process.kill()
            process.wait()
            assert process.returncode == -9, "the program ended before it could be killed"
    with start(broken, 2, steps) as process:
        process.communicate(timeout=120)
    expected, found = (facula.load(folder / "checkpoint.safetensors") for folder in (whole, broken))
    assert len(expected["history"]) == steps
    assert found["history"] == expected["history"]
    assert found["model"].keys() == expected["model"].keys()
    for name, weight in expected["model"].items():
        assert facula.equal(found["model"][name], weight)
    for place, state in expected["optimizer"]["state"].items():
        for name, value in state.items():
            assert facula.equal(facula.as_tensor(found["optimizer"]["state"][place][name]), facula.as_tensor(value))
