"""The beta distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from facula import ops
from facula.distributions import constraints
from facula.distributions.dirichlet import Dirichlet
from facula.distributions.draws import log_gamma
from facula.distributions.exp_family import ExponentialFamily
from facula.distributions.utils import broadcast_all
from facula.tensors.tensor import Tensor


class Beta(ExponentialFamily):
    """log p(x) = (a - 1) log(x) + (b - 1) log(1 - x) - log B(a, b), for concentration1 a and concentration0 b.

    >>> import facula
    >>> facula.distributions.Beta(1.0, 3.0).mean
    tensor(0.2500)
    """

    arg_constraints: ClassVar[dict[str, Any]] = {
        "concentration1": constraints.positive, "concentration0": constraints.positive,
    }  # fmt: skip
    support = constraints.unit_interval
    has_rsample = True
    _mean_carrier_measure = 0

    def __init__(self, concentration1: Any, concentration0: Any, validate_args: bool | None = None) -> None:
        self.concentration1, self.concentration0 = broadcast_all(concentration1, concentration0)
        super().__init__(self.concentration1.shape, validate_args=validate_args)

    @property
    def _pair(self) -> Dirichlet:
        return Dirichlet(ops.stack([self.concentration1, self.concentration0], -1), validate_args=False)

    @property
    def mean(self) -> Tensor:
        return self.concentration1 / (self.concentration1 + self.concentration0)

    @property
    def mode(self) -> Tensor:
        return self._pair.mode[..., 0]

    @property
    def variance(self) -> Tensor:
        total = self.concentration1 + self.concentration0
        return self.concentration1 * self.concentration0 / (total**2 * (total + 1))

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        odds = log_gamma(self.concentration1.expand(shape)) - log_gamma(self.concentration0.expand(shape))
        return ops.sigmoid(odds)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        return self._pair.log_prob(ops.stack([value, 1.0 - value], -1))

    def entropy(self) -> Tensor:
        return self._pair.entropy()

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return self.concentration1, self.concentration0

    def _log_normalizer(self, *natural_params: Tensor) -> Tensor:
        a, b = natural_params
        return ops.lgamma(a) + ops.lgamma(b) - ops.lgamma(a + b)
