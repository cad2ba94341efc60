"""`ExponentialFamily`: densities of one form, whose entropies and divergences follow from their normalizer."""

from __future__ import annotations

from typing import Any

from facula.autograd import enable_grad
from facula.autograd.engine import grad
from facula.distributions.distribution import Distribution
from facula.distributions.transform import sum_rightmost
from facula.tensors.tensor import Tensor


class ExponentialFamily(Distribution):
    """p(x) = h(x) exp(<t, s(x)> - F(t)) for natural parameters t, a normalizer F and a carrier measure h.

    A subclass gives `_natural_params`, `_log_normalizer(*natural_params)` and `_mean_carrier_measure` = E[log h(x)]; then its entropy
    is F(t) - <t, grad F(t)> - E[log h(x)] (Nielsen and Nock, Entropies and cross-entropies of exponential families, 2010).
    """

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        raise self._missing("natural parameters")

    @property
    def _mean_carrier_measure(self) -> Any:
        raise self._missing("entropy, by its mean carrier measure")

    def _log_normalizer(self, *natural_params: Tensor) -> Tensor:
        raise self._missing("a normalizer")

    def entropy(self) -> Tensor:
        found, params, slopes = normalizer_slopes(self)
        batch = len(self._batch_shape)
        for t, slope in zip(params, slopes, strict=True):
            found = found - sum_rightmost(t * slope, t.ndim - batch)
        return found - self._mean_carrier_measure


def normalizer_slopes(d: ExponentialFamily) -> tuple[Any, list[Tensor], list[Tensor]]:
    """F(t), the natural parameters t and the gradients of F by them."""
    with enable_grad():
        params = [t if t.requires_grad else t.detach().requires_grad_() for t in d._natural_params]
        value = d._log_normalizer(*params)
        slopes: Any = grad(value.sum(), params, create_graph=True)
    return value, params, list(slopes)
