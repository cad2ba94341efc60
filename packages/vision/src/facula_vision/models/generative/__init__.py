"""References that make pictures, or masks of them; each file reads from top to bottom like its paper."""

from __future__ import annotations

from facula_vision.models.generative.dcgan import (
    DCGANDiscriminator,
    DCGANGenerator,
    dcgan_discriminator,
    dcgan_generator,
)
from facula_vision.models.generative.ddpm import DDPM, Denoiser, ddpm
from facula_vision.models.generative.unet import UNet, unet
from facula_vision.models.generative.vae import VAE, vae

__all__ = [
    "DDPM",
    "VAE",
    "DCGANDiscriminator",
    "DCGANGenerator",
    "Denoiser",
    "UNet",
    "dcgan_discriminator",
    "dcgan_generator",
    "ddpm",
    "unet",
    "vae",
]
