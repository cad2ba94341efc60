"""The logistic-normal distribution."""

from __future__ import annotations

from typing import Any, ClassVar

from facula.distributions import constraints
from facula.distributions.independent import Independent
from facula.distributions.normal import Normal
from facula.distributions.transformed_distribution import TransformedDistribution
from facula.distributions.transforms import StickBreakingTransform
from facula.tensors.tensor import Tensor


class LogisticNormal(TransformedDistribution):
    """n + 1 probabilities made of n independent Normal(loc, scale) by stick breaking.   Shape: loc (*, n); event (n + 1,).

    Source: Aitchison and Shen, Logistic-normal distributions, 1980.

    >>> import facula
    >>> facula.distributions.LogisticNormal(facula.zeros(3), facula.ones(3)).event_shape
    facula.Size([4])
    """

    arg_constraints: ClassVar[dict[str, Any]] = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.simplex
    has_rsample = True
    base_dist: Independent

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        base = Normal(loc, scale, validate_args=validate_args)
        if not base.batch_shape:
            base = base.expand((1,))
        super().__init__(base, StickBreakingTransform(), validate_args=validate_args)

    @property
    def loc(self) -> Tensor:
        """The means of the normal variables."""
        normal: Any = self.base_dist.base_dist
        return normal.loc

    @property
    def scale(self) -> Tensor:
        """Their standard deviations."""
        normal: Any = self.base_dist.base_dist
        return normal.scale
