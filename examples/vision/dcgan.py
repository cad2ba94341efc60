"""A generator learns to draw handwritten digits that a discriminator takes for real.

    python examples/vision/dcgan.py --output drawn

Two to three minutes on two processor cores. Radford et al., "Unsupervised Representation Learning with Deep Convolutional
Generative Adversarial Networks", 2016.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import facula
from facula import Tensor, nn
from facula.utils.data import DataLoader
from facula_vision.datasets import Digits
from facula_vision.models.generative import DCGANDiscriminator, DCGANGenerator
from facula_vision.utils import save_image


def digits(size: int) -> Tensor:
    """The pictures as -1..1, enlarged smoothly from 8 by 8 pixels.   Shape: (1198, 1, size, size)."""
    pixels = Digits(train=True).data[:, None].float() / 127.5 - 1
    return nn.functional.interpolate(pixels, size=(size, size), mode="bilinear", align_corners=False)


def judged(scores: Tensor, real: float) -> Tensor:
    """How far the discriminator is from saying `real`."""
    return nn.functional.binary_cross_entropy_with_logits(scores, facula.full_like(scores, real))


def train(
    generator: DCGANGenerator, discriminator: DCGANDiscriminator, loader: DataLoader, epochs: int, learning_rate: float
) -> tuple[float, float]:
    """Mean losses of generator and discriminator in the last epoch."""
    options = {"lr": learning_rate, "betas": (0.5, 0.999)}
    draws = facula.optim.Adam(generator.parameters(), **options)
    judges = facula.optim.Adam(discriminator.parameters(), **options)
    means = (float("nan"), float("nan"))
    for epoch in range(epochs):
        start, losses = time.perf_counter(), []
        for pixels in loader:
            drawn = generator(facula.randn(len(pixels), generator.latent_size))
            # 0.9 for "real": a judge that is never sure gives better advice
            judge = judged(discriminator(pixels), 0.9) + judged(discriminator(drawn.detach()), 0.0)
            judges.zero_grad()
            judge.backward()
            judges.step()
            fooled = judged(discriminator(drawn), 1.0)
            draws.zero_grad()
            fooled.backward()
            draws.step()
            losses.append((fooled.item(), judge.item()))
        means = tuple(sum(column) / len(losses) for column in zip(*losses, strict=True))
        seconds = time.perf_counter() - start
        print(f"epoch {epoch + 1:3d}: generator {means[0]:.3f}, discriminator {means[1]:.3f}, {seconds:.1f} s")
    return means


def main(arguments: list[str] | None = None) -> tuple[float, float]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("dcgan-output"))
    parser.add_argument("--epochs", type=int, default=80)
    parser.add_argument("--size", type=int, default=16, help="pixels of a side: 8, 16, 32, ...")
    parser.add_argument("--width", type=int, default=32, help="channels of the last layer but one")
    parser.add_argument("--latent", type=int, default=32, help="numbers of noise")
    options = parser.parse_args(arguments)
    facula.manual_seed(0)
    loader = DataLoader(digits(options.size), batch_size=64, shuffle=True, drop_last=True)
    generator = DCGANGenerator(options.latent, options.width, out_channels=1, image_size=options.size)
    discriminator = DCGANDiscriminator(options.width, in_channels=1, image_size=options.size)
    losses = train(generator, discriminator, loader, options.epochs, learning_rate=4e-4)
    with facula.no_grad():
        pictures = generator.eval()(facula.randn(100, options.latent))
    options.output.mkdir(parents=True, exist_ok=True)
    save_image(pictures, options.output / "drawn.png", nrow=10, padding=1, normalize=True, value_range=(-1, 1))
    print(f"dcgan: generator {losses[0]:.3f}, discriminator {losses[1]:.3f}, wrote {options.output / 'drawn.png'}")
    return losses


if __name__ == "__main__":
    main()
