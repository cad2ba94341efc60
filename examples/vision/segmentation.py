"""A U-Net finds discs, squares and triangles in noisy pictures, pixel by pixel.

    python examples/vision/segmentation.py --output found

A minute or two on two processor cores. It writes pictures, what is in them, and what the network found, one below the other.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import facula
from facula import Tensor, nn
from facula_vision.models.generative import UNet
from facula_vision.utils import save_image

COLOURS = facula.tensor(
    [[0.1, 0.1, 0.1], [0.9, 0.3, 0.2], [0.2, 0.7, 0.3], [0.2, 0.4, 0.9]]
)  # nothing, and three shapes


def shapes(count: int, size: int) -> tuple[Tensor, Tensor]:
    """Pictures with one shape of each kind in black, white or a pure colour, and the kind at each pixel: 0 for none, 1 disc, 2 square, 3 triangle.

    Shape: (count, 3, size, size), (count, size, size).
    """
    rows, columns = facula.meshgrid(facula.arange(size), facula.arange(size), indexing="ij")
    kinds = facula.zeros(count, size, size, dtype=facula.int64)
    pixels = facula.full((count, 3, size, size), 0.5)
    for kind in (1, 2, 3):
        centre = (0.2 + 0.6 * facula.rand(2, count, 1, 1)) * size
        radius = (0.14 + 0.1 * facula.rand(count, 1, 1)) * size
        down, right = rows - centre[0], columns - centre[1]
        inside = {
            1: down.square() + right.square() < radius.square(),
            2: facula.maximum(down.abs(), right.abs()) < 0.9 * radius,
            3: (down < radius) & (2 * right.abs() < down + radius),
        }[kind]
        kinds = facula.where(inside, kind, kinds)
        colour = facula.randint(0, 2, (count, 3, 1, 1)).float()  # any colour: only the form tells
        pixels = facula.where(inside[:, None], colour, pixels)
    return pixels + 0.1 * facula.randn(*pixels.shape), kinds


def overlap(found: Tensor, kinds: Tensor) -> float:
    """Intersection over union, averaged over the kinds."""
    parts = []
    for kind in range(len(COLOURS)):
        both, either = (found == kind) & (kinds == kind), (found == kind) | (kinds == kind)
        parts.append(float(both.sum()) / max(float(either.sum()), 1.0))
    return sum(parts) / len(parts)


def train(model: UNet, steps: int, size: int, batch: int = 16) -> None:
    optimizer = facula.optim.Adam(model.parameters(), lr=3e-3)
    schedule = facula.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)
    start = time.perf_counter()
    for step in range(steps):
        pixels, kinds = shapes(batch, size)
        loss = nn.functional.cross_entropy(model(pixels), kinds)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if (step + 1) % 50 == 0 or step + 1 == steps:
            print(f"step {step + 1:4d}: loss {loss.item():.4f}, {time.perf_counter() - start:.0f} s")


def main(arguments: list[str] | None = None) -> float:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("segmentation-output"))
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--size", type=int, default=32, help="pixels of a side")
    parser.add_argument("--width", type=int, default=16, help="channels of the first layer")
    options = parser.parse_args(arguments)
    facula.manual_seed(0)
    width = options.width
    model = UNet(in_channels=3, num_classes=len(COLOURS), channels=(width, 2 * width, 4 * width))
    train(model, options.steps, options.size)
    facula.manual_seed(1)
    pixels, kinds = shapes(64, options.size)
    with facula.no_grad():
        found = model.eval()(pixels).argmax(dim=1)
    score = overlap(found, kinds)
    options.output.mkdir(parents=True, exist_ok=True)
    rows = [pixels[:8].clamp(0, 1), *(COLOURS[part[:8]].permute(0, 3, 1, 2) for part in (kinds, found))]
    save_image(facula.cat(rows), options.output / "found.png", nrow=8, padding=2)
    print(f"segmentation: mean overlap {score:.3f}, wrote {options.output / 'found.png'}")
    return score


if __name__ == "__main__":
    main()
