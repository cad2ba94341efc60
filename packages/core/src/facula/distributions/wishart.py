"""The Wishart distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from facula import ops
from facula.distributions import constraints
from facula.distributions.chi2 import Chi2
from facula.distributions.exp_family import ExponentialFamily
from facula.distributions.lazy import lazy_property
from facula.distributions.utils import one_of
from facula.errors import value_error
from facula.tensors.tensor import Size, Tensor


def _digammas(x: Tensor, p: int) -> Tensor:
    """The derivative of `mvlgamma(x, p)`."""
    return ops.digamma(x.unsqueeze(-1) - ops.arange(p, dtype=x.dtype, device=x.device) / 2).sum(-1)


class Wishart(ExponentialFamily):
    """log p(X) = (df - p - 1) / 2 log det X - tr(V^-1 X) / 2 - df p / 2 log 2 - df / 2 log det V - log Gamma_p(df / 2).

    The sum of df outer products of N(0, V) has it. V is given as covariance_matrix, as its inverse precision_matrix, or as
    scale_tril with V = scale_tril scale_tril^T. Samples by Bartlett, 1933. Shape: df (*), matrices (*, p, p); event (p, p).

    >>> import facula
    >>> facula.distributions.Wishart(facula.tensor(3.0), covariance_matrix=facula.eye(2)).mean
    tensor([[3., 0.],
            [0., 3.]])
    """

    support = constraints.positive_definite
    has_rsample = True
    _mean_carrier_measure = 0

    @property
    def arg_constraints(self) -> Any:  # type: ignore[override]
        """df must be above p - 1."""
        return {
            "covariance_matrix": constraints.positive_definite, "precision_matrix": constraints.positive_definite,
            "scale_tril": constraints.lower_cholesky, "df": constraints.greater_than(self._event_shape[-1] - 1),
        }  # fmt: skip

    def __init__(
        self,
        df: Any,
        covariance_matrix: Tensor | None = None,
        precision_matrix: Tensor | None = None,
        scale_tril: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        given = {"covariance_matrix": covariance_matrix, "precision_matrix": precision_matrix, "scale_tril": scale_tril}
        one_of("Wishart", **given)
        name, matrix = next((k, v) for k, v in given.items() if v is not None)
        if matrix.ndim < 2:
            raise value_error(
                f"Wishart: expected {name} with at least two dimensions, got shape {tuple(matrix.shape)}. Reshape it."
            )
        df = df if isinstance(df, Tensor) else ops.tensor(df, dtype=matrix.dtype, device=matrix.device)
        if bool((df <= matrix.shape[-1] - 1).any()):
            raise value_error(
                f"Wishart: expected df to be greater than ndim - 1 = {matrix.shape[-1] - 1}, got {df!r}. Enlarge df."
            )
        batch = Size(ops.broadcast_shapes(df.shape, matrix.shape[:-2]))
        self.df = df.expand(batch)
        self.__dict__[name] = matrix.expand((*batch, -1, -1))
        super().__init__(batch, matrix.shape[-2:], validate_args=validate_args)

    @lazy_property
    def scale_tril(self) -> Tensor:
        """The lower triangular factor of V."""
        if "covariance_matrix" in self.__dict__:
            return ops.linalg_cholesky(self.covariance_matrix)
        return ops.linalg_cholesky(ops.linalg_inv(self.precision_matrix))

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        """V = scale_tril scale_tril^T."""
        return self.scale_tril @ self.scale_tril.mT

    @lazy_property
    def precision_matrix(self) -> Tensor:
        """The inverse of V."""
        return ops.cholesky_inverse(self.scale_tril)

    @property
    def _half_log_det(self) -> Tensor:
        return ops.log(ops.diagonal(self.scale_tril, 0, -2, -1)).sum(-1)

    def _each(self, number: Tensor) -> Tensor:
        return number.unsqueeze(-1).unsqueeze(-1)

    @property
    def mean(self) -> Tensor:
        return self._each(self.df) * self.covariance_matrix

    @property
    def mode(self) -> Tensor:
        factor = self.df - self.covariance_matrix.shape[-1] - 1
        return self._each(ops.where(factor > 0, factor, math.nan)) * self.covariance_matrix

    @property
    def variance(self) -> Tensor:
        v = self.covariance_matrix
        d = ops.diagonal(v, 0, -2, -1)
        return self._each(self.df) * (v**2 + d.unsqueeze(-1) * d.unsqueeze(-2))

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        p, df = self._event_shape[-1], self.df
        falling = df.unsqueeze(-1) - ops.arange(p, dtype=df.dtype, device=df.device)
        diagonal = ops.sqrt(Chi2(falling).rsample(sample_shape))
        noise = ops.randn(self._extended_shape(sample_shape), dtype=df.dtype, device=df.device)
        factor = self.scale_tril @ (ops.tril(noise, -1) + ops.diag_embed(diagonal))
        return factor @ factor.mT

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        p, df = self._event_shape[-1], self.df
        inner = ops.diagonal(ops.cholesky_solve(value, self.scale_tril), 0, -2, -1).sum(-1)
        constant = df * (p * math.log(2) / 2 + self._half_log_det) + ops.mvlgamma(df / 2, p)
        return (df - p - 1) / 2 * ops.linalg_slogdet(value)[1] - inner / 2 - constant

    def entropy(self) -> Tensor:
        p, df = self._event_shape[-1], self.df
        volume = (p + 1) * (p * math.log(2) / 2 + self._half_log_det) + ops.mvlgamma(df / 2, p)
        return volume - (df - p - 1) / 2 * _digammas(df / 2, p) + p * df / 2

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        p = self._event_shape[-1]
        return -self.precision_matrix / 2, (self.df - p - 1) / 2

    def _log_normalizer(self, *natural_params: Tensor) -> Tensor:
        x, y = natural_params
        p = x.shape[-1]
        half = y + (p + 1) / 2
        return half * (-ops.linalg_slogdet(-2 * x)[1] + p * math.log(2)) + ops.mvlgamma(half, p)
