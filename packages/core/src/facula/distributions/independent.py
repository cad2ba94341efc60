"""Batch dimensions as event dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from facula.distributions import constraints
from facula.distributions.distribution import Distribution
from facula.distributions.transform import sum_rightmost
from facula.errors import not_implemented_error, value_error
from facula.tensors.tensor import Tensor


class Independent(Distribution):
    """The last `reinterpreted_batch_ndims` dimensions of a batch as one event: log_prob is summed over them.

    >>> import facula
    >>> facula.distributions.Independent(facula.distributions.Normal(facula.zeros(3), 1.0), 1).event_shape
    facula.Size([3])
    """

    arg_constraints: ClassVar[dict[str, Any]] = {}

    def __init__(
        self, base_distribution: Distribution, reinterpreted_batch_ndims: int, validate_args: bool | None = None
    ) -> None:
        shape = base_distribution.batch_shape
        if reinterpreted_batch_ndims > len(shape):
            raise value_error(
                f"Independent: expected reinterpreted_batch_ndims <= {len(shape)}, the dimensions of the batch shape, got "
                f"{reinterpreted_batch_ndims}. Reinterpret fewer."
            )
        self.base_dist, self.reinterpreted_batch_ndims = base_distribution, reinterpreted_batch_ndims
        cut = len(shape) - reinterpreted_batch_ndims
        super().__init__(shape[:cut], shape[cut:] + base_distribution.event_shape, validate_args=validate_args)

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        """Whether the base has it."""
        return self.base_dist.has_rsample

    @property
    def has_enumerate_support(self) -> bool:  # type: ignore[override]
        """Whether the base has it and nothing is reinterpreted."""
        return not self.reinterpreted_batch_ndims and self.base_dist.has_enumerate_support

    @constraints.dependent_property
    def support(self) -> Any:
        """Where values have a probability, as a constraint."""
        base = self.base_dist.support
        return constraints.independent(base, self.reinterpreted_batch_ndims) if self.reinterpreted_batch_ndims else base

    @property
    def mean(self) -> Tensor:
        return self.base_dist.mean

    @property
    def mode(self) -> Tensor:
        return self.base_dist.mode

    @property
    def variance(self) -> Tensor:
        return self.base_dist.variance

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return self.base_dist.sample(sample_shape)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return self.base_dist.rsample(sample_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        return sum_rightmost(self.base_dist.log_prob(value), self.reinterpreted_batch_ndims)

    def entropy(self) -> Tensor:
        return sum_rightmost(self.base_dist.entropy(), self.reinterpreted_batch_ndims)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        if self.reinterpreted_batch_ndims:
            raise not_implemented_error(
                "Independent: expected no reinterpreted dimensions for enumerate_support, got some: it would be a product. "
                "Enumerate base_dist."
            )
        return self.base_dist.enumerate_support(expand)

    def __repr__(self) -> str:
        return f"Independent({self.base_dist!r}, {self.reinterpreted_batch_ndims})"
