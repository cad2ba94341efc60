"""The binomial distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from facula import ops
from facula.autograd import no_grad
from facula.distributions import constraints
from facula.distributions.distribution import Distribution
from facula.distributions.lazy import lazy_property
from facula.distributions.utils import broadcast_all, logits_to_probs, one_of, probs_to_logits
from facula.errors import not_implemented_error
from facula.tensors.tensor import Size, Tensor


class Binomial(Distribution):
    """p(k) = total_count! / (k! (total_count - k)!) probs^k (1 - probs)^(total_count - k).

    >>> import facula
    >>> facula.distributions.Binomial(4, 0.25).mean
    tensor(1.)
    """

    arg_constraints: ClassVar[dict[str, Any]] = {
        "total_count": constraints.nonnegative_integer, "probs": constraints.unit_interval, "logits": constraints.real,
    }  # fmt: skip
    has_enumerate_support = True

    def __init__(
        self, total_count: Any = 1, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        one_of("Binomial", probs=probs, logits=logits)
        given = logits if probs is None else probs
        given = given if isinstance(given, Tensor) else ops.tensor(float(given))
        count, given = broadcast_all(total_count, given)
        self.total_count = count.to(given.dtype)
        self.__dict__["logits" if probs is None else "probs"] = given
        super().__init__(given.shape, validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> Any:
        """Where values have a probability, as a constraint."""
        return constraints.integer_interval(0, self.total_count)

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
        return self.total_count * self.probs

    @property
    def mode(self) -> Tensor:
        return ops.minimum(ops.floor((self.total_count + 1) * self.probs), self.total_count)

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        with no_grad():
            return ops.binomial(self.total_count.expand(shape), self.probs.expand(shape))

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        n, logits = self.total_count, self.logits
        ways = ops.lgamma(n + 1) - ops.lgamma(value + 1) - ops.lgamma(n - value + 1)
        return ways + value * logits - n * ops.softplus(logits)

    def entropy(self) -> Tensor:
        values = self.enumerate_support(False)
        found = self.log_prob(values)
        return -(ops.exp(found) * found).sum(0)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        count = int(self.total_count.max().item())
        if not bool((self.total_count == count).all()):
            raise not_implemented_error(
                "Binomial: expected one total_count for the whole batch, got several. Enumerate each by itself."
            )
        values = ops.arange(1 + count, dtype=self.total_count.dtype, device=self.total_count.device)
        values = values.view((-1, *(1,) * len(self.batch_shape)))
        return values.expand((-1, *self.batch_shape)) if expand else values
