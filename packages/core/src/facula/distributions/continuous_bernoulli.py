"""The continuous Bernoulli distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from facula import ops
from facula.distributions import constraints
from facula.distributions.draws import uniform_open
from facula.distributions.exp_family import ExponentialFamily
from facula.distributions.lazy import lazy_property
from facula.distributions.utils import broadcast_all, clamp_probs, logits_to_probs, one_of, probs_to_logits
from facula.tensors.tensor import Size, Tensor


class ContinuousBernoulli(ExponentialFamily):
    """p(x) = C(l) l^x (1 - l)^(1 - x) in [0, 1], for l = probs and C(l) = 2 atanh(1 - 2 l) / (1 - 2 l), which is 2 at 1/2.

    Between `lims`, where the formulas lose their digits, series around 1/2 are used.
    Source: Loaiza-Ganem and Cunningham, The continuous Bernoulli, 2019.

    >>> import facula
    >>> facula.distributions.ContinuousBernoulli(0.5).mean
    tensor(0.5000)
    """

    arg_constraints: ClassVar[dict[str, Any]] = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval
    has_rsample = True
    _mean_carrier_measure = 0

    def __init__(
        self,
        probs: Any = None,
        logits: Any = None,
        lims: tuple[float, float] = (0.499, 0.501),
        validate_args: bool | None = None,
    ) -> None:
        one_of("ContinuousBernoulli", probs=probs, logits=logits)
        (given,) = broadcast_all(logits if probs is None else probs)
        self._lims = lims
        self.__dict__["logits" if probs is None else "probs"] = given
        super().__init__(given.shape, validate_args=validate_args)
        if probs is not None:
            self.probs = clamp_probs(given)

    @lazy_property
    def logits(self) -> Tensor:
        """log(l / (1 - l))."""
        return probs_to_logits(self.probs, is_binary=True)

    @lazy_property
    def probs(self) -> Tensor:
        """l; not the mean."""
        return clamp_probs(logits_to_probs(self.logits, is_binary=True))

    @property
    def param_shape(self) -> Size:
        """The shape of the parameter."""
        return self._batch_shape

    def _near(self) -> Tensor:
        return (self.probs > self._lims[0]) & (self.probs <= self._lims[1])

    def _safe(self) -> Tensor:
        """l, moved out of the region around 1/2."""
        return ops.where(self._near(), self._lims[0], self.probs)

    def _by_series(self, formula: Any, series: Any) -> Tensor:
        """`formula` of l, or around 1/2 a series in l - 1/2."""
        return ops.where(self._near(), series(self.probs - 0.5), formula(self._safe()))

    def _log_constant(self) -> Tensor:
        """log C(l)."""

        def formula(p: Tensor) -> Tensor:
            apart = ops.abs(ops.log1p(-p) - ops.log(p))
            return ops.log(apart) - ops.log(ops.abs(1 - 2 * p))

        return self._by_series(formula, lambda d: math.log(2.0) + (4.0 / 3.0 + 104.0 / 45.0 * d**2) * d**2)

    @property
    def mean(self) -> Tensor:
        return self._by_series(
            lambda p: p / (2 * p - 1) + 1 / (ops.log1p(-p) - ops.log(p)),
            lambda d: 0.5 + (1.0 / 3.0 + 16.0 / 45.0 * d**2) * d,
        )

    @property
    def variance(self) -> Tensor:
        return self._by_series(
            lambda p: p * (p - 1) / (1 - 2 * p) ** 2 + 1 / (ops.log1p(-p) - ops.log(p)) ** 2,
            lambda d: 1.0 / 12.0 - (1.0 / 15.0 - 128.0 / 945.0 * d**2) * d**2,
        )

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return self.icdf(uniform_open(self.probs, self._extended_shape(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        logits, value = ops.broadcast_tensors(self.logits, value)
        return logits * value - ops.softplus(logits) + self._log_constant()

    def cdf(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        p = self._safe()
        found = (p**value * (1 - p) ** (1 - value) + p - 1) / (2 * p - 1)
        found = ops.where(self._near(), value - self._bend(value), found)
        return ops.where(value <= 0, 0.0, ops.where(value >= 1, 1.0, found))

    def icdf(self, value: Tensor) -> Tensor:
        p = self._safe()
        apart = ops.log(p) - ops.log1p(-p)
        found = (ops.log1p(-p + value * (2 * p - 1)) - ops.log1p(-p)) / apart
        return ops.where(self._near(), value + self._bend(value), found)

    def _bend(self, value: Tensor) -> Tensor:
        """What near l = 1/2 the distribution differs by from the uniform one, to first order."""
        return 2 * (self.probs - 0.5) * value * (1 - value)

    def entropy(self) -> Tensor:
        return -self.mean * self.logits - ops.log1p(-self.probs) - self._log_constant()

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return (self.logits,)

    def _log_normalizer(self, *natural_params: Tensor) -> Tensor:
        (x,) = natural_params
        near = ops.abs(x) < 4 * (self._lims[1] - 0.5)
        safe = ops.where(near, 1.0, x)
        return ops.where(near, (0.5 + (1.0 / 24.0 - x**2 / 2880.0) * x) * x, ops.log(ops.abs(ops.expm1(safe) / safe)))
