"""The multinomial distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from facula import ops
from facula.distributions import constraints
from facula.distributions.binomial import Binomial
from facula.distributions.categorical import Categorical
from facula.distributions.distribution import Distribution
from facula.errors import not_implemented_error
from facula.tensors.tensor import Size, Tensor


class Multinomial(Distribution):
    """Counts of each category in total_count draws: p(k) = n! / prod(k_i!) prod(probs_i^k_i).

    Shape: probs or logits (*, n); event (n,).

    >>> import facula
    >>> facula.distributions.Multinomial(4, facula.tensor([1.0, 3.0])).mean
    tensor([1., 3.])
    """

    arg_constraints: ClassVar[dict[str, Any]] = {"probs": constraints.simplex, "logits": constraints.real_vector}

    def __init__(
        self,
        total_count: int = 1,
        probs: Tensor | None = None,
        logits: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        if not isinstance(total_count, int):
            raise not_implemented_error(
                f"Multinomial: expected one int as total_count, got {type(total_count).__name__}. Make a distribution for each."
            )
        self.total_count = total_count
        self._categorical = Categorical(probs, logits, validate_args=validate_args)
        given = self._categorical.param_shape
        super().__init__(given[:-1], given[-1:], validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=1)
    def support(self) -> Any:
        """Where values have a probability, as a constraint."""
        return constraints.multinomial(self.total_count)

    @property
    def probs(self) -> Tensor:
        """The probability of each category."""
        return self._categorical.probs

    @property
    def logits(self) -> Tensor:
        """The normalised log-probabilities."""
        return self._categorical.logits

    @property
    def param_shape(self) -> Size:
        """The shape of the parameter that was given."""
        return self._categorical.param_shape

    @property
    def mean(self) -> Tensor:
        return self.probs * self.total_count

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        drawn = self._categorical.sample((self.total_count, *sample_shape))
        return ops.one_hot(drawn, self.event_shape[0]).sum(0).to(self.probs.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        logits, value = ops.broadcast_tensors(self.logits, value)
        ways = ops.lgamma(value.sum(-1) + 1) - ops.lgamma(value + 1).sum(-1)
        logits = ops.where(ops.eq(value, 0) & ops.eq(logits, -math.inf), 0, logits)
        return ways + (logits * value).sum(-1)

    def entropy(self) -> Tensor:
        n = self.total_count
        count = Binomial(n, self.probs, validate_args=False)
        values = count.enumerate_support(False)[1:]
        ways = ops.exp(count.log_prob(values)) * ops.lgamma(values + 1)
        return n * self._categorical.entropy() - math.lgamma(n + 1) + ways.sum((0, -1))
