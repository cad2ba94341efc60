"""The Pareto distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from facula import ops
from facula.distributions import constraints
from facula.distributions.distribution import Distribution
from facula.distributions.utils import broadcast_all
from facula.tensors.tensor import Tensor


class Pareto(Distribution):
    """log p(x) = log(alpha) + alpha log(scale) - (alpha + 1) log(x), for x >= scale.

    >>> import facula
    >>> facula.distributions.Pareto(1.0, 2.0).mean
    tensor(2.)
    """

    arg_constraints: ClassVar[dict[str, Any]] = {"alpha": constraints.positive, "scale": constraints.positive}
    has_rsample = True

    def __init__(self, scale: Any, alpha: Any, validate_args: bool | None = None) -> None:
        self.scale, self.alpha = broadcast_all(scale, alpha)
        super().__init__(self.scale.shape, validate_args=validate_args)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Any:
        """Where values have a probability, as a constraint."""
        return constraints.greater_than_eq(self.scale)

    @property
    def mean(self) -> Tensor:
        return ops.where(self.alpha > 1, self.alpha * self.scale / (self.alpha - 1), math.inf)

    @property
    def mode(self) -> Tensor:
        return self.scale

    @property
    def variance(self) -> Tensor:
        return ops.where(
            self.alpha > 2, self.scale**2 * self.alpha / ((self.alpha - 1) ** 2 * (self.alpha - 2)), math.inf
        )

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        drawn = self.scale.new_empty(self._extended_shape(sample_shape)).exponential_()
        return self.scale * ops.exp(drawn / self.alpha)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        return ops.log(self.alpha) + self.alpha * ops.log(self.scale) - (self.alpha + 1) * ops.log(value)

    def cdf(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        return 1 - (self.scale / value) ** self.alpha

    def icdf(self, value: Tensor) -> Tensor:
        return self.scale * (1 - value) ** (-1 / self.alpha)

    def entropy(self) -> Tensor:
        return ops.log(self.scale / self.alpha) + 1 + 1 / self.alpha
