"""Transforms of parts of a tensor, each with its own, and the transform by a distribution's `cdf`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from facula import ops
from facula.distributions import constraints
from facula.distributions.transform import Transform, sum_rightmost
from facula.errors import type_error, value_error
from facula.tensors.tensor import Tensor


def _checked(name: str, tseq: Sequence[Transform]) -> list[Transform]:
    if not all(isinstance(t, Transform) for t in tseq):
        raise type_error(f"{name}: expected a sequence of Transforms, got {list(tseq)!r}. Pass those.")
    return list(tseq)


class _Joined(Transform):
    """Transforms, and how a tensor is cut into the part of each and put together again."""

    transforms: list[Transform]
    dim: int

    def _cut(self, value: Tensor) -> list[Tensor]:
        raise self._missing("parts")

    def _join(self, parts: list[Tensor]) -> Tensor:
        raise self._missing("parts")

    def _mapped(self, value: Tensor, function: Callable[[Transform, Tensor], Tensor]) -> Tensor:
        return self._join([function(t, x) for t, x in zip(self.transforms, self._cut(value), strict=True)])

    def _call(self, x: Tensor) -> Tensor:
        return self._mapped(x, lambda t, part: t(part))

    def _inverse(self, y: Tensor) -> Tensor:
        return self._mapped(y, lambda t, part: t.inv(part))

    @property
    def bijective(self) -> bool:  # type: ignore[override]
        """Whether all are."""
        return all(t.bijective for t in self.transforms)


class CatTransform(_Joined):
    """Each transform for its own `lengths[i]` places along `dim`.

    >>> import facula
    >>> t = facula.distributions.transforms
    >>> t.CatTransform([t.ExpTransform(), t.AffineTransform(0.0, 2.0)], lengths=[1, 2])(facula.tensor([0.0, 1.0, 2.0]))
    tensor([1., 2., 4.])
    """

    def __init__(
        self, tseq: Sequence[Transform], dim: int = 0, lengths: Sequence[int] | None = None, cache_size: int = 0
    ) -> None:
        super().__init__(cache_size)
        self.transforms = _checked("CatTransform", tseq)
        self.lengths = [1] * len(self.transforms) if lengths is None else list(lengths)
        if len(self.lengths) != len(self.transforms):
            raise value_error(
                f"CatTransform: expected a length for each of {len(self.transforms)} transforms, got {len(self.lengths)}. Pass as many."
            )
        self.dim = dim
        self.domain = constraints.cat([t.domain for t in self.transforms], dim, self.lengths)
        self.codomain = constraints.cat([t.codomain for t in self.transforms], dim, self.lengths)

    @property
    def length(self) -> int:
        """The number of places along `dim`."""
        return sum(self.lengths)

    @property
    def event_dim(self) -> int:
        return max(t.event_dim for t in self.transforms)

    def _cut(self, value: Tensor) -> list[Tensor]:
        if value.shape[self.dim] != self.length:
            raise value_error(
                f"CatTransform: expected {self.length} places along dim {self.dim}, got shape {tuple(value.shape)}. Reshape the value."
            )
        return list(ops.split(value, self.lengths, self.dim))

    def _join(self, parts: list[Tensor]) -> Tensor:
        return ops.cat(parts, self.dim)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        found = []
        for t, a, b in zip(self.transforms, self._cut(x), self._cut(y), strict=True):
            found.append(sum_rightmost(t.log_abs_det_jacobian(a, b), self.event_dim - t.event_dim))
        dim = (self.dim if self.dim < 0 else self.dim - x.ndim) + self.event_dim
        if dim < 0:
            return ops.cat(found, dim)
        total: Any = sum(found)
        return total


class StackTransform(_Joined):
    """Each transform for its own place along `dim`.

    >>> import facula
    >>> t = facula.distributions.transforms
    >>> t.StackTransform([t.ExpTransform(), t.identity_transform])(facula.tensor([0.0, 5.0]))
    tensor([1., 5.])
    """

    def __init__(self, tseq: Sequence[Transform], dim: int = 0, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.transforms, self.dim = _checked("StackTransform", tseq), dim
        self.domain = constraints.stack([t.domain for t in self.transforms], dim)
        self.codomain = constraints.stack([t.codomain for t in self.transforms], dim)

    def _cut(self, value: Tensor) -> list[Tensor]:
        if value.shape[self.dim] != len(self.transforms):
            raise value_error(
                f"StackTransform: expected {len(self.transforms)} places along dim {self.dim}, got shape {tuple(value.shape)}. Reshape the value."
            )
        return list(ops.unbind(value, self.dim))

    def _join(self, parts: list[Tensor]) -> Tensor:
        return ops.stack(parts, self.dim)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        parts = zip(self.transforms, self._cut(x), self._cut(y), strict=True)
        return self._join([t.log_abs_det_jacobian(a, b) for t, a, b in parts])


class CumulativeDistributionTransform(Transform):
    """y = distribution.cdf(x), which is uniform where x has that distribution.

    >>> import facula
    >>> d = facula.distributions
    >>> d.CumulativeDistributionTransform(d.Normal(0.0, 1.0))(facula.tensor(0.0))
    tensor(0.5000)
    """

    bijective = True
    codomain = constraints.unit_interval
    sign = 1

    def __init__(self, distribution: Any, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.distribution = distribution

    @property
    def domain(self) -> Any:
        """The support of the distribution."""
        return self.distribution.support

    def _call(self, x: Tensor) -> Tensor:
        found: Tensor = self.distribution.cdf(x)
        return found

    def _inverse(self, y: Tensor) -> Tensor:
        found: Tensor = self.distribution.icdf(y)
        return found

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        found: Tensor = self.distribution.log_prob(x)
        return found
