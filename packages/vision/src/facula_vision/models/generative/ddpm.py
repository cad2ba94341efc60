"""A small denoising diffusion model: pictures are drowned in noise step by step, and a network learns the way back.

Source: J. Ho, A. Jain, P. Abbeel, "Denoising Diffusion Probabilistic Models", https://arxiv.org/abs/2006.11239; the
schedule is the cosine of A. Nichol, P. Dhariwal, https://arxiv.org/abs/2102.09672.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import facula
from facula import Tensor, nn
from facula_vision.models.presets import preset

__all__ = ["DDPM", "Denoiser", "ddpm"]


def time_features(step: Tensor, size: int) -> Tensor:
    """Sines and cosines of a step, from fast to slow.   Shape: (N,) -> (N, size)."""
    speeds = facula.exp(-math.log(10_000.0) / (size // 2) * facula.arange(size // 2, device=step.device))
    angles = step[:, None].to(speeds.dtype) * speeds
    return facula.cat([angles.sin(), angles.cos()], dim=1)


class ResBlock(nn.Module):
    """x + two 3x3 convolutions of it, with what is known of the step between them.

    Shape: (N, inputs, H, W), (N, embed_size) -> (N, outputs, H, W).
    """

    def __init__(self, inputs: int, outputs: int, embed_size: int, groups: int = 8) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(math.gcd(groups, inputs), inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.embed = nn.Linear(embed_size, outputs)
        self.norm2 = nn.GroupNorm(math.gcd(groups, outputs), outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.skip = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        nn.init.zeros_(self.conv2.weight)  # each block starts as the identity
        nn.init.zeros_(self.conv2.bias)

    def forward(self, input: Tensor, embedded: Tensor) -> Tensor:
        silu = nn.functional.silu
        x = self.conv1(silu(self.norm1(input))) + self.embed(embedded)[:, :, None, None]
        return self.skip(input) + self.conv2(silu(self.norm2(x)))


class Attention(nn.Module):
    """x + what each pixel finds in all others.   Shape: (N, channels, H, W) -> the same."""

    def __init__(self, channels: int, heads: int = 4) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(math.gcd(8, channels), channels)
        self.attention = nn.MultiheadAttention(channels, heads, batch_first=True)

    def forward(self, input: Tensor) -> Tensor:
        x = self.norm(input).flatten(2).transpose(1, 2)  # (N, H * W, channels)
        found, _ = self.attention(x, x, x, need_weights=False)
        return input + found.transpose(1, 2).reshape(input.shape)


class Denoiser(nn.Module):
    """The noise in a picture at a step: a U-Net of residual blocks, with attention where the picture is smallest.

    With `num_classes` it also takes the class of each picture.
    Shape: (N, channels, H, W), (N,), (N,) -> (N, channels, H, W), H and W divisible by 2 ** (len(widths) - 1).
    """

    def __init__(
        self, channels: int = 1, widths: Sequence[int] = (32, 64, 128), num_classes: int | None = None
    ) -> None:
        super().__init__()
        size = 4 * widths[0]
        self.time = nn.Sequential(nn.Linear(widths[0], size), nn.SiLU(), nn.Linear(size, size), nn.SiLU())
        self.label = nn.Embedding(num_classes, size) if num_classes is not None else None
        self.stem = nn.Conv2d(channels, widths[0], 3, padding=1)
        self.down, self.shrink = nn.ModuleList(), nn.ModuleList()
        self.grow, self.up = nn.ModuleList(), nn.ModuleList()
        for few, many in itertools.pairwise(widths):
            self.down.append(ResBlock(few, few, size))
            self.shrink.append(nn.Conv2d(few, many, 3, stride=2, padding=1))
        for few, many in reversed(list(itertools.pairwise(widths))):
            self.grow.append(nn.ConvTranspose2d(many, few, 4, stride=2, padding=1))
            self.up.append(ResBlock(2 * few, few, size))
        self.middle1 = ResBlock(widths[-1], widths[-1], size)
        self.attention = Attention(widths[-1])
        self.middle2 = ResBlock(widths[-1], widths[-1], size)
        self.norm = nn.GroupNorm(math.gcd(8, widths[0]), widths[0])
        self.head = nn.Conv2d(widths[0], channels, 3, padding=1)
        nn.init.zeros_(self.head.weight)

    def forward(self, input: Tensor, step: Tensor, labels: Tensor | None = None) -> Tensor:
        embedded = self.time(time_features(step, self.time[0].in_features))
        if self.label is not None and labels is not None:
            embedded = embedded + self.label(labels)
        x, seen = self.stem(input), []
        for block, shrink in zip(self.down, self.shrink, strict=True):
            seen.append(block(x, embedded))
            x = shrink(seen[-1])
        x = self.middle2(self.attention(self.middle1(x, embedded)), embedded)
        for grow, block in zip(self.grow, self.up, strict=True):
            x = block(facula.cat([grow(x), seen.pop()], dim=1), embedded)
        return self.head(nn.functional.silu(self.norm(x)))


class DDPM(nn.Module):
    """q(x_t | x_0) = normal(sqrt(a_t) x_0, 1 - a_t), and a network that finds the noise in x_t.

    a_t falls from 1 to 0 over `steps` steps. Pictures are -1..1. Calling the model gives the loss.
    Shape: (N, C, H, W) -> ().

    >>> import facula
    >>> from facula_vision.models.generative import DDPM, Denoiser
    >>> model = DDPM(Denoiser(channels=1, widths=(8, 16)), steps=4)
    >>> model(facula.zeros(2, 1, 8, 8)).shape, model.sample((3, 1, 8, 8)).shape
    (facula.Size([]), facula.Size([3, 1, 8, 8]))
    """

    def __init__(self, network: nn.Module, steps: int = 1000) -> None:
        super().__init__()
        self.network = network
        self.steps = steps
        place = facula.arange(steps + 1, dtype=facula.float64) / steps
        level = ((place + 0.008) / 1.008 * math.pi / 2).cos().square()
        beta = (1 - level[1:] / level[:-1]).clamp(max=0.999)
        self.register_buffer("beta", beta.to(facula.float32), persistent=False)
        self.register_buffer("kept", (1 - beta).cumprod(dim=0).to(facula.float32), persistent=False)  # a_t

    def noisy(self, input: Tensor, step: Tensor, noise: Tensor) -> Tensor:
        """sqrt(a_t) input + sqrt(1 - a_t) noise.   Shape: (N, C, H, W), (N,), (N, C, H, W) -> (N, C, H, W)."""
        kept = self.kept[step].view(-1, 1, 1, 1)
        return kept.sqrt() * input + (1 - kept).sqrt() * noise

    def forward(self, input: Tensor, labels: Tensor | None = None) -> Tensor:
        step = facula.randint(0, self.steps, (len(input),), device=input.device)
        noise = facula.randn_like(input)
        found = self.network(self.noisy(input, step, noise), step, labels)
        return nn.functional.mse_loss(found, noise)

    def sample(self, shape: Sequence[int], labels: Tensor | None = None) -> Tensor:
        """New pictures -1..1, from noise and back step by step (algorithm 2 of the paper).

        The picture that the network believes in is cut at -1 and 1 in each step, which keeps errors from growing.
        """
        device = self.beta.device
        x = facula.randn(*shape, device=device)
        with facula.no_grad():
            for t in reversed(range(self.steps)):
                step = facula.full((shape[0],), t, device=device, dtype=facula.int64)
                x = self.before(x, t, self.network(x, step, labels))
        return x

    def before(self, input: Tensor, t: int, noise: Tensor) -> Tensor:
        """x_(t - 1), given x_t and the noise that the network found in it.   Shape: (N, C, H, W) twice -> the same."""
        kept, beta = float(self.kept[t]), float(self.beta[t])
        earlier = float(self.kept[t - 1]) if t else 1.0
        clean = ((input - math.sqrt(1 - kept) * noise) / math.sqrt(kept)).clamp(-1, 1)
        x = (math.sqrt(earlier) * beta * clean + math.sqrt(1 - beta) * (1 - earlier) * input) / (1 - kept)
        return x + math.sqrt(beta * (1 - earlier) / (1 - kept)) * facula.randn_like(x) if t else x


@preset()
def ddpm(*, steps: int = 1000, **config: Any) -> DDPM:
    """The diffusion model for one channel and sizes divisible by 4 (1,235,233 parameters)."""
    return DDPM(Denoiser(**config), steps)
