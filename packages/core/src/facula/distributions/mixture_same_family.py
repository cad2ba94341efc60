"""Mixtures of distributions of one kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

from facula import ops
from facula.autograd import no_grad
from facula.distributions import constraints
from facula.distributions.categorical import Categorical
from facula.distributions.distribution import Distribution
from facula.errors import value_error
from facula.tensors.tensor import Size, Tensor


class MixtureSameFamily(Distribution):
    """p(x) = sum over k of the mixture's probs[k] times the density of component k, the last dimension of its batch.

    >>> import facula
    >>> facula.distributions.MixtureSameFamily(
    ...     facula.distributions.Categorical(facula.ones(2)), facula.distributions.Normal(facula.tensor([-1.0, 1.0]), 1.0)
    ... ).variance
    tensor(2.)
    """

    arg_constraints: ClassVar[dict[str, Any]] = {}

    def __init__(
        self, mixture_distribution: Categorical, component_distribution: Distribution, validate_args: bool | None = None
    ) -> None:
        if not isinstance(mixture_distribution, Categorical):
            raise value_error(
                f"MixtureSameFamily: expected the Mixture distribution to be a Categorical, got {type(mixture_distribution).__name__}. Pass one."
            )
        shape = component_distribution.batch_shape
        weights = mixture_distribution.param_shape
        if not shape or shape[-1] != weights[-1] or tuple(weights[:-1]) not in ((), tuple(shape[:-1])):
            raise value_error(
                f"MixtureSameFamily: expected a component for each of the mixture's {tuple(weights)} probabilities along the last batch "
                f"dimension, got component batch shape {tuple(shape)}. Change one of them."
            )
        self._mixture, self._component = mixture_distribution, component_distribution
        super().__init__(shape[:-1], component_distribution.event_shape, validate_args=validate_args)

    @property
    def mixture_distribution(self) -> Categorical:
        """How probable each component is."""
        return self._mixture

    @property
    def component_distribution(self) -> Distribution:
        """The components."""
        return self._component

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Self:
        shape = Size(batch_shape)
        mixture = self._mixture.expand(shape) if self._mixture.batch_shape else self._mixture
        new = object.__new__(type(self)) if _instance is None else _instance
        new.__dict__.update(self.__dict__)
        new._mixture, new._component = mixture, self._component.expand((*shape, self._component.batch_shape[-1]))
        new._batch_shape = shape
        return new

    @constraints.dependent_property
    def support(self) -> Any:
        """Where values have a probability, as a constraint."""
        return constraints.MixtureSameFamilyConstraint(self._component.support)

    def _weights(self) -> Tensor:
        """The probabilities, with a dimension of 1 for each of the event."""
        return self._mixture.probs.reshape((*self._mixture.probs.shape, *(1,) * len(self._event_shape)))

    def _over(self, value: Tensor) -> Tensor:
        """The sum over components, weighted."""
        return (self._weights() * value).sum(-1 - len(self._event_shape))

    @property
    def mean(self) -> Tensor:
        return self._over(self._component.mean)

    @property
    def variance(self) -> Tensor:
        center = self.mean.unsqueeze(-1 - len(self._event_shape))
        return self._over(self._component.variance) + self._over((self._component.mean - center) ** 2)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        with no_grad():
            chosen = self._mixture.expand(self._batch_shape).sample(sample_shape)
            drawn = self._component.sample(sample_shape)
            n = len(self._event_shape)
            index = chosen.reshape((*chosen.shape, *(1,) * (n + 1)))
            index = index.expand((*chosen.shape, 1, *self._event_shape))
            return drawn.gather(-1 - n, index).squeeze(-1 - n)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        found = self._component.log_prob(value.unsqueeze(-1 - len(self._event_shape)))
        return ops.logsumexp(found + ops.log_softmax(self._mixture.logits, -1), -1)

    def cdf(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        return (self._component.cdf(value.unsqueeze(-1)) * self._mixture.probs).sum(-1)
