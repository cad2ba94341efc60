"""Pictures from disk to batches, beside torch's loader on the same files: `python benchmarks/loader.py [--rounds 7]`.

Each sample is a 640x480 JPEG that Pillow decodes and resizes to 224x224, as a float tensor (3, 224, 224) in [0, 1]. Both
libraries are timed in turn, so that a busy machine is as bad for one as for the other; a ratio is facula's time over torch's,
the median over rounds. A round is a whole pass, its first batch timed apart: with workers that is what starting them costs.
Processor time, of the program and its workers together, does not depend on what else runs. `--threads 1` keeps torch's
operators to one thread, which is kinder to it where cores are few. `--ready` leaves the pictures out: each sample is one and the
same tensor, so that only collating and moving it are timed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from PIL import Image

import facula

BATCH = 16


def make_pictures(folder: Path, count: int) -> list[str]:
    """JPEG files with edges and noise, so that decoding them is as hard as decoding photographs."""
    rng = np.random.default_rng(0)
    paths = []
    for number in range(count):
        coarse = Image.fromarray(rng.integers(0, 256, (30, 40, 3), dtype=np.uint8)).resize((640, 480))
        noise = rng.integers(-12, 13, (480, 640, 3))
        pixels = np.clip(np.asarray(coarse).astype(int) + noise, 0, 255).astype(np.uint8)
        paths.append(str(folder / f"{number}.jpg"))
        Image.fromarray(pixels).save(paths[-1], quality=90)
    return paths


def pictures(library: ModuleType, paths: list[str]) -> Any:
    """The same dataset for either library."""

    class Pictures(library.utils.data.Dataset):  # type: ignore[name-defined,misc]
        def __len__(self) -> int:
            return len(paths)

        def __getitem__(self, index: int) -> Any:
            with Image.open(paths[index]) as file:
                image = file.convert("RGB").resize((224, 224), Image.Resampling.BILINEAR)
            pixels = library.from_numpy(np.array(image))
            return pixels.permute(2, 0, 1).contiguous().float().div(255), index

    return Pictures()


def ready(library: ModuleType, count: int) -> Any:
    """A dataset that costs nothing to read."""
    sample = library.rand(3, 224, 224)

    class Ready(library.utils.data.Dataset):  # type: ignore[name-defined,misc]
        def __len__(self) -> int:
            return count

        def __getitem__(self, index: int) -> Any:
            return sample, index

    return Ready()


def processor_time() -> float:
    """Seconds that this process and those it has waited for have used."""
    times = os.times()
    return sum(times[:4])


def passed(library: ModuleType, dataset: Any, workers: int) -> tuple[float, float, float]:
    """Seconds of the whole pass, until the first batch, and of processors."""
    used = processor_time()
    loader = library.utils.data.DataLoader(dataset, batch_size=BATCH, shuffle=True, num_workers=workers)
    start = time.perf_counter()
    batches = iter(loader)
    images, _ = next(batches)
    first = time.perf_counter() - start
    seen = len(images)
    for images, _ in batches:
        seen += len(images)
    assert seen == len(dataset)
    assert tuple(images.shape[1:]) == (3, 224, 224)
    whole = time.perf_counter() - start
    del batches
    return whole, first, processor_time() - used


def main() -> None:
    """Print one line per number of workers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--pictures", type=int, default=160)
    parser.add_argument("--threads", type=int, help="threads of each library's operators (default: their own)")
    parser.add_argument("--ready", action="store_true")
    chosen = parser.parse_args()
    if chosen.threads:
        facula.set_num_threads(chosen.threads)
        torch.set_num_threads(chosen.threads)
    with tempfile.TemporaryDirectory() as folder:
        paths = [] if chosen.ready else make_pictures(Path(folder), chosen.pictures)
        print(f"{chosen.pictures} pictures, batches of {BATCH}, median of {chosen.rounds} rounds in turn")
        print("| workers | pass: facula, torch (ms), ratio | first batch | processor time |")
        print("|---|---|---|---|")
        for workers in (0, 2):
            times: dict[str, list[tuple[float, ...]]] = {"facula": [], "torch": []}
            for _ in range(chosen.rounds + 1):  # the first warms up
                for library in (facula, torch):
                    data = ready(library, chosen.pictures) if chosen.ready else pictures(library, paths)
                    times[library.__name__].append(passed(library, data, workers))
            print(line(workers, times["facula"][1:], times["torch"][1:]))


def line(workers: int, ours: list[tuple[float, ...]], theirs: list[tuple[float, ...]]) -> str:
    """One row of the table."""
    cells = [str(workers)]
    for part in range(3):
        a, b = [row[part] for row in ours], [row[part] for row in theirs]
        ratio = statistics.median(x / y for x, y in zip(a, b, strict=True))
        cells.append(f"{statistics.median(a) * 1e3:.0f}, {statistics.median(b) * 1e3:.0f}, **{ratio:.2f}**")
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
