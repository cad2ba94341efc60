"""Divergences of distributions of different families: -H(p) - E_p[log q], where the expectation has a closed form.

Where p can give what q cannot, the divergence is infinite.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from facula import ops
from facula.distributions.bernoulli import Bernoulli
from facula.distributions.beta import Beta
from facula.distributions.binomial import Binomial
from facula.distributions.continuous_bernoulli import ContinuousBernoulli
from facula.distributions.distribution import Distribution
from facula.distributions.exponential import Exponential
from facula.distributions.gamma import Gamma
from facula.distributions.gumbel import Gumbel
from facula.distributions.kl import register_kl
from facula.distributions.laplace import Laplace
from facula.distributions.normal import Normal
from facula.distributions.pareto import Pareto
from facula.distributions.poisson import Poisson
from facula.distributions.uniform import Uniform
from facula.tensors.tensor import Tensor


def _cross(p: type, q: type) -> Callable[[Callable[..., Tensor]], Callable[..., Tensor]]:
    """Register a pair by a function that gives E_p[log q]."""

    def register(expectation: Callable[..., Tensor]) -> Callable[..., Tensor]:
        register_kl(p, q)(lambda a, b: -a.entropy() - expectation(a, b))
        return expectation

    return register


def _endless(p: type, *others: type) -> None:
    for q in others:
        register_kl(p, q)(lambda a, b: ops.full_like(a.mean + b.mean, math.inf))


_endless(Exponential, Beta, ContinuousBernoulli, Pareto, Uniform)
_endless(Gamma, Beta, ContinuousBernoulli, Pareto, Uniform)
for _everywhere in (Gumbel, Laplace, Normal):
    _endless(_everywhere, Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform)
_endless(Pareto, Beta, ContinuousBernoulli, Uniform)
_endless(Poisson, Bernoulli, Binomial)
for _inside in (Beta, ContinuousBernoulli):
    _endless(_inside, Pareto)


def _within(p: Uniform, low: Any, high: Any, found: Tensor) -> Tensor:
    """`found` where all that p gives lies between two bounds."""
    return ops.where((p.low < low) | (p.high > high), -math.inf, found)


def _mean_log(p: Any) -> Tensor:
    """E[log x]."""
    if isinstance(p, Beta):
        return ops.digamma(p.concentration1) - ops.digamma(p.concentration1 + p.concentration0)
    if isinstance(p, Pareto):
        return ops.log(p.scale) + 1 / p.alpha
    return (ops.xlogy(p.high, p.high) - ops.xlogy(p.low, p.low)) / (p.high - p.low) - 1  # a Uniform


for _kind in (Beta, ContinuousBernoulli, Exponential, Gamma, Gumbel, Pareto):

    @_cross(_kind, Normal)
    def _to_normal(p: Distribution, q: Normal) -> Tensor:
        distance = p.variance + (p.mean - q.loc) ** 2
        return -0.5 * ops.log(2 * math.pi * q.scale**2) - distance / (2 * q.scale**2)


for _kind in (Beta, ContinuousBernoulli, Pareto):

    @_cross(_kind, Exponential)
    def _to_exponential(p: Distribution, q: Exponential) -> Tensor:
        return ops.log(q.rate) - q.rate * p.mean


@_cross(Uniform, Exponential)
def _uniform_to_exponential(p: Uniform, q: Exponential) -> Tensor:
    return _within(p, 0, math.inf, ops.log(q.rate) - q.rate * p.mean)


def _gamma_density(q: Gamma, mean: Tensor, mean_log: Tensor) -> Tensor:
    a, b = q.concentration, q.rate
    return a * ops.log(b) - ops.lgamma(a) + (a - 1) * mean_log - b * mean


for _kind in (Beta, Pareto):

    @_cross(_kind, Gamma)
    def _to_gamma(p: Distribution, q: Gamma) -> Tensor:
        return _gamma_density(q, p.mean, _mean_log(p))


@_cross(Uniform, Gamma)
def _uniform_to_gamma(p: Uniform, q: Gamma) -> Tensor:
    return _within(p, 0, math.inf, _gamma_density(q, p.mean, _mean_log(p)))


for _kind in (Beta, ContinuousBernoulli):

    @_cross(_kind, Uniform)
    def _to_uniform(p: Distribution, q: Uniform) -> Tensor:
        return ops.where((q.low > 0) | (q.high < 1), -math.inf, -ops.log(q.high - q.low))

    @_cross(_kind, ContinuousBernoulli)
    def _to_continuous(p: Distribution, q: ContinuousBernoulli) -> Tensor:
        return p.mean * q.logits + ops.log1p(-q.probs) + q._log_constant()


@_cross(Uniform, ContinuousBernoulli)
def _uniform_to_continuous(p: Uniform, q: ContinuousBernoulli) -> Tensor:
    return _within(p, 0, 1, _to_continuous(p, q))


@_cross(Uniform, Beta)
def _uniform_to_beta(p: Uniform, q: Beta) -> Tensor:
    a, b = q.concentration1, q.concentration0
    rest = (ops.xlogy(1 - p.low, 1 - p.low) - ops.xlogy(1 - p.high, 1 - p.high)) / (p.high - p.low) - 1
    constant = ops.lgamma(a + b) - ops.lgamma(a) - ops.lgamma(b)
    return _within(p, 0, 1, (a - 1) * _mean_log(p) + (b - 1) * rest + constant)


def _pareto_density(q: Pareto, mean_log: Tensor) -> Tensor:
    return ops.log(q.alpha) + q.alpha * ops.log(q.scale) - (q.alpha + 1) * mean_log


@_cross(Uniform, Pareto)
def _uniform_to_pareto(p: Uniform, q: Pareto) -> Tensor:
    return _within(p, q.scale, math.inf, _pareto_density(q, _mean_log(p)))


@_cross(Pareto, Pareto)
def _pareto(p: Pareto, q: Pareto) -> Tensor:
    return ops.where(p.scale < q.scale, -math.inf, _pareto_density(q, _mean_log(p)))


def _gumbel_density(q: Gumbel, mean: Tensor, mean_power: Tensor) -> Tensor:
    """With E[exp(-x / scale)] given."""
    return -ops.log(q.scale) - (mean - q.loc) / q.scale - ops.exp(q.loc / q.scale) * mean_power


@_cross(Exponential, Gumbel)
def _exponential_to_gumbel(p: Exponential, q: Gumbel) -> Tensor:
    return _gumbel_density(q, p.mean, p.rate / (p.rate + 1 / q.scale))


@_cross(Gamma, Gumbel)
def _gamma_to_gumbel(p: Gamma, q: Gumbel) -> Tensor:
    return _gumbel_density(q, p.mean, (1 + 1 / (q.scale * p.rate)) ** -p.concentration)


@_cross(Normal, Gumbel)
def _normal_to_gumbel(p: Normal, q: Gumbel) -> Tensor:
    return _gumbel_density(q, p.mean, ops.exp(-p.loc / q.scale + (p.scale / q.scale) ** 2 / 2))


@_cross(Uniform, Gumbel)
def _uniform_to_gumbel(p: Uniform, q: Gumbel) -> Tensor:
    power = q.scale * (ops.exp(-p.low / q.scale) - ops.exp(-p.high / q.scale)) / (p.high - p.low)
    return _gumbel_density(q, p.mean, power)


@_cross(Normal, Laplace)
def _normal_to_laplace(p: Normal, q: Laplace) -> Tensor:
    z = (p.loc - q.loc) / p.scale
    far = p.scale * (math.sqrt(2 / math.pi) * ops.exp(-(z**2) / 2) + z * ops.erf(z / math.sqrt(2)))
    return -ops.log(2 * q.scale) - far / q.scale


@_cross(Bernoulli, Poisson)
def _bernoulli_to_poisson(p: Bernoulli, q: Poisson) -> Tensor:
    return p.probs * ops.log(q.rate) - q.rate
