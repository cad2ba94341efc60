"""The generalized Pareto distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from facula import ops
from facula.distributions import constraints
from facula.distributions.distribution import Distribution
from facula.distributions.draws import uniform_open
from facula.distributions.utils import broadcast_all
from facula.tensors.tensor import Tensor


class GeneralizedPareto(Distribution):
    """P(X > x) = (1 + c z)^(-1 / c) with z = (x - loc) / scale, or exp(-z) for concentration c = 0, for x >= loc.

    For c < 0 the support ends at loc - scale / c. The mean exists for c < 1, the variance for c < 1/2; else nan.

    >>> import facula
    >>> facula.distributions.GeneralizedPareto(0.0, 1.0, 0.5).mean
    tensor(2.)
    """

    arg_constraints: ClassVar[dict[str, Any]] = {
        "loc": constraints.real,
        "scale": constraints.positive,
        "concentration": constraints.real,
    }
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale, self.concentration = broadcast_all(loc, scale, concentration)
        super().__init__(self.loc.shape, validate_args=validate_args)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Any:
        """Where values have a probability, as a constraint."""
        c = self.concentration
        end = ops.where(c < 0, self.loc - self.scale / ops.where(c < 0, c, -1.0), math.inf)
        return constraints.interval(self.loc, end)

    def _split(self) -> tuple[Tensor, Tensor]:
        """Whether the concentration c is 0, where its limit and slope are used, and c with 1 there."""
        zero = ops.isclose(self.concentration, ops.zeros_like(self.concentration))
        return zero, ops.where(zero, 1.0, self.concentration)

    def log_survival_function(self, value: Tensor) -> Tensor:
        """log P(X > value)."""
        self._validate_sample(value)
        z = (value - self.loc) / self.scale
        zero, c = self._split()
        return ops.where(zero, -z + self.concentration * z**2 / 2, -ops.log1p(c * z) / c)

    def log_prob(self, value: Tensor) -> Tensor:
        survival = self.log_survival_function(value)
        return (1 + self.concentration) * survival - ops.log(self.scale)

    def cdf(self, value: Tensor) -> Tensor:
        return -ops.expm1(self.log_survival_function(value))

    def log_cdf(self, value: Tensor) -> Tensor:
        """log P(X <= value)."""
        return ops.log1p(-ops.exp(self.log_survival_function(value)))

    def icdf(self, value: Tensor) -> Tensor:
        zero, c = self._split()
        y = -ops.log1p(-value)
        z = ops.where(zero, y + self.concentration * y**2 / 2, ops.expm1(c * y) / c)
        return self.loc + self.scale * z

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return self.icdf(uniform_open(self.loc, self._extended_shape(sample_shape)))

    @property
    def mean(self) -> Tensor:
        c = self.concentration
        return ops.where(c < 1, self.loc + self.scale / ops.where(c < 1, 1 - c, 1.0), math.nan)

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        c = self.concentration
        low = ops.where(c < 0.5, c, 0.0)
        return ops.where(c < 0.5, self.scale**2 / ((1 - low) ** 2 * (1 - 2 * low)), math.nan)

    def entropy(self) -> Tensor:
        return ops.log(self.scale) + self.concentration + 1
