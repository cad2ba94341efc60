"""The LKJ distribution of correlation matrices, by their Cholesky factors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from facula import dtypes, ops
from facula.autograd import no_grad
from facula.distributions import constraints
from facula.distributions.beta import Beta
from facula.distributions.distribution import Distribution
from facula.distributions.utils import broadcast_all
from facula.errors import value_error
from facula.tensors.tensor import Tensor


class LKJCholesky(Distribution):
    """p(L) is proportional to the product over i = 2..n of L[i, i] ** (n - i + 2 (concentration - 1)).

    L L^T is a correlation matrix with density proportional to det ** (concentration - 1); all are equally probable for 1.
    Source: Lewandowski, Kurowicka and Joe, Generating random correlation matrices based on vines and extended onion
    method, 2009. Shape: concentration (*); event (dim, dim).

    >>> import facula
    >>> facula.distributions.LKJCholesky(3, 0.5).sample().shape
    facula.Size([3, 3])
    """

    arg_constraints: ClassVar[dict[str, Any]] = {"concentration": constraints.positive}
    support = constraints.corr_cholesky

    def __init__(self, dim: int, concentration: Any = 1.0, validate_args: bool | None = None) -> None:
        if dim < 2:
            raise value_error(f"LKJCholesky: expected dim to be an integer of at least 2, got {dim}. Enlarge it.")
        self.dim = dim
        (self.concentration,) = broadcast_all(concentration)
        super().__init__(self.concentration.shape, (dim, dim), validate_args=validate_args)

    def _count(self, start: int, stop: int) -> Tensor:
        return ops.arange(start, stop, dtype=self.concentration.dtype, device=self.concentration.device)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """The onion method: row i is a random direction of i numbers, of a random length below 1."""
        n, kind = self.dim, self.concentration
        with no_grad():
            row = self._count(1, n)
            tail = self.concentration.unsqueeze(-1) + 0.5 * (n - 1 - row)
            squared = Beta((row / 2).expand(tail.shape), tail).sample(sample_shape)
            directions = ops.randn(self._extended_shape(sample_shape), dtype=kind.dtype, device=kind.device)
            below = ops.tril(directions, -1)[..., 1:, :]
            below = below / (below**2).sum(-1, keepdim=True) ** 0.5 * squared.unsqueeze(-1) ** 0.5
            whole = ops.cat([ops.zeros_like(below[..., :1, :]), below], -2)
            rest = ops.clamp(1 - (whole**2).sum(-1), min=dtypes.finfo(kind.dtype).tiny)
            return whole + ops.diag_embed(ops.sqrt(rest))

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        n = self.dim
        powers = 2 * (self.concentration - 1).unsqueeze(-1) + n - self._count(2, n + 1)
        found = (powers * ops.log(ops.diagonal(value, 0, -2, -1)[..., 1:])).sum(-1)
        top = self.concentration + 0.5 * (n - 1)
        constant = 0.5 * (n - 1) * math.log(math.pi) + ops.mvlgamma(top - 0.5, n - 1) - (n - 1) * ops.lgamma(top)
        return found - constant
