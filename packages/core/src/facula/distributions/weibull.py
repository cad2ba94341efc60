"""The Weibull distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from facula import ops
from facula.distributions import constraints
from facula.distributions.distribution import Distribution
from facula.distributions.draws import EULER
from facula.distributions.utils import broadcast_all
from facula.tensors.tensor import Tensor


class Weibull(Distribution):
    """log p(x) = log(k / s) + (k - 1) log(x / s) - (x / s)^k, for scale s and concentration k.

    >>> import facula
    >>> facula.distributions.Weibull(1.0, 1.0).mean
    tensor(1.)
    """

    arg_constraints: ClassVar[dict[str, Any]] = {"scale": constraints.positive, "concentration": constraints.positive}
    support = constraints.positive
    has_rsample = True

    def __init__(self, scale: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self.scale, self.concentration = broadcast_all(scale, concentration)
        super().__init__(self.scale.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.scale * ops.exp(ops.lgamma(1 + 1 / self.concentration))

    @property
    def mode(self) -> Tensor:
        return self.scale * ((self.concentration - 1) / self.concentration) ** (1 / self.concentration)

    @property
    def variance(self) -> Tensor:
        k = self.concentration
        return self.scale**2 * (ops.exp(ops.lgamma(1 + 2 / k)) - ops.exp(2 * ops.lgamma(1 + 1 / k)))

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        drawn = self.scale.new_empty(self._extended_shape(sample_shape)).exponential_()
        return self.scale * drawn ** (1 / self.concentration)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        k, x = self.concentration, value / self.scale
        return ops.log(k / self.scale) + (k - 1) * ops.log(x) - x**k

    def cdf(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        return -ops.expm1(-((value / self.scale) ** self.concentration))

    def icdf(self, value: Tensor) -> Tensor:
        return self.scale * (-ops.log1p(-value)) ** (1 / self.concentration)

    def entropy(self) -> Tensor:
        return EULER * (1 - 1 / self.concentration) + ops.log(self.scale / self.concentration) + 1
