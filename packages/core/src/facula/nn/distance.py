"""Distances and similarities of vectors."""

from __future__ import annotations

from facula.nn import functional as F
from facula.nn.module import Module
from facula.tensors.tensor import Tensor


class CosineSimilarity(Module):
    """x1 . x2 / max(|x1| |x2|, eps) along dim.

    Shape: (*, D, *), the same -> (*, *).

    >>> import facula
    >>> facula.nn.CosineSimilarity()(facula.ones(2, 3), facula.ones(2, 3))
    tensor([1.0000, 1.0000])
    """

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__()
        self.dim = dim
        self.eps = eps

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return F.cosine_similarity(x1, x2, self.dim, self.eps)


class PairwiseDistance(Module):
    """The p-norm of x1 - x2 + eps along the last dimension.

    Shape: (N, D) or (D), the same -> (N) or (), or with keepdim (N, 1) or (1).

    >>> import facula
    >>> facula.nn.PairwiseDistance(eps=0.0)(facula.zeros(1, 2), facula.tensor([[3.0, 4.0]]))
    tensor([5.])
    """

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__()
        self.norm = p
        self.eps = eps
        self.keepdim = keepdim

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return F.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)
