"""The Kullback-Leibler divergence of pairs of distributions: KL(p, q) = E_p[log p(x) - log q(x)]."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from facula import ops
from facula.distributions.bernoulli import Bernoulli
from facula.distributions.beta import Beta
from facula.distributions.binomial import Binomial
from facula.distributions.categorical import Categorical
from facula.distributions.cauchy import Cauchy
from facula.distributions.dirichlet import Dirichlet
from facula.distributions.distribution import Distribution
from facula.distributions.draws import EULER
from facula.distributions.exp_family import ExponentialFamily, normalizer_slopes
from facula.distributions.exponential import Exponential
from facula.distributions.gamma import Gamma
from facula.distributions.geometric import Geometric
from facula.distributions.gumbel import Gumbel
from facula.distributions.half_normal import HalfNormal
from facula.distributions.independent import Independent
from facula.distributions.laplace import Laplace
from facula.distributions.lowrank_multivariate_normal import LowRankMultivariateNormal
from facula.distributions.multivariate_normal import MultivariateNormal
from facula.distributions.normal import Normal
from facula.distributions.one_hot_categorical import OneHotCategorical
from facula.distributions.poisson import Poisson
from facula.distributions.transform import sum_rightmost
from facula.distributions.transformed_distribution import TransformedDistribution
from facula.distributions.uniform import Uniform
from facula.errors import not_implemented_error, type_error, value_error
from facula.tensors.tensor import Tensor

_table: dict[tuple[type, type], Callable[..., Any]] = {}


def register_kl(type_p: type, type_q: type) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorate a function of (p, q) that gives their divergence, for `kl_divergence`."""
    for kind in (type_p, type_q):
        if not (isinstance(kind, type) and issubclass(kind, Distribution)):
            raise type_error(f"register_kl: expected Distribution subclasses, got {kind!r}. Pass classes.")

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        _table[type_p, type_q] = function
        return function

    return register


def _found(p: type, q: type) -> Callable[..., Any] | None:
    """The registered function for the nearest ancestors of both classes."""
    ranks = {
        (p.__mro__.index(a) + q.__mro__.index(b), p.__mro__.index(a)): function
        for (a, b), function in _table.items()
        if issubclass(p, a) and issubclass(q, b)
    }
    return ranks[min(ranks)] if ranks else None


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """E_p[log p(x) - log q(x)], in nats, for each element of the batch.

    >>> import facula
    >>> d = facula.distributions
    >>> d.kl_divergence(d.Normal(0.0, 1.0), d.Normal(1.0, 1.0))
    tensor(0.5000)
    """
    function = _found(type(p), type(q))
    if function is None:
        raise not_implemented_error(
            f"kl_divergence: expected a pair with a registered divergence, got p of {type(p).__name__} and q of {type(q).__name__}. "
            "Register one with register_kl."
        )
    return function(p, q)


@register_kl(Bernoulli, Bernoulli)
def _bernoulli(p: Bernoulli, q: Bernoulli) -> Tensor:
    a, b = p.probs, q.probs
    yes = ops.where(a == 0, 0.0, a * (ops.softplus(-q.logits) - ops.softplus(-p.logits)))
    no = ops.where(a == 1, 0.0, (1 - a) * (ops.softplus(q.logits) - ops.softplus(p.logits)))
    impossible = ((b == 0) & (a > 0)) | ((b == 1) & (a < 1))
    return ops.where(impossible, math.inf, yes + no)


@register_kl(Binomial, Binomial)
def _binomial(p: Binomial, q: Binomial) -> Tensor:
    found = p.total_count * (p.probs * (p.logits - q.logits) + ops.log1p(-p.probs) - ops.log1p(-q.probs))
    return ops.where(p.total_count > q.total_count, math.inf, found)


@register_kl(Categorical, Categorical)
def _categorical(p: Categorical, q: Categorical) -> Tensor:
    found = p.probs * (p.logits - q.logits)
    found = ops.where(q.probs.expand(found.shape) == 0, math.inf, found)
    return ops.where(p.probs.expand(found.shape) == 0, 0.0, found).sum(-1)


@register_kl(OneHotCategorical, OneHotCategorical)
def _one_hot(p: OneHotCategorical, q: OneHotCategorical) -> Tensor:
    return _categorical(p._categorical, q._categorical)


@register_kl(Dirichlet, Dirichlet)
def _dirichlet(p: Dirichlet, q: Dirichlet) -> Tensor:
    a, b = p.concentration, q.concentration
    total = a.sum(-1)
    constants = ops.lgamma(total) - ops.lgamma(b.sum(-1)) - (ops.lgamma(a) - ops.lgamma(b)).sum(-1)
    return constants + ((a - b) * (ops.digamma(a) - ops.digamma(total).unsqueeze(-1))).sum(-1)


@register_kl(Beta, Beta)
def _beta(p: Beta, q: Beta) -> Tensor:
    return _dirichlet(p._pair, q._pair)


@register_kl(Gamma, Gamma)
def _gamma(p: Gamma, q: Gamma) -> Tensor:
    a, b = p.concentration, q.concentration
    rates = b * ops.log(p.rate / q.rate) + a * (q.rate / p.rate - 1)
    return rates + ops.lgamma(b) - ops.lgamma(a) + (a - b) * ops.digamma(a)


@register_kl(Exponential, Exponential)
def _exponential(p: Exponential, q: Exponential) -> Tensor:
    ratio = q.rate / p.rate
    return ratio - ops.log(ratio) - 1


@register_kl(Exponential, Gamma)
def _exponential_gamma(p: Exponential, q: Gamma) -> Tensor:
    ratio = q.rate / p.rate
    a = q.concentration
    return -a * ops.log(ratio) + ratio + ops.lgamma(a) + a * EULER - (1 + EULER)


@register_kl(Gamma, Exponential)
def _gamma_exponential(p: Gamma, q: Exponential) -> Tensor:
    return -p.entropy() - ops.log(q.rate) + q.rate * p.concentration / p.rate


@register_kl(Geometric, Geometric)
def _geometric(p: Geometric, q: Geometric) -> Tensor:
    return -p.entropy() - ops.log1p(-q.probs) / p.probs - q.logits


@register_kl(Poisson, Poisson)
def _poisson(p: Poisson, q: Poisson) -> Tensor:
    return p.rate * (ops.log(p.rate) - ops.log(q.rate)) - (p.rate - q.rate)


@register_kl(Gumbel, Gumbel)
def _gumbel(p: Gumbel, q: Gumbel) -> Tensor:
    ratio = p.scale / q.scale
    distance = (q.loc - p.loc) / q.scale
    return -ops.log(ratio) - distance + ratio * EULER + ops.exp(distance + ops.lgamma(1 + ratio)) - (1 + EULER)


@register_kl(Normal, Normal)
def _normal(p: Normal, q: Normal) -> Tensor:
    ratio = (p.scale / q.scale) ** 2
    return 0.5 * (ratio + ((p.loc - q.loc) / q.scale) ** 2 - 1 - ops.log(ratio))


@register_kl(HalfNormal, HalfNormal)
def _half_normal(p: HalfNormal, q: HalfNormal) -> Tensor:
    return _normal(p._whole, q._whole)


@register_kl(Laplace, Laplace)
def _laplace(p: Laplace, q: Laplace) -> Tensor:
    ratio = p.scale / q.scale
    far = ops.abs(p.loc - q.loc)
    return -ops.log(ratio) + far / q.scale + ratio * ops.exp(-far / p.scale) - 1


@register_kl(Laplace, Normal)
def _laplace_normal(p: Laplace, q: Normal) -> Tensor:
    ratio = (p.scale / q.scale) ** 2
    return -0.5 * ops.log(2 * ratio / math.pi) + ratio + 0.5 * ((p.loc - q.loc) / q.scale) ** 2 - 1


@register_kl(Cauchy, Cauchy)
def _cauchy(p: Cauchy, q: Cauchy) -> Tensor:
    total = (p.scale + q.scale) ** 2 + (p.loc - q.loc) ** 2
    return ops.log(total) - ops.log(4 * p.scale * q.scale)


@register_kl(Uniform, Uniform)
def _uniform(p: Uniform, q: Uniform) -> Tensor:
    found = ops.log((q.high - q.low) / (p.high - p.low))
    return ops.where((q.low > p.low) | (q.high < p.high), math.inf, found)


@register_kl(Uniform, Normal)
def _uniform_normal(p: Uniform, q: Normal) -> Tensor:
    width = p.high - p.low
    middle = (p.high + p.low - 2 * q.loc) / 2
    return ops.log(math.sqrt(2 * math.pi) * q.scale / width) + 0.5 * (middle**2 + width**2 / 12) / q.scale**2


@register_kl(ExponentialFamily, ExponentialFamily)
def _exponential_family(p: ExponentialFamily, q: ExponentialFamily) -> Tensor:
    """F(q) - F(p) - <q - p, grad F(p)>, for the normalizer F of a family with one carrier measure."""
    if type(p) is not type(q):
        raise not_implemented_error(
            f"kl_divergence: expected a pair with a registered divergence, got p of {type(p).__name__} and q of {type(q).__name__}. "
            "Register one with register_kl."
        )
    value, params, slopes = normalizer_slopes(p)
    found = q._log_normalizer(*q._natural_params) - value
    for a, b, slope in zip(params, q._natural_params, slopes, strict=True):
        found = found - sum_rightmost((b - a) * slope, slope.ndim - len(p.batch_shape))
    return found


@register_kl(LowRankMultivariateNormal, LowRankMultivariateNormal)
@register_kl(LowRankMultivariateNormal, MultivariateNormal)
@register_kl(MultivariateNormal, LowRankMultivariateNormal)
@register_kl(MultivariateNormal, MultivariateNormal)
def _multivariate_normal(p: Any, q: Any) -> Tensor:
    if p.event_shape != q.event_shape:
        raise value_error(
            f"kl_divergence: expected two MultivariateNormals of one event shape, got {tuple(p.event_shape)} and "
            f"{tuple(q.event_shape)}. Change one."
        )
    n = p.event_shape[0]
    batch = ops.broadcast_shapes(p.batch_shape, q.batch_shape)
    both = ops.cat([p.scale_tril.expand((*batch, n, n)), (q.loc - p.loc).expand((*batch, n)).unsqueeze(-1)], -1)
    solved = ops.linalg_solve_triangular(q.scale_tril.expand((*batch, n, n)), both, upper=False)
    return q._half_log_det - p._half_log_det + 0.5 * ((solved**2).sum((-2, -1)) - n)


@register_kl(Independent, Independent)
def _independent(p: Independent, q: Independent) -> Tensor:
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise not_implemented_error(
            "kl_divergence: expected as many reinterpreted dimensions in both Independents, got different ones. Reinterpret alike."
        )
    return sum_rightmost(kl_divergence(p.base_dist, q.base_dist), p.reinterpreted_batch_ndims)


@register_kl(TransformedDistribution, TransformedDistribution)
def _transformed(p: TransformedDistribution, q: TransformedDistribution) -> Tensor:
    if p.transforms != q.transforms or p.event_shape != q.event_shape:
        raise not_implemented_error(
            "kl_divergence: expected TransformedDistributions with equal transforms and event shapes, got different ones. "
            "Write them with the same transforms."
        )
    return kl_divergence(p.base_dist, q.base_dist)
