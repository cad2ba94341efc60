"""The categorical distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from facula import dtypes, ops
from facula.autograd import no_grad
from facula.distributions import constraints
from facula.distributions.distribution import Distribution
from facula.distributions.lazy import lazy_property
from facula.distributions.utils import logits_to_probs, one_of, probs_to_logits
from facula.errors import value_error
from facula.tensors.tensor import Size, Tensor


class Categorical(Distribution):
    """p(k) = probs[k] / sum(probs) = softmax(logits)[k], for k of 0 to n - 1.

    Shape: probs or logits (*, n); a sample is an integer for each of (*).

    >>> import facula
    >>> facula.distributions.Categorical(facula.tensor([1.0, 3.0])).probs
    tensor([0.2500, 0.7500])
    """

    arg_constraints: ClassVar[dict[str, Any]] = {"probs": constraints.simplex, "logits": constraints.real_vector}
    has_enumerate_support = True

    def __init__(
        self, probs: Tensor | None = None, logits: Tensor | None = None, validate_args: bool | None = None
    ) -> None:
        one_of("Categorical", probs=probs, logits=logits)
        given: Any = logits if probs is None else probs
        name = "logits" if probs is None else "probs"
        if given.ndim < 1:
            raise value_error(
                f"Categorical: expected {name} with at least one dimension, got none. Pass a vector of them."
            )
        if probs is None:
            given = given - ops.logsumexp(given, -1, keepdim=True)
        else:
            given = given / given.sum(-1, keepdim=True)
        self.__dict__[name] = given
        self._num_events = given.shape[-1]
        super().__init__(given.shape[:-1], validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> Any:
        """Where values have a probability, as a constraint."""
        return constraints.integer_interval(0, self._num_events - 1)

    @lazy_property
    def logits(self) -> Tensor:
        """The normalised log-probabilities."""
        return probs_to_logits(self.probs)

    @lazy_property
    def probs(self) -> Tensor:
        """The probability of each category."""
        return logits_to_probs(self.logits)

    @property
    def param_shape(self) -> Size:
        """The shape of the parameter that was given."""
        given = self.__dict__.get("probs", self.__dict__.get("logits"))
        return Size(given.shape)  # type: ignore[union-attr]

    @property
    def mean(self) -> Tensor:
        return self._nowhere()

    @property
    def mode(self) -> Tensor:
        return self.probs.argmax(-1)

    @property
    def variance(self) -> Tensor:
        return self._nowhere()

    def _nowhere(self) -> Tensor:
        return ops.full(self.batch_shape, math.nan, dtype=self.probs.dtype, device=self.probs.device)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        shape = Size(sample_shape)
        with no_grad():
            rows = self.probs.reshape(-1, self._num_events)
            drawn = (
                ops.multinomial(rows, shape.numel(), True)
                if shape.numel()
                else rows.new_empty((rows.shape[0], 0)).long()
            )
            return drawn.T.reshape(self._extended_shape(shape))

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        value = value.long().unsqueeze(-1)
        batch = ops.broadcast_shapes(value.shape[:-1], self.logits.shape[:-1])
        value, logits = value.expand((*batch, 1)), self.logits.expand((*batch, self._num_events))
        return logits.gather(-1, value).squeeze(-1)

    def entropy(self) -> Tensor:
        logits = ops.clamp(self.logits, min=dtypes.finfo(self.logits.dtype).min)
        return -(logits * self.probs).sum(-1)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        values = ops.arange(self._num_events, dtype=dtypes.int64, device=self.probs.device)
        values = values.view((-1, *(1,) * len(self.batch_shape)))
        return values.expand((-1, *self.batch_shape)) if expand else values
