"""A diffusion model draws handwritten digits, each row a class of its own.

    python examples/vision/ddpm.py --output drawn

About five minutes on two processor cores. Ho et al., "Denoising Diffusion Probabilistic Models", 2020.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import facula
from facula import nn
from facula.utils.data import DataLoader, TensorDataset
from facula_vision.datasets import Digits
from facula_vision.models.generative import DDPM, Denoiser
from facula_vision.utils import save_image


def digits(size: int) -> TensorDataset:
    """The pictures as -1..1 and their classes, enlarged smoothly from 8 by 8 pixels."""
    source = Digits(train=True)
    pixels = source.data[:, None].float() / 127.5 - 1
    pixels = nn.functional.interpolate(pixels, size=(size, size), mode="bilinear", align_corners=False)
    return TensorDataset(pixels, source.targets)


def train(model: DDPM, loader: DataLoader, epochs: int, learning_rate: float = 2e-3) -> float:
    """Mean loss of the last epoch."""
    optimizer = facula.optim.Adam(model.parameters(), lr=learning_rate)
    schedule = facula.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs * len(loader))
    mean = float("nan")
    for epoch in range(epochs):
        start, losses = time.perf_counter(), []
        for pixels, labels in loader:
            loss = model(pixels, labels)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
        mean = sum(losses) / len(losses)
        print(f"epoch {epoch + 1:3d}: loss {mean:.4f}, {time.perf_counter() - start:.1f} s")
    return mean


def main(arguments: list[str] | None = None) -> float:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("ddpm-output"))
    parser.add_argument("--epochs", type=int, default=35)
    parser.add_argument("--size", type=int, default=16, help="pixels of a side, divisible by 4")
    parser.add_argument("--steps", type=int, default=200, help="from a picture to noise")
    parser.add_argument("--width", type=int, default=32, help="channels of the first layer")
    options = parser.parse_args(arguments)
    facula.manual_seed(0)
    loader = DataLoader(digits(options.size), batch_size=64, shuffle=True, drop_last=True)
    network = Denoiser(channels=1, widths=(options.width, 2 * options.width, 4 * options.width), num_classes=10)
    model = DDPM(network, steps=options.steps)
    loss = train(model, loader, options.epochs)
    labels = facula.arange(10).repeat_interleave(10)
    pictures = model.eval().sample((100, 1, options.size, options.size), labels)
    options.output.mkdir(parents=True, exist_ok=True)
    save_image(pictures, options.output / "drawn.png", nrow=10, padding=1, normalize=True, value_range=(-1, 1))
    print(f"ddpm: loss {loss:.4f}, wrote {options.output / 'drawn.png'}")
    return loss


if __name__ == "__main__":
    main()
