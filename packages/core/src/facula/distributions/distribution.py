"""`Distribution`: a batch of random variables of one kind, each with a shape of its own events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

from facula import ops
from facula.autograd import no_grad
from facula.distributions import constraints
from facula.distributions.lazy import lazy_property
from facula.errors import not_implemented_error, value_error
from facula.tensors.tensor import Size, Tensor


class Distribution:
    """Base of all distributions: a sample has the shape `sample_shape + batch_shape + event_shape`.

    A subclass sets its parameters as attributes, names their constraints in `arg_constraints`, and calls this constructor
    last, which checks them. `expand` works for every subclass whose parameters are attributes.
    """

    has_rsample = False
    has_enumerate_support = False
    arg_constraints: ClassVar[dict[str, Any]] = {}
    support: Any
    _validate_args = True

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Choose whether parameters and values are checked where `validate_args` is not given."""
        if value not in (True, False):
            raise value_error(f"set_default_validate_args: expected True or False, got {value!r}. Pass one of them.")
        Distribution._validate_args = value

    def __init__(
        self,
        batch_shape: Sequence[int] = (),
        event_shape: Sequence[int] = (),
        validate_args: bool | None = None,
    ) -> None:
        self._batch_shape, self._event_shape = Size(batch_shape), Size(event_shape)
        if validate_args is not None:
            self._validate_args = validate_args
        if self._validate_args:
            self._check_parameters()

    def _check_parameters(self) -> None:
        for name, constraint in self.arg_constraints.items():
            lazy = isinstance(getattr(type(self), name, None), lazy_property) and name not in self.__dict__
            if constraints.is_dependent(constraint) or lazy:
                continue
            value = getattr(self, name)
            valid = constraint.check(value)
            if not bool(valid.all()):
                raise value_error(
                    f"{type(self).__name__}: expected parameter {name} (Tensor of shape {tuple(value.shape)}) to satisfy the "
                    f"constraint {constraint!r}, got invalid values {value!r}. Correct {name}, or pass validate_args=False."
                )

    @property
    def batch_shape(self) -> Size:
        """The shape over which parameters are batched."""
        return self._batch_shape

    @property
    def event_shape(self) -> Size:
        """The shape of one sample of one distribution of the batch."""
        return self._event_shape

    @property
    def mean(self) -> Tensor:
        """The expected value."""
        raise self._missing("mean")

    @property
    def mode(self) -> Tensor:
        """The most probable value."""
        raise self._missing("mode")

    @property
    def variance(self) -> Tensor:
        """The expected squared distance from the mean."""
        raise self._missing("variance")

    @property
    def stddev(self) -> Tensor:
        """The square root of the variance."""
        return ops.sqrt(self.variance)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw values; no gradient flows to the parameters."""
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw values as a differentiable function of the parameters."""
        raise self._missing("rsample")

    def sample_n(self, n: int) -> Tensor:
        """Draw n values."""
        return self.sample((n,))

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the density (or probability) at `value`."""
        raise self._missing("log_prob")

    def cdf(self, value: Tensor) -> Tensor:
        """The probability of a result of at most `value`."""
        raise self._missing("cdf")

    def icdf(self, value: Tensor) -> Tensor:
        """The value whose `cdf` is `value`."""
        raise self._missing("icdf")

    def entropy(self) -> Tensor:
        """The expected value of `-log_prob`, in nats."""
        raise self._missing("entropy")

    def perplexity(self) -> Tensor:
        """exp of the entropy."""
        return ops.exp(self.entropy())

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """All values of a discrete distribution, along a new first dimension."""
        raise self._missing("enumerate_support")

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Self:
        """The same distribution with its parameters expanded (not copied) to a larger batch shape."""
        shape = Size(batch_shape)
        new = object.__new__(type(self)) if _instance is None else _instance
        for name, value in self.__dict__.items():
            if isinstance(value, Distribution):
                value = value.expand(shape + value.batch_shape[len(self._batch_shape) :])
            elif isinstance(value, Tensor) and name in self.arg_constraints:
                value = value.expand(shape + value.shape[value.ndim - self.arg_constraints[name].event_dim :])
            new.__dict__[name] = value
        new._batch_shape = shape
        return new

    def _extended_shape(self, sample_shape: Sequence[int] = ()) -> Size:
        return Size(sample_shape) + self._batch_shape + self._event_shape

    def _validate_sample(self, value: Any) -> None:
        """Refuse values of the wrong type or shape, or outside the support."""
        if not self._validate_args:
            return
        name = type(self).__name__
        if not isinstance(value, Tensor):
            raise value_error(
                f"{name}: expected the value argument to log_prob to be a Tensor, got {type(value).__name__}. Convert it with facula.as_tensor()."
            )
        n = len(self._event_shape)
        if value.shape[value.ndim - n :] != self._event_shape:
            raise value_error(
                f"{name}: expected the right-most size of value to be the event shape {tuple(self._event_shape)}, got shape "
                f"{tuple(value.shape)}. Reshape the value."
            )
        full = tuple(self._batch_shape + self._event_shape)
        for i, j in zip(reversed(value.shape), reversed(full), strict=False):
            if i != 1 and j != 1 and i != j:
                raise value_error(
                    f"{name}: expected a value that broadcasts with batch_shape+event_shape {full}, got shape {tuple(value.shape)}. Reshape the value."
                )
        support = getattr(self, "support", None)
        if support is not None and not bool(support.check(value).all()):
            raise value_error(
                f"{name}: expected value argument (Tensor of shape {tuple(value.shape)}) to be within the support {support!r}, "
                f"got invalid values {value!r}. Correct the value, or pass validate_args=False."
            )

    def _missing(self, what: str) -> NotImplementedError:
        return not_implemented_error(
            f"{type(self).__name__}: expected a distribution with {what}, got one without. Use another distribution, or define {what}."
        )

    def __repr__(self) -> str:
        found = {name: self.__dict__[name] for name in self.arg_constraints if name in self.__dict__}
        return (
            f"{type(self).__name__}({', '.join(f'{k}: {v if v.numel() == 1 else v.size()}' for k, v in found.items())})"
        )
