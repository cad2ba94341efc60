"""The Bernoulli distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from facula import ops
from facula.autograd import no_grad
from facula.distributions import constraints
from facula.distributions.exp_family import ExponentialFamily
from facula.distributions.lazy import lazy_property
from facula.distributions.utils import broadcast_all, logits_to_probs, one_of, probs_to_logits
from facula.tensors.tensor import Size, Tensor


class Bernoulli(ExponentialFamily):
    """p(1) = probs = sigmoid(logits), p(0) = 1 - probs.

    >>> import facula
    >>> facula.distributions.Bernoulli(0.25).variance
    tensor(0.1875)
    """

    arg_constraints: ClassVar[dict[str, Any]] = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.boolean
    has_enumerate_support = True
    _mean_carrier_measure = 0

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        one_of("Bernoulli", probs=probs, logits=logits)
        (given,) = broadcast_all(logits if probs is None else probs)
        self.__dict__["logits" if probs is None else "probs"] = given
        super().__init__(given.shape, validate_args=validate_args)

    @lazy_property
    def logits(self) -> Tensor:
        """The log-odds of success."""
        return probs_to_logits(self.probs, is_binary=True)

    @lazy_property
    def probs(self) -> Tensor:
        """The probability of success."""
        return logits_to_probs(self.logits, is_binary=True)

    @property
    def param_shape(self) -> Size:
        """The shape of the parameter that was given."""
        given = self.__dict__.get("probs", self.__dict__.get("logits"))
        return Size(given.shape)  # type: ignore[union-attr]

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    @property
    def mode(self) -> Tensor:
        found = (self.probs >= 0.5).to(self.probs.dtype)
        return ops.where(self.probs == 0.5, math.nan, found)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        with no_grad():
            return ops.bernoulli(self.probs.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        logits, value = ops.broadcast_tensors(self.logits, value)
        return -ops.softplus(logits) + logits * value

    def entropy(self) -> Tensor:
        return ops.softplus(self.logits) - self.logits * self.probs

    def enumerate_support(self, expand: bool = True) -> Tensor:
        values = ops.arange(2, dtype=self.probs.dtype, device=self.probs.device).view(
            (-1, *(1,) * len(self.batch_shape))
        )
        return values.expand((-1, *self.batch_shape)) if expand else values

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return (self.logits,)

    def _log_normalizer(self, *natural_params: Tensor) -> Tensor:
        return ops.softplus(natural_params[0])
