"""The Kumaraswamy distribution."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from facula import ops
from facula.distributions import constraints
from facula.distributions.draws import EULER
from facula.distributions.transformed_distribution import TransformedDistribution
from facula.distributions.transforms import AffineTransform, PowerTransform
from facula.distributions.uniform import Uniform
from facula.distributions.utils import broadcast_all
from facula.tensors.tensor import Tensor


class Kumaraswamy(TransformedDistribution):
    """p(x) = a b x^(a - 1) (1 - x^a)^(b - 1) in [0, 1], for a = concentration1 and b = concentration0.

    It is (1 - u^(1 / b))^(1 / a) for uniform u. The mode is ((a - 1) / (a b - 1))^(1 / a) where a, b >= 1 and not both 1, else nan.

    >>> import facula
    >>> facula.distributions.Kumaraswamy(1.0, 1.0).mean
    tensor(0.5000)
    """

    arg_constraints: ClassVar[dict[str, Any]] = {
        "concentration1": constraints.positive,
        "concentration0": constraints.positive,
    }
    support = constraints.unit_interval
    has_rsample = True

    def __init__(self, concentration1: Any, concentration0: Any, validate_args: bool | None = None) -> None:
        self.concentration1, self.concentration0 = broadcast_all(concentration1, concentration0)
        base = Uniform(ops.zeros_like(self.concentration0), ops.ones_like(self.concentration0), validate_args=False)
        steps = [
            PowerTransform(1 / self.concentration0),
            AffineTransform(1.0, -1.0),
            PowerTransform(1 / self.concentration1),
        ]
        super().__init__(base, steps, validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        a, b = (t.expand(tuple(batch_shape)) for t in (self.concentration1, self.concentration0))
        new = type(self)(a, b, validate_args=False)
        new._validate_args = self._validate_args
        return new

    def _moment(self, n: int) -> Tensor:
        """E[x^n] = b B(1 + n / a, b)."""
        b, top = self.concentration0, 1 + n / self.concentration1
        return b * ops.exp(ops.lgamma(top) + ops.lgamma(b) - ops.lgamma(top + b))

    @property
    def mean(self) -> Tensor:
        return self._moment(1)

    @property
    def mode(self) -> Tensor:
        a, b = self.concentration1, self.concentration0
        found = ((a - 1) / (a * b - 1)) ** (1 / a)
        return ops.where((a >= 1) & (b >= 1) & (a * b > 1), found, math.nan)

    @property
    def variance(self) -> Tensor:
        return self._moment(2) - self._moment(1) ** 2

    def entropy(self) -> Tensor:
        a, b = self.concentration1, self.concentration0
        return 1 - 1 / b + (1 - 1 / a) * (ops.digamma(b + 1) + EULER) - ops.log(a) - ops.log(b)
