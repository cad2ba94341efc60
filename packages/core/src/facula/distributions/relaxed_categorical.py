"""The relaxed categorical distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from facula import ops
from facula.distributions import constraints
from facula.distributions.categorical import Categorical
from facula.distributions.distribution import Distribution
from facula.distributions.draws import uniform_open
from facula.distributions.transformed_distribution import TransformedDistribution
from facula.distributions.transforms import ExpTransform
from facula.distributions.utils import clamp_probs
from facula.tensors.tensor import Tensor


class ExpRelaxedCategorical(Distribution):
    """The logarithm of a relaxed one-hot variable: log_softmax((logits + Gumbel numbers) / temperature).

    >>> import facula
    >>> from facula.distributions.relaxed_categorical import ExpRelaxedCategorical
    >>> ExpRelaxedCategorical(0.5, facula.ones(3)).event_shape
    facula.Size([3])
    """

    arg_constraints: ClassVar[dict[str, Any]] = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        self._categorical = Categorical(probs, logits)
        given = self._categorical.param_shape
        self.temperature = temperature if isinstance(temperature, Tensor) else self.logits.new_tensor(temperature)
        super().__init__(given[:-1], given[-1:], validate_args=validate_args)

    @property
    def probs(self) -> Tensor:
        """The probability of each category."""
        return self._categorical.probs

    @property
    def logits(self) -> Tensor:
        """The normalised log-probabilities."""
        return self._categorical.logits

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        u = clamp_probs(uniform_open(self.logits, self._extended_shape(sample_shape)))
        return ops.log_softmax((self.logits - ops.log(-ops.log(u))) / self.temperature, -1)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        n = self.event_shape[0]
        constant = math.lgamma(n) + (n - 1) * ops.log(self.temperature)
        return ops.log_softmax(self.logits - value * self.temperature, -1).sum(-1) + constant


class RelaxedOneHotCategorical(TransformedDistribution):
    """A one-hot variable made continuous inside the simplex, so that samples have gradients.

    Source: Maddison et al., The Concrete Distribution, 2017; Jang et al., Gumbel-Softmax, 2017.

    >>> import facula
    >>> facula.distributions.RelaxedOneHotCategorical(0.5, facula.ones(3)).sample().sum()
    tensor(1...)
    """

    arg_constraints: ClassVar[dict[str, Any]] = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.simplex
    has_rsample = True
    base_dist: ExpRelaxedCategorical

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        super().__init__(ExpRelaxedCategorical(temperature, probs, logits), ExpTransform(), validate_args=validate_args)

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
