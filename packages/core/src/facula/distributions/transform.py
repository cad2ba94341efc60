"""What a transform is: `Transform`, its inverse, and transforms made of others."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from facula import ops
from facula.distributions import constraints
from facula.errors import not_implemented_error, value_error
from facula.tensors.tensor import Size, Tensor


class Transform:
    """A function from `domain` to `codomain`. `cache_size=1` remembers the last pair, for inverses that lose digits.

    >>> import facula
    >>> t = facula.distributions.transforms.ExpTransform()
    >>> t(facula.tensor(0.)), t.inv(facula.tensor(1.))
    (tensor(1.), tensor(0.))
    """

    bijective = False
    domain: Any
    codomain: Any

    def __init__(self, cache_size: int = 0) -> None:
        if cache_size not in (0, 1):
            raise value_error(f"{type(self).__name__}: expected cache_size 0 or 1, got {cache_size}. Pass one of them.")
        self._cache_size = cache_size
        self._last: tuple[Any, Any] = (None, None)

    @property
    def inv(self) -> Transform:
        """The inverse transform."""
        return _InverseTransform(self)

    @property
    def sign(self) -> Any:
        """1 if the function rises, -1 if it falls."""
        raise not_implemented_error(
            f"{type(self).__name__}: expected a monotone transform, got one without a sign. Use another transform."
        )

    def __call__(self, x: Tensor) -> Tensor:
        if not self._cache_size:
            return self._call(x)
        if x is not self._last[0]:
            self._last = x, self._call(x)
        return self._last[1]

    def _inv_call(self, y: Tensor) -> Tensor:
        if not self._cache_size:
            return self._inverse(y)
        if y is not self._last[1]:
            self._last = self._inverse(y), y
        return self._last[0]

    def with_cache(self, cache_size: int = 1) -> Transform:
        """This transform with another `cache_size`."""
        if self._cache_size == cache_size:
            return self
        new = copy.copy(self)
        Transform.__init__(new, cache_size)
        return new

    def _call(self, x: Tensor) -> Tensor:
        raise self._missing("a forward function")

    def _inverse(self, y: Tensor) -> Tensor:
        raise self._missing("an inverse")

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """log |dy / dx|, for y = self(x)."""
        raise self._missing("a Jacobian")

    def forward_shape(self, shape: Sequence[int]) -> Size:
        """The shape of the result for an input's."""
        return Size(shape)

    def inverse_shape(self, shape: Sequence[int]) -> Size:
        """The shape of the input for a result's."""
        return Size(shape)

    def _missing(self, what: str) -> NotImplementedError:
        return not_implemented_error(
            f"{type(self).__name__}: expected a transform with {what}, got one without. Use another transform."
        )

    @property
    def event_dim(self) -> int:
        """The number of dimensions that are transformed together."""
        if self.domain.event_dim != self.codomain.event_dim:
            raise value_error(
                f"{type(self).__name__}: Please use either .domain.event_dim or .codomain.event_dim, got {self.domain.event_dim} and "
                f"{self.codomain.event_dim}. Choose one."
            )
        return int(self.domain.event_dim)

    def __eq__(self, other: Any) -> bool:
        if type(self) is not type(other):
            return False
        return all(
            constraints.equal_values(v, other.__dict__[k])
            for k, v in self.__dict__.items()
            if k not in ("_last", "_cache_size")
        )

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return type(self).__name__ + "()"


class _InverseTransform(Transform):
    def __init__(self, transform: Transform) -> None:
        super().__init__()
        self._inv = transform

    bijective = property(lambda self: self._inv.bijective)
    domain = property(lambda self: self._inv.codomain)
    codomain = property(lambda self: self._inv.domain)

    @property
    def inv(self) -> Transform:
        return self._inv

    @property
    def sign(self) -> Any:
        return self._inv.sign

    def __call__(self, x: Tensor) -> Tensor:
        return self._inv._inv_call(x)

    def _inv_call(self, y: Tensor) -> Tensor:
        return self._inv(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return -self._inv.log_abs_det_jacobian(y, x)

    def forward_shape(self, shape: Sequence[int]) -> Size:
        return self._inv.inverse_shape(shape)

    def inverse_shape(self, shape: Sequence[int]) -> Size:
        return self._inv.forward_shape(shape)

    def __repr__(self) -> str:
        return f"_InverseTransform({self._inv!r})"


def sum_rightmost(value: Tensor, dim: int) -> Tensor:
    """The sum over the last `dim` dimensions."""
    return value.reshape((*value.shape[: value.ndim - dim], -1)).sum(-1) if dim else value


class ComposeTransform(Transform):
    """Several transforms, one after the other."""

    def __init__(self, parts: Sequence[Transform], cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.parts = list(parts)

    @property
    def domain(self) -> Any:
        """Where the first begins, with as many event dimensions as any of them needs."""
        if not self.parts:
            return constraints.real
        first = self.parts[0].domain
        needed = self.parts[-1].codomain.event_dim
        for part in reversed(self.parts):
            needed = max(needed + part.domain.event_dim - part.codomain.event_dim, part.domain.event_dim)
        extra = needed - first.event_dim
        return constraints.independent(first, extra) if extra else first

    @property
    def codomain(self) -> Any:
        """Where the last ends."""
        if not self.parts:
            return constraints.real
        last = self.parts[-1].codomain
        reached = self.parts[0].domain.event_dim
        for part in self.parts:
            reached = max(reached + part.codomain.event_dim - part.domain.event_dim, part.codomain.event_dim)
        extra = reached - last.event_dim
        return constraints.independent(last, extra) if extra else last

    @property
    def bijective(self) -> bool:  # type: ignore[override]
        """Whether all are."""
        return all(part.bijective for part in self.parts)

    @property
    def sign(self) -> Any:
        sign: Any = 1
        for part in self.parts:
            sign = sign * part.sign
        return sign

    def _call(self, x: Tensor) -> Tensor:
        for part in self.parts:
            x = part(x)
        return x

    def _inverse(self, y: Tensor) -> Tensor:
        for part in reversed(self.parts):
            y = part._inv_call(y)
        return y

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        total: Any = ops.zeros_like(x) if not self.parts else 0
        dims = self.domain.event_dim
        for number, part in enumerate(self.parts):
            result = y if number == len(self.parts) - 1 else part(x)
            total = total + sum_rightmost(part.log_abs_det_jacobian(x, result), dims - part.domain.event_dim)
            dims += part.codomain.event_dim - part.domain.event_dim
            x = result
        return total

    def forward_shape(self, shape: Sequence[int]) -> Size:
        for part in self.parts:
            shape = part.forward_shape(shape)
        return Size(shape)

    def inverse_shape(self, shape: Sequence[int]) -> Size:
        for part in reversed(self.parts):
            shape = part.inverse_shape(shape)
        return Size(shape)

    def __repr__(self) -> str:
        return "ComposeTransform(" + ", ".join(map(repr, self.parts)) + ")"


identity_transform = ComposeTransform([])


class IndependentTransform(Transform):
    """A transform whose last batch dimensions are judged together."""

    def __init__(self, base_transform: Transform, reinterpreted_batch_ndims: int, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.base_transform, self.reinterpreted_batch_ndims = base_transform, reinterpreted_batch_ndims
        self.domain = constraints.independent(base_transform.domain, reinterpreted_batch_ndims)
        self.codomain = constraints.independent(base_transform.codomain, reinterpreted_batch_ndims)
        self.bijective = base_transform.bijective

    @property
    def sign(self) -> Any:
        return self.base_transform.sign

    def _call(self, x: Tensor) -> Tensor:
        return self.base_transform(x)

    def _inverse(self, y: Tensor) -> Tensor:
        return self.base_transform._inv_call(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return sum_rightmost(self.base_transform.log_abs_det_jacobian(x, y), self.reinterpreted_batch_ndims)

    def __eq__(self, other: Any) -> bool:
        return (
            isinstance(other, IndependentTransform)
            and self.base_transform == other.base_transform
            and self.reinterpreted_batch_ndims == other.reinterpreted_batch_ndims
        )

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"IndependentTransform({self.base_transform!r}, {self.reinterpreted_batch_ndims})"
