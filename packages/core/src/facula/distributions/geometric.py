"""The geometric distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from facula import ops
from facula.autograd import no_grad
from facula.distributions import constraints
from facula.distributions.distribution import Distribution
from facula.distributions.draws import uniform_open
from facula.distributions.lazy import lazy_property
from facula.distributions.utils import broadcast_all, logits_to_probs, one_of, probs_to_logits
from facula.errors import value_error
from facula.tensors.tensor import Size, Tensor


class Geometric(Distribution):
    """p(k) = (1 - probs)^k probs: k failures before the first success.

    >>> import facula
    >>> facula.distributions.Geometric(0.25).mean
    tensor(3.)
    """

    arg_constraints: ClassVar[dict[str, Any]] = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.nonnegative_integer

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        one_of("Geometric", probs=probs, logits=logits)
        (given,) = broadcast_all(logits if probs is None else probs)
        self.__dict__["logits" if probs is None else "probs"] = given
        super().__init__(given.shape, validate_args=validate_args)
        if self._validate_args and probs is not None and not bool((given > 0).all()):
            raise value_error(
                f"Geometric: expected parameter probs to be positive, got invalid values {given!r}. Correct probs."
            )

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
        return 1.0 / self.probs - 1.0

    @property
    def mode(self) -> Tensor:
        return ops.zeros_like(self.probs)

    @property
    def variance(self) -> Tensor:
        return (1.0 / self.probs - 1.0) / self.probs

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        with no_grad():
            u = uniform_open(self.probs, self._extended_shape(sample_shape))
            return ops.floor(ops.log(u) / ops.log1p(-self.probs))

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        value, probs = ops.broadcast_tensors(value, self.probs)
        probs = ops.where(ops.eq(probs, 1) & ops.eq(value, 0), 0, probs)
        return value * ops.log1p(-probs) + ops.log(self.probs)

    def entropy(self) -> Tensor:
        return (ops.softplus(self.logits) - self.logits * self.probs) / self.probs
