"""The negative binomial distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from facula import ops
from facula.autograd import no_grad
from facula.distributions import constraints
from facula.distributions.distribution import Distribution
from facula.distributions.draws import log_gamma
from facula.distributions.lazy import lazy_property
from facula.distributions.utils import broadcast_all, logits_to_probs, one_of, probs_to_logits
from facula.tensors.tensor import Size, Tensor


class NegativeBinomial(Distribution):
    """The number of successes of probability probs before total_count failures.

    >>> import facula
    >>> facula.distributions.NegativeBinomial(3.0, 0.5).mean
    tensor(3.)
    """

    arg_constraints: ClassVar[dict[str, Any]] = {
        "total_count": constraints.nonnegative, "probs": constraints.half_open_interval(0.0, 1.0), "logits": constraints.real,
    }  # fmt: skip
    support = constraints.nonnegative_integer

    def __init__(
        self, total_count: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        one_of("NegativeBinomial", probs=probs, logits=logits)
        given = logits if probs is None else probs
        given = given if isinstance(given, Tensor) else ops.tensor(float(given))
        count, given = broadcast_all(total_count, given)
        self.total_count = count.to(given.dtype)
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
        return self.total_count * ops.exp(self.logits)

    @property
    def mode(self) -> Tensor:
        return ops.clamp(ops.floor((self.total_count - 1) * ops.exp(self.logits)), min=0)

    @property
    def variance(self) -> Tensor:
        return self.mean / ops.sigmoid(-self.logits)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        with no_grad():
            rate = ops.exp(log_gamma(self.total_count.expand(shape)) + self.logits)
            return ops.poisson(rate)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        n = self.total_count
        ways = ops.lgamma(n + value) - ops.lgamma(1 + value) - ops.lgamma(n)
        ways = ops.where(ops.eq(n + value, 0), 0, ways)
        return ways + n * ops.logsigmoid(-self.logits) + value * ops.logsigmoid(self.logits)
