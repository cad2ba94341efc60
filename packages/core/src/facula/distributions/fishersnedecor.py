"""The F distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from facula import dtypes, ops
from facula.distributions import constraints
from facula.distributions.distribution import Distribution
from facula.distributions.gamma import Gamma
from facula.distributions.utils import broadcast_all
from facula.tensors.tensor import Tensor


class FisherSnedecor(Distribution):
    """log p(x) = d1/2 log(d1/d2) + (d1/2 - 1) log x - (d1 + d2)/2 log(1 + d1/d2 x) - log B(d1/2, d2/2), for x > 0.

    It is the quotient of two chi-squared variables, each divided by its degrees of freedom. Moments that do not exist are nan.

    >>> import facula
    >>> facula.distributions.FisherSnedecor(1.0, 4.0).mean
    tensor(2.)
    """

    arg_constraints: ClassVar[dict[str, Any]] = {"df1": constraints.positive, "df2": constraints.positive}
    support = constraints.positive
    has_rsample = True

    def __init__(self, df1: Any, df2: Any, validate_args: bool | None = None) -> None:
        self.df1, self.df2 = broadcast_all(df1, df2)
        super().__init__(self.df1.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return ops.where(self.df2 > 2, self.df2 / (self.df2 - 2), math.nan)

    @property
    def mode(self) -> Tensor:
        found = (self.df1 - 2) / self.df1 * self.df2 / (self.df2 + 2)
        return ops.where(self.df1 > 2, found, math.nan)

    @property
    def variance(self) -> Tensor:
        a, b = self.df1, self.df2
        return ops.where(b > 4, 2 * b**2 * (a + b - 2) / (a * (b - 2) ** 2 * (b - 4)), math.nan)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        top, bottom = (Gamma(d / 2, d / 2, validate_args=False).rsample(sample_shape) for d in (self.df1, self.df2))
        return ops.clamp(top / bottom, min=dtypes.finfo(top.dtype).tiny)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        a, b, ratio = self.df1 / 2, self.df2 / 2, self.df1 / self.df2
        constant = ops.lgamma(a + b) - ops.lgamma(a) - ops.lgamma(b) + a * ops.log(ratio)
        return constant + (a - 1) * ops.log(value) - (a + b) * ops.log1p(ratio * value)
