"""Train a detector to find circles, squares and triangles that the program draws, and write a picture of what it finds.

The detector is FCOS over a small backbone with a pyramid, from random weights; a few minutes on two cores.

    python examples/vision/detect.py --output shapes
"""

from __future__ import annotations

import argparse
import math
import time
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

import facula
from facula import Tensor, nn
from facula.metrics import MeanAveragePrecision
from facula.utils.data import DataLoader, Dataset
from facula_vision.models.detection import FCOS, AnchorGenerator
from facula_vision.models.detection.fcos import FCOSHead
from facula_vision.ops import Conv2dNormActivation, FeaturePyramidNetwork

NAMES = ("circle", "square", "triangle")
INK = ((230, 60, 60), (40, 120, 220), (40, 160, 80))
SIDE = 96  # pixels of a picture


class Shapes(Dataset):
    """Pictures with one to four shapes on a noisy ground, the same for the same seed.

    Shape: a sample is (3, 96, 96) in 0..1, and {"boxes": (n, 4), "labels": (n,)}.
    """

    def __init__(self, count: int, seed: int) -> None:
        self.count, self.seed = count, seed

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[Tensor, dict[str, Tensor]]:
        rng = np.random.default_rng((self.seed, index))
        ground = rng.integers(60, 200, 3) + rng.normal(0, 25, (SIDE, SIDE, 3))
        picture = Image.fromarray(ground.clip(0, 255).astype(np.uint8))
        pen, boxes, labels = ImageDraw.Draw(picture), [], []
        for _ in range(rng.integers(1, 5)):
            size = rng.integers(14, 41, 2) if rng.random() < 0.5 else rng.integers(14, 41, 1).repeat(2)
            corner = [int(rng.integers(0, SIDE - n)) for n in size]
            box = (*corner, corner[0] + int(size[0]), corner[1] + int(size[1]))
            if any(overlap(box, other) > 0.15 for other in boxes):
                continue
            label = int(rng.integers(len(NAMES)))
            draw(pen, label, box, tuple(int(n) for n in rng.integers(0, 256, 3)))
            boxes.append(box)
            labels.append(label)
        pixels = facula.tensor(np.asarray(picture).astype(np.float32) / 255).permute(2, 0, 1).contiguous()
        return pixels, {"boxes": facula.tensor(boxes, dtype=facula.float32), "labels": facula.tensor(labels)}


def overlap(a: Any, b: Any) -> float:
    """The common area over the smaller one."""
    wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    smaller = min((a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1]))
    return max(wide, 0) * max(high, 0) / smaller


def draw(pen: ImageDraw.ImageDraw, label: int, box: Any, colour: Any) -> None:
    """One shape that fills a box."""
    x1, y1, x2, y2 = box
    if label == 0:
        pen.ellipse((x1, y1, x2 - 1, y2 - 1), fill=colour)
    elif label == 1:
        pen.rectangle((x1, y1, x2 - 1, y2 - 1), fill=colour)
    else:
        pen.polygon([(x1, y2 - 1), ((x1 + x2) // 2, y1), (x2 - 1, y2 - 1)], fill=colour)


class Backbone(nn.Module):
    """Convolutions that halve the picture, and a pyramid over the last two scales.

    Shape: (N, 3, H, W) -> {"0": (N, out_channels, H / 8, W / 8), "1": (N, out_channels, H / 16, W / 16)}.
    """

    def __init__(self, width: int = 24, out_channels: int = 64) -> None:
        super().__init__()
        self.stem = nn.Sequential(Conv2dNormActivation(3, width, stride=2), Conv2dNormActivation(width, width))
        self.half = self._stage(width, 2 * width)
        self.fine = self._stage(2 * width, 4 * width)
        self.coarse = self._stage(4 * width, 4 * width)
        self.pyramid = FeaturePyramidNetwork([4 * width, 4 * width], out_channels)
        self.out_channels = out_channels

    @staticmethod
    def _stage(inputs: int, outputs: int) -> nn.Sequential:
        return nn.Sequential(Conv2dNormActivation(inputs, outputs, stride=2), Conv2dNormActivation(outputs, outputs))

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        fine = self.fine(self.half(self.stem(x)))
        return self.pyramid(OrderedDict([("0", fine), ("1", self.coarse(fine))]))


def detector(width: int) -> FCOS:
    """FCOS for pictures of this size, with two levels."""
    backbone, anchors = Backbone(width), AnchorGenerator(((8,), (16,)), ((1.0,),) * 2)
    head = FCOSHead(backbone.out_channels, 1, len(NAMES), num_convs=2)
    look = {"min_size": SIDE, "max_size": SIDE, "image_mean": [0.5] * 3, "image_std": [0.25] * 3}
    return FCOS(backbone, len(NAMES), anchor_generator=anchors, head=head, score_thresh=0.1, **look)


def batches(count: int, seed: int, size: int, shuffle: bool = False) -> DataLoader:
    return DataLoader(
        Shapes(count, seed), size, shuffle=shuffle, collate_fn=lambda rows: tuple(zip(*rows, strict=True))
    )


def train(model: FCOS, options: argparse.Namespace) -> None:
    """One-cycle training; prints the mean of the losses of each epoch."""
    loader = batches(options.pictures, options.seed, options.batch_size, shuffle=True)
    optimizer = facula.optim.AdamW(model.parameters(), lr=options.learning_rate, weight_decay=1e-3)
    schedule = facula.optim.lr_scheduler.OneCycleLR(
        optimizer, options.learning_rate, total_steps=options.epochs * len(loader), pct_start=0.2
    )
    for epoch in range(options.epochs):
        start, total = time.perf_counter(), 0.0
        model.train()
        for pictures, targets in loader:
            loss = sum(model(pictures, targets).values())
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            schedule.step()
            total += loss.item()
        if not math.isfinite(total):
            raise FloatingPointError("detect: the loss is not finite. Lower --learning-rate.")
        print(f"epoch {epoch + 1}: loss {total / len(loader):.3f}, {time.perf_counter() - start:.0f} s", flush=True)


def judge(model: FCOS, count: int) -> float:
    """Mean average precision over IoU from 0.5 to 0.95 on pictures that were not trained on."""
    metric = MeanAveragePrecision()
    model.eval()
    with facula.no_grad():
        for pictures, targets in batches(count, 10_000, 16):
            metric.update(model(pictures), targets)
    return metric.compute()


def show(model: FCOS, path: Path, rows: int = 3, columns: int = 4, scale: int = 3) -> None:
    """A sheet of pictures with the boxes found, their names and scores."""
    sheet = Image.new("RGB", (columns * SIDE * scale, rows * SIDE * scale))
    scenes = Shapes(rows * columns, 20_000)
    pictures = [scenes[k][0] for k in range(len(scenes))]
    with facula.no_grad():
        found = model.eval()(pictures)
    for k, (picture, result) in enumerate(zip(pictures, found, strict=True)):
        pixels = (picture.permute(1, 2, 0) * 255).round().to(facula.uint8).numpy()
        view = Image.fromarray(pixels).resize((SIDE * scale,) * 2, Image.Resampling.NEAREST)
        pen = ImageDraw.Draw(view)
        for box, label, score in zip(*(result[name].tolist() for name in ("boxes", "labels", "scores")), strict=True):
            if score < 0.5:
                continue
            x1, y1, x2, y2 = (scale * n for n in box)
            pen.rectangle((x1, y1, x2, y2), outline=INK[label], width=2)
            text = f"{NAMES[label]} {score:.2f}"
            place = (x1 + 2, max(y1 - 12, 0))
            pen.rectangle(pen.textbbox(place, text), fill=INK[label])
            pen.text(place, text, fill="white")
        sheet.paste(view, (k % columns * SIDE * scale, k // columns * SIDE * scale))
    sheet.save(path)


def main(arguments: list[str] | None = None) -> float:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", default="shapes", help="folder of the picture and the weights")
    parser.add_argument("--pictures", type=int, default=1600)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--learning-rate", type=float, default=4e-3)
    parser.add_argument("--width", type=int, default=24, help="channels of the first layer")
    parser.add_argument("--tested", type=int, default=200, help="pictures for the score")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    facula.manual_seed(options.seed)
    output = Path(options.output)
    output.mkdir(parents=True, exist_ok=True)
    model = detector(options.width)
    train(model, options)
    score = judge(model, options.tested)
    facula.save(model.state_dict(), output / "detector.safetensors")
    show(model, output / "found.png")
    print(f"detect: mAP {score:.3f}, pictures in {output / 'found.png'}")
    return score


if __name__ == "__main__":
    main()
