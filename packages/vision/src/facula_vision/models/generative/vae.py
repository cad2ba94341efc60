"""The variational autoencoder.

Source: D. Kingma, M. Welling, "Auto-Encoding Variational Bayes", https://arxiv.org/abs/1312.6114.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import facula
from facula import Tensor, nn
from facula_vision.models.presets import preset

__all__ = ["VAE", "VAEOutputs", "vae"]


class VAEOutputs(NamedTuple):
    """The picture again as logits, and the normal distribution of its code."""

    reconstruction: Tensor  # (N, *image_shape)
    mean: Tensor  # (N, latent_size)
    log_variance: Tensor  # (N, latent_size)


class VAE(nn.Module):
    """An encoder to a distribution over codes and a decoder back to pixels 0..1, each with one hidden layer.

    Shape: (N, *image_shape) -> `VAEOutputs`.

    >>> import facula
    >>> from facula_vision.models.generative import VAE
    >>> model = VAE(image_shape=(1, 8, 8), hidden_size=16, latent_size=2)
    >>> outputs = model(facula.rand(4, 1, 8, 8))
    >>> outputs.reconstruction.shape, model.sample(3).shape
    (facula.Size([4, 1, 8, 8]), facula.Size([3, 1, 8, 8]))
    """

    def __init__(self, image_shape: Sequence[int] = (1, 28, 28), hidden_size: int = 500, latent_size: int = 20) -> None:
        super().__init__()
        self.image_shape = tuple(image_shape)
        self.latent_size = latent_size
        pixels = math.prod(image_shape)
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(pixels, hidden_size), nn.ReLU())
        self.mean = nn.Linear(hidden_size, latent_size)
        self.log_variance = nn.Linear(hidden_size, latent_size)
        self.decoder = nn.Sequential(
            nn.Linear(latent_size, hidden_size),
            nn.ReLU(),
            nn.Linear(hidden_size, pixels),
            nn.Unflatten(1, self.image_shape),
        )

    def encode(self, input: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and logarithm of the variance of the codes.   Shape: (N, *image_shape) -> twice (N, latent_size)."""
        hidden = self.encoder(input)
        return self.mean(hidden), self.log_variance(hidden)

    def forward(self, input: Tensor) -> VAEOutputs:
        mean, log_variance = self.encode(input)
        code = mean
        if self.training:  # the noise stands outside the network, so that gradients pass
            code = mean + (0.5 * log_variance).exp() * facula.randn_like(mean)
        return VAEOutputs(self.decoder(code), mean, log_variance)

    def loss(self, input: Tensor) -> Tensor:
        """The negative bound on the log-likelihood of a picture, in nats, averaged over the batch.

        -log p(input | code) + KL(code || normal), with KL = -1/2 sum(1 + log var - mean^2 - var).   Shape: ().
        """
        outputs = self(input)
        missed = nn.functional.binary_cross_entropy_with_logits(outputs.reconstruction, input, reduction="sum")
        spread = outputs.log_variance
        divergence = -0.5 * (1 + spread - outputs.mean.square() - spread.exp()).sum()
        return (missed + divergence) / len(input)

    def sample(self, count: int) -> Tensor:
        """New pictures 0..1, from codes drawn at random.   Shape: (count, *image_shape)."""
        weight = self.mean.weight
        code = facula.randn(count, self.latent_size, dtype=weight.dtype, device=weight.device)
        with facula.no_grad():
            return self.decoder(code).sigmoid()


@preset()
def vae(**config: Any) -> VAE:
    """The autoencoder for 28 by 28 pixels (815,824 parameters)."""
    return VAE(**config)
