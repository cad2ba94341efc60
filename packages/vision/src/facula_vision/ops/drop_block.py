"""Dropping whole blocks of feature maps.

Source: G. Ghiasi, T.-Y. Lin, Q. V. Le, "DropBlock", https://arxiv.org/abs/1810.12890.
"""

from __future__ import annotations

import math

import facula
import facula.nn.functional as F
from facula import Tensor, nn

__all__ = ["DropBlock2d", "DropBlock3d", "drop_block2d", "drop_block3d"]


def _drop(
    name: str, input: Tensor, p: float, block_size: int, inplace: bool, eps: float, training: bool, rank: int
) -> Tensor:
    if not 0.0 <= p <= 1.0:
        raise ValueError(
            f"{name}: drop probability has to be between 0 and 1, expected that, got {p}. Give a probability."
        )
    if input.dim() != rank + 2:
        raise ValueError(
            f"{name}: input should be {rank + 2} dimensional, expected that, got {input.dim()}. Add the missing dimensions."
        )
    if not training or p == 0.0:
        return input
    sizes = input.shape[2:]
    block = min(block_size, *sizes)
    seats = [n - block + 1 for n in sizes]  # a seed drops itself and block - 1 after it
    gamma = p * math.prod(sizes) / (block**rank * math.prod(seats))
    seeds = facula.empty((*input.shape[:2], *seats), dtype=input.dtype, device=input.device).bernoulli_(gamma)
    pool = F.max_pool2d if rank == 2 else F.max_pool3d
    keep = 1 - pool(F.pad(seeds, [block - 1] * (2 * rank)), kernel_size=block, stride=1)
    scale = keep.numel() / (eps + keep.sum())
    return input.mul_(keep).mul_(scale) if inplace else input * keep * scale


def drop_block2d(
    input: Tensor, p: float, block_size: int, inplace: bool = False, eps: float = 1e-06, training: bool = True
) -> Tensor:
    """Zero square blocks, about a share `p` of all pixels of each channel, and scale what is left to the same sum.

    Shape: (N, C, H, W) -> the same. ValueError for other dimensions and for `p` outside 0..1.

    >>> import facula
    >>> from facula_vision.ops import drop_block2d
    >>> facula.equal(drop_block2d(facula.ones(1, 1, 6, 6), p=0.0, block_size=3), facula.ones(1, 1, 6, 6))
    True
    """
    return _drop("drop_block2d", input, p, block_size, inplace, eps, training, 2)


def drop_block3d(
    input: Tensor, p: float, block_size: int, inplace: bool = False, eps: float = 1e-06, training: bool = True
) -> Tensor:
    """`drop_block2d` with cubes.   Shape: (N, C, D, H, W) -> the same. ValueError as there."""
    return _drop("drop_block3d", input, p, block_size, inplace, eps, training, 3)


class DropBlock2d(nn.Module):
    """`drop_block2d` while training, the identity in evaluation.   Shape: (N, C, H, W) -> the same."""

    def __init__(self, p: float, block_size: int, inplace: bool = False, eps: float = 1e-06) -> None:
        super().__init__()
        self.p = p
        self.block_size = block_size
        self.inplace = inplace
        self.eps = eps

    def forward(self, input: Tensor) -> Tensor:
        return drop_block2d(input, self.p, self.block_size, self.inplace, self.eps, self.training)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p}, block_size={self.block_size}, inplace={self.inplace})"


class DropBlock3d(DropBlock2d):
    """`drop_block3d` while training, the identity in evaluation.   Shape: (N, C, D, H, W) -> the same."""

    def forward(self, input: Tensor) -> Tensor:
        return drop_block3d(input, self.p, self.block_size, self.inplace, self.eps, self.training)
