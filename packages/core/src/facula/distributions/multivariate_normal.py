"""The multivariate normal distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from facula import ops
from facula.distributions import constraints
from facula.distributions.distribution import Distribution
from facula.distributions.lazy import lazy_property
from facula.distributions.utils import one_of
from facula.errors import value_error
from facula.tensors.tensor import Size, Tensor


class MultivariateNormal(Distribution):
    """log p(x) = -(x - loc)^T C^-1 (x - loc) / 2 - log det(2 pi C) / 2.

    C is given as covariance_matrix, as its inverse precision_matrix, or as scale_tril with C = scale_tril scale_tril^T.
    Shape: loc (*, n), matrices (*, n, n); event (n,).

    >>> import facula
    >>> facula.distributions.MultivariateNormal(facula.zeros(2), facula.eye(2)).entropy()
    tensor(2.8379)
    """

    arg_constraints: ClassVar[dict[str, Any]] = {
        "loc": constraints.real_vector, "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite, "scale_tril": constraints.lower_cholesky,
    }  # fmt: skip
    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self,
        loc: Tensor,
        covariance_matrix: Tensor | None = None,
        precision_matrix: Tensor | None = None,
        scale_tril: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        given = {"covariance_matrix": covariance_matrix, "precision_matrix": precision_matrix, "scale_tril": scale_tril}
        one_of("MultivariateNormal", **given)
        name, matrix = next((k, v) for k, v in given.items() if v is not None)
        if loc.ndim < 1 or matrix.ndim < 2:
            raise value_error(
                f"MultivariateNormal: expected loc with at least one dimension and {name} with at least two, got shapes "
                f"{tuple(loc.shape)} and {tuple(matrix.shape)}. Reshape them."
            )
        batch = Size(ops.broadcast_shapes(loc.shape[:-1], matrix.shape[:-2]))
        self.loc = loc.expand((*batch, -1))
        self.__dict__[name] = matrix.expand((*batch, -1, -1))
        super().__init__(batch, self.loc.shape[-1:], validate_args=validate_args)
        if name != "scale_tril":  # a matrix without a Cholesky factor fails here and not at the first use
            self.scale_tril  # noqa: B018

    @lazy_property
    def scale_tril(self) -> Tensor:
        """The lower triangular factor of the covariance."""
        if "covariance_matrix" in self.__dict__:
            return ops.linalg_cholesky(self.covariance_matrix)
        flipped = ops.linalg_cholesky(ops.flip(self.precision_matrix, (-2, -1)))
        return self._inverse(ops.flip(flipped, (-2, -1)).mT)

    def _inverse(self, factor: Tensor) -> Tensor:
        unit = ops.eye(self.event_shape[0], dtype=factor.dtype, device=factor.device)
        return ops.linalg_solve_triangular(factor, unit.expand(factor.shape), upper=False)

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        """scale_tril scale_tril^T."""
        return self.scale_tril @ self.scale_tril.mT

    @lazy_property
    def precision_matrix(self) -> Tensor:
        """The inverse of the covariance."""
        inverse = self._inverse(self.scale_tril)
        return inverse.mT @ inverse

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        return (self.scale_tril**2).sum(-1)

    @property
    def _half_log_det(self) -> Tensor:
        return ops.log(ops.diagonal(self.scale_tril, 0, -2, -1)).sum(-1)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        noise = ops.randn(self._extended_shape(sample_shape), dtype=self.loc.dtype, device=self.loc.device)
        return self.loc + (self.scale_tril @ noise.unsqueeze(-1)).squeeze(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        diff = value - self.loc
        factor = self.scale_tril.expand(diff.shape + diff.shape[-1:])
        z = ops.linalg_solve_triangular(factor, diff.unsqueeze(-1), upper=False).squeeze(-1)
        return -0.5 * ((z**2).sum(-1) + diff.shape[-1] * math.log(2 * math.pi)) - self._half_log_det

    def entropy(self) -> Tensor:
        return 0.5 * self.event_shape[0] * (1.0 + math.log(2 * math.pi)) + self._half_log_det
