"""The relaxed Bernoulli distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from facula import ops
from facula.distributions import constraints
from facula.distributions.distribution import Distribution
from facula.distributions.draws import uniform_open
from facula.distributions.lazy import lazy_property
from facula.distributions.transformed_distribution import TransformedDistribution
from facula.distributions.transforms import SigmoidTransform
from facula.distributions.utils import broadcast_all, clamp_probs, logits_to_probs, one_of, probs_to_logits
from facula.tensors.tensor import Size, Tensor


class LogitRelaxedBernoulli(Distribution):
    """The logit of a relaxed Bernoulli variable: (logits + a logistic number) / temperature.

    >>> import facula
    >>> from facula.distributions.relaxed_bernoulli import LogitRelaxedBernoulli
    >>> LogitRelaxedBernoulli(0.5, 0.5).log_prob(facula.tensor(0.0))
    tensor(-2.0794)
    """

    arg_constraints: ClassVar[dict[str, Any]] = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.real
    has_rsample = True

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        one_of("LogitRelaxedBernoulli", probs=probs, logits=logits)
        (given,) = broadcast_all(logits if probs is None else probs)
        self.temperature = temperature if isinstance(temperature, Tensor) else given.new_tensor(temperature)
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

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        u = clamp_probs(uniform_open(self.logits, self._extended_shape(sample_shape)))
        return (ops.log(u) - ops.log1p(-u) + self.logits) / self.temperature

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        diff = self.logits - value * self.temperature
        return ops.log(self.temperature) + diff - 2 * ops.softplus(diff)


class RelaxedBernoulli(TransformedDistribution):
    """A Bernoulli variable made continuous in (0, 1), so that samples have gradients.

    Source: Maddison et al., The Concrete Distribution, 2017; Jang et al., Gumbel-Softmax, 2017.

    >>> import facula
    >>> facula.distributions.RelaxedBernoulli(0.5, 0.5).sample((3,)).shape
    facula.Size([3])
    """

    arg_constraints: ClassVar[dict[str, Any]] = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval
    has_rsample = True
    base_dist: LogitRelaxedBernoulli

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        super().__init__(
            LogitRelaxedBernoulli(temperature, probs, logits), SigmoidTransform(), validate_args=validate_args
        )

    @property
    def temperature(self) -> Tensor:
        """How far samples are from the corners: near them for low temperatures."""
        return self.base_dist.temperature

    @property
    def probs(self) -> Tensor:
        """The probabilities."""
        return self.base_dist.probs

    @property
    def logits(self) -> Tensor:
        """The logits."""
        return self.base_dist.logits
