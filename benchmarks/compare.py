"""facula beside torch in one run: operators, layers, models, the import, and memory: `python benchmarks/compare.py`.

Each library has a process of its own that lives through the run, and both are asked in turn: what else the machine does
slows both. A ratio is facula's median over torch's; below 1 facula is ahead. Peak memory, above what the import takes, and
the import itself are taken in fresh processes.

    python benchmarks/compare.py --filter 'layer|model' --rounds 9 --threads 1 --processor
"""

from __future__ import annotations

import argparse
import json
import math
import re
import statistics
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from workloads import NAMES

LIBRARIES = ("facula", "torch")
IMPORT = """
import re, sys, time
resident = lambda: int(re.search(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())[1]) / 1024
before, start = resident(), time.perf_counter()
__import__(sys.argv[1])
print(time.perf_counter() - start, resident() - before)
"""


def _library(name: str, threads: int) -> Any:
    library = import_module(name)
    import_module(f"{name}.nn")
    library.set_num_threads(threads)
    return library


def _highest() -> float:
    """The MiB that this process has had resident at most (Linux)."""
    return int(re.search(r"VmHWM:\s*(\d+)", Path("/proc/self/status").read_text())[1]) / 1024  # type: ignore[index]


def serve(name: str, options: argparse.Namespace) -> None:
    """Answer each line with the seconds that a step of the workload it names takes."""
    library, clock = _library(name, options.threads), time.process_time if options.processor else time.perf_counter
    current, step, count = "", None, 1
    for line in sys.stdin:
        if line.strip() != current:
            current, count = line.strip(), 1
            step = NAMES[current](library, lambda f: f)
            for _ in range(2):
                step()
            start = time.perf_counter()
            step()
            count = max(1, round(options.seconds / max(time.perf_counter() - start, 1e-6)))
        start = clock()
        for _ in range(count):
            step()
        print(json.dumps((clock() - start) / count), flush=True)


def peak(name: str, workload: str, options: argparse.Namespace) -> None:
    """The MiB that three steps need at most, above what the import takes."""
    library = _library(name, options.threads)
    before = _highest()
    step = NAMES[workload](library, lambda f: f)
    for _ in range(3):
        step()
    print(_highest() - before)


def _command(*more: str) -> list[str]:
    """This program again, with the options that it was given."""
    return [sys.executable, __file__, *sys.argv[1:], *more]


def _fresh(command: list[str]) -> list[float]:
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [float(word) for word in done.stdout.split()]


def _row(name: str, values: list[float], unit: str) -> float:
    ratio = values[0] / values[1] if values[1] > 0 else math.nan
    beside = "  ".join(f"{library} {value:9.3f} {unit}" for library, value in zip(LIBRARIES, values, strict=True))
    print(f"{name:30} {ratio:6.2f}   {beside}", flush=True)
    return ratio


def _ask(side: subprocess.Popen[str], name: str) -> float:
    side.stdin.write(name + "\n")  # type: ignore[union-attr]
    side.stdin.flush()  # type: ignore[union-attr]
    return float(side.stdout.readline())  # type: ignore[union-attr]


def times(names: list[str], rounds: int) -> None:
    """Print a row for each workload, and the mean of the ratios."""
    sides = [
        subprocess.Popen(_command("--serve", name), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for name in LIBRARIES
    ]
    ratios = []
    for name in names:
        samples = [[_ask(side, name) for side in sides] for _ in range(rounds)]
        ratios.append(_row(name, [1e3 * statistics.median(column) for column in zip(*samples, strict=True)], "ms"))
    for side in sides:
        side.stdin.close()  # type: ignore[union-attr]
        side.wait()
    ahead = sum(ratio <= 1 for ratio in ratios)
    print(
        f"{len(ratios)} timed: geometric mean {statistics.geometric_mean(ratios):.2f}, worst {max(ratios):.2f}, ahead in {ahead}"
    )


def imports(rounds: int) -> None:
    """Print the rows of the import."""
    found = [[_fresh([sys.executable, "-c", IMPORT, name]) for name in LIBRARIES] for _ in range(rounds)]
    for what, index, scale, unit in (("time", 0, 1e3, "ms"), ("memory", 1, 1.0, "MiB")):
        _row(
            f"import.{what}", [scale * statistics.median(pair[side][index] for pair in found) for side in (0, 1)], unit
        )


def memory(names: list[str]) -> None:
    """Print the peak of each workload."""
    for name in names:
        _row(f"{name} (memory)", [_fresh(_command("--peak", library, name))[0] for library in LIBRARIES], "MiB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--filter", default="", help="a regular expression: which rows")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.1, help="length of one sample")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--processor", action="store_true", help="count processor time instead of the clock's")
    parser.add_argument("--serve", choices=LIBRARIES, help=argparse.SUPPRESS)
    parser.add_argument("--peak", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve, options)
    elif options.peak:
        peak(*options.peak, options)
    else:
        names = [name for name in NAMES if re.search(options.filter, name)]
        if names:
            times(names, options.rounds)
        if re.search(options.filter, "import"):
            imports(options.rounds)
        memory([name for name in names if name.startswith("model.")])


if __name__ == "__main__":
    main()
