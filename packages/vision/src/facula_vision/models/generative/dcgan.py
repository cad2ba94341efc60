"""DCGAN: a generator that learns to deceive a discriminator.

Source: A. Radford, L. Metz, S. Chintala, "Unsupervised Representation Learning with Deep Convolutional Generative
Adversarial Networks", https://arxiv.org/abs/1511.06434.
"""

from __future__ import annotations

from typing import Any

from facula import Tensor, nn
from facula_vision.models.presets import preset

__all__ = ["DCGANDiscriminator", "DCGANGenerator", "dcgan_discriminator", "dcgan_generator"]


def _doublings(image_size: int) -> int:
    """How often 4 is doubled to give `image_size`."""
    count = (image_size // 4).bit_length() - 1
    if image_size < 8 or image_size != 4 << count:
        raise ValueError(
            f"DCGAN: expected an image size among 8, 16, 32, 64, ..., got {image_size}. Resize the pictures."
        )
    return count


def _initialize(model: nn.Module) -> None:
    """All weights from a normal distribution of deviation 0.02, section 4 of the paper."""
    for module in model.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(module.weight, 0.0, 0.02)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.02)


class DCGANGenerator(nn.Module):
    """Noise to a picture -1..1: 4x4 pixels of many channels, doubled again and again.

    Shape: (N, latent_size) -> (N, out_channels, image_size, image_size).

    >>> import facula
    >>> from facula_vision.models.generative import DCGANGenerator
    >>> DCGANGenerator(latent_size=8, channels=4, out_channels=1, image_size=16)(facula.randn(2, 8)).shape
    facula.Size([2, 1, 16, 16])
    """

    def __init__(self, latent_size: int = 100, channels: int = 64, out_channels: int = 3, image_size: int = 64) -> None:
        super().__init__()
        self.latent_size = latent_size
        wide = channels << (_doublings(image_size) - 1)
        layers: list[nn.Module] = [
            nn.ConvTranspose2d(latent_size, wide, kernel_size=4, bias=False),
            nn.BatchNorm2d(wide),
            nn.ReLU(inplace=True),
        ]
        while wide > channels:
            layers += [
                nn.ConvTranspose2d(wide, wide // 2, kernel_size=4, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(wide // 2),
                nn.ReLU(inplace=True),
            ]
            wide //= 2
        layers += [nn.ConvTranspose2d(wide, out_channels, kernel_size=4, stride=2, padding=1), nn.Tanh()]
        self.layers = nn.Sequential(*layers)
        _initialize(self)

    def forward(self, input: Tensor) -> Tensor:
        return self.layers(input[:, :, None, None])


class DCGANDiscriminator(nn.Module):
    """A picture to a score, high for real ones: the generator backwards, with leaky activations.

    Shape: (N, in_channels, image_size, image_size) -> (N,).
    """

    def __init__(self, channels: int = 64, in_channels: int = 3, image_size: int = 64) -> None:
        super().__init__()
        count = _doublings(image_size)
        layers: list[nn.Module] = [
            nn.Conv2d(in_channels, channels, kernel_size=4, stride=2, padding=1),
            nn.LeakyReLU(0.2, inplace=True),
        ]
        wide = channels
        for _ in range(count - 1):
            layers += [
                nn.Conv2d(wide, 2 * wide, kernel_size=4, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(2 * wide),
                nn.LeakyReLU(0.2, inplace=True),
            ]
            wide *= 2
        layers.append(nn.Conv2d(wide, 1, kernel_size=4))  # 4x4 pixels to one
        self.layers = nn.Sequential(*layers)
        _initialize(self)

    def forward(self, input: Tensor) -> Tensor:
        return self.layers(input).flatten()


@preset()
def dcgan_generator(**config: Any) -> DCGANGenerator:
    """The generator of the paper for 64 by 64 pixels (3,576,707 parameters)."""
    return DCGANGenerator(**config)


@preset()
def dcgan_discriminator(**config: Any) -> DCGANDiscriminator:
    """The discriminator for 64 by 64 pixels (2,765,633 parameters)."""
    return DCGANDiscriminator(**config)
