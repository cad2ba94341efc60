"""Operators of detection beside torchvision, forward and backward: `python benchmarks/detection_ops.py`.

Both run in one process, in turn, each round after the other; a ratio is facula_vision's median over torchvision's, and
below 1 facula is ahead. Needs torch and torchvision.
"""

from __future__ import annotations

import argparse
import re
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

Step = Callable[[], Any]


def _boxes(rng: np.random.Generator, count: int, size: int, least: int, most: int) -> np.ndarray:
    corners = rng.uniform(0, size - most, (count, 2))
    return np.concatenate([corners, corners + rng.uniform(least, most, (count, 2))], 1).astype(np.float32)


def _timed(
    library: Any, call: Callable[..., Any], inputs: dict[str, Any], wanted: list[str], options: dict[str, Any]
) -> Step:
    """A step that calls an operator, and its backward if something wants a gradient."""
    values = {name: library.tensor(array) for name, array in inputs.items()}
    for name in wanted:
        values[name].requires_grad_()
    if not wanted:
        return lambda: call(**values, **options)
    upper = library.ones_like(call(**values, **options))

    def step() -> None:
        for name in wanted:
            values[name].grad = None
        call(**values, **options).backward(upper)

    return step


def workloads() -> Iterator[tuple[str, str, dict[str, Any], list[str], dict[str, Any]]]:
    """(row, operator, arrays, those with a gradient, options)."""
    rng = np.random.default_rng(0)
    for count, most, threshold in ((1000, 200, 0.5), (4000, 200, 0.7), (4000, 40, 0.5)):
        inputs = {"boxes": _boxes(rng, count, 800, 8, most), "scores": rng.random(count, dtype=np.float32)}
        yield f"nms {count}, up to {most} wide", "nms", inputs, [], {"iou_threshold": threshold}
        labels = rng.integers(0, 80, count)
        yield (
            f"batched_nms {count}, up to {most} wide",
            "batched_nms",
            {**inputs, "idxs": labels},
            [],
            {"iou_threshold": threshold},
        )
    for count, side, ratio, least, most in ((256, 7, 2, 20, 120), (64, 14, 2, 30, 200), (128, 7, 0, 20, 300)):
        regions = np.concatenate(
            [rng.integers(0, 2, (count, 1)).astype(np.float32), _boxes(rng, count, 400, least, most)], 1
        )
        inputs = {"input": rng.standard_normal((2, 256, 50, 50), dtype=np.float32), "boxes": regions}
        options = {"output_size": side, "spatial_scale": 0.125, "sampling_ratio": ratio}
        for wanted in ([], ["input"]):
            row = f"roi_align {count} of {side}x{side}, ratio {ratio}{', with backward' if wanted else ''}"
            yield row, "roi_align", inputs, wanted, options
    for images, channels, side, groups in ((2, 64, 56, 1), (1, 256, 28, 4)):
        inputs = {
            "input": rng.standard_normal((images, channels, side, side), dtype=np.float32),
            "offset": rng.standard_normal((images, 18 * groups, side, side), dtype=np.float32),
            "mask": rng.random((images, 9 * groups, side, side), dtype=np.float32),
            "weight": rng.standard_normal((channels, channels, 3, 3), dtype=np.float32),
        }
        for wanted in ([], list(inputs)):
            row = f"deform_conv2d {images}x{channels}x{side}x{side}{', with backward' if wanted else ''}"
            yield row, "deform_conv2d", inputs, wanted, {"padding": (1, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--filter", default="", help="a regular expression: which rows")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()

    import torch
    import torchvision

    import facula
    import facula_vision

    pairs = ((facula, facula_vision.ops), (torch, torchvision.ops))
    for library, _ in pairs:
        library.set_num_threads(options.threads)
    for row, operator, inputs, wanted, settings in workloads():
        if not re.search(options.filter, row):
            continue
        steps = [_timed(library, getattr(ops, operator), inputs, wanted, settings) for library, ops in pairs]
        samples: list[list[float]] = [[], []]
        for turn in range(options.rounds + 2):
            for side, step in enumerate(steps):
                start = time.perf_counter()
                step()
                if turn >= 2:  # the first ones compile and allocate
                    samples[side].append(time.perf_counter() - start)
        ours, theirs = (1e3 * statistics.median(column) for column in samples)
        print(f"{row:52} {ours / theirs:5.2f}   facula {ours:8.2f} ms   torchvision {theirs:8.2f} ms", flush=True)


if __name__ == "__main__":
    main()
