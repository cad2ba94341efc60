"""The multivariate normal distribution whose covariance is a diagonal plus a matrix of low rank."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from facula import ops
from facula.distributions import constraints
from facula.distributions.distribution import Distribution
from facula.distributions.lazy import lazy_property
from facula.errors import value_error
from facula.tensors.tensor import Size, Tensor


class LowRankMultivariateNormal(Distribution):
    """The multivariate normal with covariance C = W W^T + diag(D), for W = cov_factor and D = cov_diag.

    C is never needed: by the lemmas of Woodbury and of the matrix determinant all is solved in the (m, m) matrix I + W^T D^-1 W.
    Shape: loc (*, n), cov_factor (*, n, m), cov_diag (*, n); event (n,).

    >>> import facula
    >>> facula.distributions.LowRankMultivariateNormal(facula.zeros(2), facula.ones(2, 1), facula.ones(2)).variance
    tensor([2., 2.])
    """

    arg_constraints: ClassVar[dict[str, Any]] = {
        "loc": constraints.real_vector, "cov_factor": constraints.independent(constraints.real, 2),
        "cov_diag": constraints.independent(constraints.positive, 1),
    }  # fmt: skip
    support = constraints.real_vector
    has_rsample = True

    def __init__(self, loc: Tensor, cov_factor: Tensor, cov_diag: Tensor, validate_args: bool | None = None) -> None:
        n = loc.shape[-1] if loc.ndim else None
        fits = n is not None and cov_factor.ndim >= 2 and cov_factor.shape[-2] == n and cov_diag.shape[-1:] == (n,)
        if not fits:
            raise value_error(
                f"LowRankMultivariateNormal: expected loc (*, n), cov_factor (*, n, m) and cov_diag (*, n), got shapes {tuple(loc.shape)}, "
                f"{tuple(cov_factor.shape)} and {tuple(cov_diag.shape)}. Reshape them."
            )
        batch = Size(ops.broadcast_shapes(loc.shape[:-1], cov_factor.shape[:-2], cov_diag.shape[:-1]))
        self.loc, self.cov_diag = loc.expand((*batch, -1)), cov_diag.expand((*batch, -1))
        self.cov_factor = cov_factor.expand((*batch, -1, -1))
        super().__init__(batch, self.loc.shape[-1:], validate_args=validate_args)

    @property
    def _small_factor(self) -> Tensor:
        """The Cholesky factor of I + W^T D^-1 W."""
        w = self.cov_factor
        inner = w.mT @ (w / self.cov_diag.unsqueeze(-1))
        return ops.linalg_cholesky(inner + ops.eye(w.shape[-1], dtype=w.dtype, device=w.device))

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        """W W^T + diag(D)."""
        return self.cov_factor @ self.cov_factor.mT + ops.diag_embed(self.cov_diag)

    @lazy_property
    def scale_tril(self) -> Tensor:
        """The lower triangular factor of the covariance."""
        return ops.linalg_cholesky(self.covariance_matrix)

    @lazy_property
    def precision_matrix(self) -> Tensor:
        """The inverse of the covariance: D^-1 - A^T A with A = L^-1 W^T D^-1."""
        scaled = (self.cov_factor / self.cov_diag.unsqueeze(-1)).mT
        a = ops.linalg_solve_triangular(self._small_factor, scaled, upper=False)
        return ops.diag_embed(1 / self.cov_diag) - a.mT @ a

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        return (self.cov_factor**2).sum(-1) + self.cov_diag

    @property
    def _half_log_det(self) -> Tensor:
        small = ops.log(ops.diagonal(self._small_factor, 0, -2, -1)).sum(-1)
        return small + ops.log(self.cov_diag).sum(-1) / 2

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        options: Any = {"dtype": self.loc.dtype, "device": self.loc.device}
        low = ops.randn((*shape[:-1], self.cov_factor.shape[-1]), **options)
        spread = (self.cov_factor @ low.unsqueeze(-1)).squeeze(-1)
        return self.loc + spread + ops.sqrt(self.cov_diag) * ops.randn(shape, **options)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        diff = value - self.loc
        scaled = diff / self.cov_diag
        inner = (self.cov_factor.mT @ scaled.unsqueeze(-1)).expand((*diff.shape[:-1], self.cov_factor.shape[-1], 1))
        factor = self._small_factor.expand((*diff.shape[:-1], -1, -1))
        a = ops.linalg_solve_triangular(factor, inner, upper=False).squeeze(-1)
        distance = (diff * scaled).sum(-1) - (a**2).sum(-1)
        return -0.5 * (distance + diff.shape[-1] * math.log(2 * math.pi)) - self._half_log_det

    def entropy(self) -> Tensor:
        return 0.5 * self.event_shape[0] * (1.0 + math.log(2 * math.pi)) + self._half_log_det
