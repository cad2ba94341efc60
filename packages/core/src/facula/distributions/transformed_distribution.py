"""Distributions of transformed samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from facula.autograd import no_grad
from facula.distributions import constraints
from facula.distributions.distribution import Distribution
from facula.distributions.independent import Independent
from facula.distributions.transform import ComposeTransform, Transform, sum_rightmost
from facula.errors import value_error
from facula.tensors.tensor import Tensor


class TransformedDistribution(Distribution):
    """y = f(x) for x of the base: log p(y) = log p(x) - log |dy / dx|.

    >>> import facula
    >>> d = facula.distributions
    >>> d.TransformedDistribution(d.Normal(0.0, 1.0), d.transforms.ExpTransform()).log_prob(facula.tensor(1.0))
    tensor(-0.9189)
    """

    arg_constraints: ClassVar[dict[str, Any]] = {}

    def __init__(self, base_distribution: Distribution, transforms: Any, validate_args: bool | None = None) -> None:
        self.transforms = [transforms] if isinstance(transforms, Transform) else list(transforms)
        if not all(isinstance(t, Transform) for t in self.transforms):
            raise value_error(
                f"TransformedDistribution: expected transforms to be a Transform or a list of them, got {transforms!r}. Pass those."
            )
        whole = ComposeTransform(self.transforms)
        shape = base_distribution.batch_shape + base_distribution.event_shape
        needed, base_dims = whole.domain.event_dim, len(base_distribution.event_shape)
        if len(shape) < needed:
            raise value_error(
                f"TransformedDistribution: expected a base_distribution of at least {needed} dimensions, got shape {tuple(shape)}. Expand it."
            )
        reached = whole.forward_shape(shape)
        grown = whole.inverse_shape(reached)
        if grown != shape:
            base_distribution = base_distribution.expand(grown[: len(grown) - base_dims])
        if needed > base_dims:
            base_distribution = Independent(base_distribution, needed - base_dims)
        self.base_dist = base_distribution
        dims = whole.codomain.event_dim + max(base_dims - needed, 0)
        cut = len(reached) - dims
        super().__init__(reached[:cut], reached[cut:], validate_args=validate_args)

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        """Whether the base has it."""
        return self.base_dist.has_rsample

    @constraints.dependent_property
    def support(self) -> Any:
        """Where values have a probability, as a constraint."""
        if not self.transforms:
            return self.base_dist.support
        found = self.transforms[-1].codomain
        missing = len(self.event_shape) - found.event_dim
        return constraints.independent(found, missing) if missing > 0 else found

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        with no_grad():
            return ComposeTransform(self.transforms)(self.base_dist.sample(sample_shape))

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return ComposeTransform(self.transforms)(self.base_dist.rsample(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        dims, y = len(self.event_shape), value
        total: Any = 0.0
        for t in reversed(self.transforms):
            x = t.inv(y)
            dims += t.domain.event_dim - t.codomain.event_dim
            total = total - sum_rightmost(t.log_abs_det_jacobian(x, y), dims - t.domain.event_dim)
            y = x
        found = self.base_dist.log_prob(y)
        return total + sum_rightmost(found, dims - len(self.base_dist.event_shape))

    def _sign(self) -> Any:
        sign: Any = 1
        for t in self.transforms:
            sign = sign * t.sign
        return sign

    def cdf(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        for t in reversed(self.transforms):
            value = t.inv(value)
        sign = self._sign()
        return sign * (self.base_dist.cdf(value) - 0.5) + 0.5

    def icdf(self, value: Tensor) -> Tensor:
        value = self._sign() * (value - 0.5) + 0.5
        return ComposeTransform(self.transforms)(self.base_dist.icdf(value))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_dist!r}, {self.transforms!r})"
