"""An augmentation pipeline on PIL images beside torchvision's: `python benchmarks/transforms.py [--rounds 9]`.

Each batch is 64 JPEG files of 640x480: decode, RandomResizedCrop to 224, flip, ColorJitter, to float, normalise, stack. Both
libraries run in turn in one process, so that a busy machine is as bad for one as for the other; the ratio is facula's time
over torchvision's, of the medians over rounds. `--profile` prints where facula's time goes instead.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchvision.transforms.v2
from PIL import Image

import facula
import facula_vision.transforms.v2

BATCH = 64
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


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


def pipeline(library: Any, v2: Any) -> Any:
    """The same chain of either library."""
    return v2.Compose(
        [
            v2.RandomResizedCrop(224),
            v2.RandomHorizontalFlip(),
            v2.ColorJitter(brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1),
            v2.ToImage(),
            v2.ToDtype(library.float32, scale=True),
            v2.Normalize(MEAN, STD),
        ]
    )


def batch(library: Any, transform: Any, paths: list[str]) -> Any:
    """One batch from its files."""
    images = []
    for path in paths:
        with Image.open(path) as file:
            images.append(transform(file.convert("RGB")))
    return library.stack(images)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    ways = {
        "torchvision": (torch, pipeline(torch, torchvision.transforms.v2)),
        "facula": (facula, pipeline(facula, facula_vision.transforms.v2)),
    }
    with tempfile.TemporaryDirectory() as folder:
        paths = make_pictures(Path(folder), BATCH)
        if options.profile:
            batch(*ways["facula"], paths)
            with cProfile.Profile() as profile:
                batch(*ways["facula"], paths)
            pstats.Stats(profile).sort_stats("tottime").print_stats(28)
            return
        times: dict[str, list[float]] = {name: [] for name in ways}
        for number in range(options.rounds + 1):
            for name, (library, transform) in ways.items():
                torch.manual_seed(number)
                facula.manual_seed(number)
                start = time.perf_counter()
                assert tuple(batch(library, transform, paths).shape) == (BATCH, 3, 224, 224)
                times[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(seconds[1:]) for name, seconds in times.items()}
    for name, seconds in medians.items():
        print(f"{name:12} {seconds * 1e3:7.1f} ms a batch of {BATCH}   {BATCH / seconds:6.0f} images/s")
    print(f"ratio        {medians['facula'] / medians['torchvision']:7.3f}")


if __name__ == "__main__":
    main()
