"""The Dirichlet distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from facula import ops
from facula.distributions import constraints
from facula.distributions.draws import log_gamma
from facula.distributions.exp_family import ExponentialFamily
from facula.errors import value_error
from facula.tensors.tensor import Tensor


class Dirichlet(ExponentialFamily):
    """log p(x) = sum((a - 1) log(x)) + lgamma(sum(a)) - sum(lgamma(a)), for probabilities x and concentration a.

    A sample is a vector of gamma variables divided by its sum, computed by its logarithms.
    Shape: concentration (*, n); event (n,).

    >>> import facula
    >>> facula.distributions.Dirichlet(facula.tensor([1.0, 3.0])).mean
    tensor([0.2500, 0.7500])
    """

    arg_constraints: ClassVar[dict[str, Any]] = {"concentration": constraints.independent(constraints.positive, 1)}
    support = constraints.simplex
    has_rsample = True
    _mean_carrier_measure = 0

    def __init__(self, concentration: Tensor, validate_args: bool | None = None) -> None:
        if concentration.ndim < 1:
            raise value_error(
                "Dirichlet: expected concentration with at least one dimension, got none. Pass a vector of them."
            )
        self.concentration = concentration
        super().__init__(concentration.shape[:-1], concentration.shape[-1:], validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.concentration.sum(-1, True)

    @property
    def mode(self) -> Tensor:
        peak = ops.clamp(self.concentration - 1, min=0.0)
        mode = peak / peak.sum(-1, True)
        flat = (self.concentration < 1).all(-1, keepdim=True)
        corner = ops.one_hot(mode.argmax(-1), self.concentration.shape[-1]).to(mode.dtype)
        return ops.where(flat, corner, mode)

    @property
    def variance(self) -> Tensor:
        total = self.concentration.sum(-1, True)
        return self.concentration * (total - self.concentration) / (total**2 * (total + 1))

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return ops.softmax(log_gamma(self.concentration.expand(self._extended_shape(sample_shape))), -1)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        a = self.concentration
        return ops.xlogy(a - 1.0, value).sum(-1) + ops.lgamma(a.sum(-1)) - ops.lgamma(a).sum(-1)

    def entropy(self) -> Tensor:
        k, a = self.concentration.shape[-1], self.concentration
        total = a.sum(-1)
        constant = ops.lgamma(a).sum(-1) - ops.lgamma(total)
        return constant - (k - total) * ops.digamma(total) - ((a - 1.0) * ops.digamma(a)).sum(-1)

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return (self.concentration,)

    def _log_normalizer(self, *natural_params: Tensor) -> Tensor:
        (a,) = natural_params
        return ops.lgamma(a).sum(-1) - ops.lgamma(a.sum(-1))
