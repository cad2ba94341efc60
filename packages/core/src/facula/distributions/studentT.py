"""Student's t distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from facula import dtypes, ops
from facula.distributions import constraints
from facula.distributions.distribution import Distribution
from facula.distributions.draws import log_gamma
from facula.distributions.utils import broadcast_all
from facula.tensors.tensor import Tensor


class StudentT(Distribution):
    """log p(x) = lgamma((n + 1) / 2) - lgamma(n / 2) - log(scale sqrt(n pi)) - (n + 1) / 2 log(1 + z^2 / n), n = df, z = (x - loc) / scale.

    >>> import facula
    >>> facula.distributions.StudentT(3.0).variance
    tensor(3.)
    """

    arg_constraints: ClassVar[dict[str, Any]] = {
        "df": constraints.positive, "loc": constraints.real, "scale": constraints.positive,
    }  # fmt: skip
    support = constraints.real
    has_rsample = True

    def __init__(self, df: Any, loc: Any = 0.0, scale: Any = 1.0, validate_args: bool | None = None) -> None:
        self.df, self.loc, self.scale = broadcast_all(df, loc, scale)
        super().__init__(self.df.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return ops.where(self.df > 1, self.loc, math.nan)

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        return ops.where(
            self.df > 2,
            self.scale**2 * self.df / (self.df - 2),
            ops.where(self.df > 1, math.inf, math.nan).to(self.df.dtype),
        )

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        x = ops.randn(shape, dtype=self.df.dtype, device=self.df.device)
        half = self.df * 0.5
        z = ops.exp(log_gamma(half.expand(shape))) / half
        return self.loc + self.scale * x * ops.rsqrt(ops.clamp(z, min=dtypes.finfo(z.dtype).tiny))

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        y = (value - self.loc) / self.scale
        scale = ops.log(self.scale) + 0.5 * ops.log(self.df) + 0.5 * math.log(math.pi)
        z = scale + ops.lgamma(0.5 * self.df) - ops.lgamma(0.5 * (self.df + 1.0))
        return -0.5 * (self.df + 1.0) * ops.log1p(y**2.0 / self.df) - z

    def entropy(self) -> Tensor:
        n = self.df
        log_beta = ops.lgamma(0.5 * n) + math.lgamma(0.5) - ops.lgamma(0.5 * (n + 1))
        spread = ops.digamma(0.5 * (n + 1)) - ops.digamma(0.5 * n)
        return ops.log(self.scale) + 0.5 * (n + 1) * spread + 0.5 * ops.log(n) + log_beta
