"""From unconstrained numbers to a constraint: `biject_to` one to one, `transform_to` for optimization."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from facula.distributions import constraints as c
from facula.distributions import transforms as t
from facula.errors import not_implemented_error, type_error


class ConstraintRegistry:
    """A table from kinds of constraints to functions that make their transform.

    >>> import facula
    >>> facula.distributions.biject_to(facula.distributions.constraints.positive)
    ExpTransform()
    """

    def __init__(self) -> None:
        self._table: dict[type, Callable[[Any], t.Transform]] = {}

    def register(self, constraint: Any, factory: Any = None) -> Any:
        """Register a factory for a kind of constraint (or for the kind of an instance); a decorator without `factory`."""
        if factory is None:
            return lambda found: self.register(constraint, found)
        kind = constraint if isinstance(constraint, type) else type(constraint)
        if not issubclass(kind, c.Constraint):
            raise type_error(
                f"register: expected constraint to be a Constraint subclass or instance, got {constraint!r}. Pass one."
            )
        self._table[kind] = factory
        return factory

    def __call__(self, constraint: Any) -> t.Transform:
        factory = self._table.get(type(constraint))
        if factory is None:
            raise not_implemented_error(
                f"transform: expected a constraint with a registered transform, got {constraint!r}. Register one with .register()."
            )
        return factory(constraint)


biject_to, transform_to = ConstraintRegistry(), ConstraintRegistry()


def _shifted(transform: t.Transform, loc: Any, scale: Any) -> t.Transform:
    plain = not hasattr(loc, "shape") and not hasattr(scale, "shape") and (loc, scale) == (0, 1)
    return transform if plain else t.ComposeTransform([transform, t.AffineTransform(loc, scale)])


for _registry in (biject_to, transform_to):
    _registry.register(c.real, lambda k: t.identity_transform)
    _registry.register(c.positive, lambda k: _shifted(t.ExpTransform(), k.lower_bound, 1))
    _registry.register(c.nonnegative, lambda k: _shifted(t.ExpTransform(), k.lower_bound, 1))
    _registry.register(c.less_than, lambda k: _shifted(t.ExpTransform(), k.upper_bound, -1))
    for _kind in (c.interval, c.half_open_interval):
        _registry.register(
            _kind, lambda k: _shifted(t.SigmoidTransform(), k.lower_bound, k.upper_bound - k.lower_bound)
        )
biject_to.register(
    c.independent, lambda k: t.IndependentTransform(biject_to(k.base_constraint), k.reinterpreted_batch_ndims)
)
transform_to.register(
    c.independent, lambda k: t.IndependentTransform(transform_to(k.base_constraint), k.reinterpreted_batch_ndims)
)
biject_to.register(c.simplex, lambda k: t.StickBreakingTransform())
transform_to.register(c.simplex, lambda k: t.SoftmaxTransform())
transform_to.register(c.lower_cholesky, lambda k: t.LowerCholeskyTransform())
for _matrix in (c.positive_definite, c.positive_semidefinite):
    transform_to.register(_matrix, lambda k: t.PositiveDefiniteTransform())


def _joined(registry: ConstraintRegistry) -> None:
    """What a registry gives for joined constraints is made of what it gives for their parts."""
    registry.register(c.corr_cholesky, lambda k: t.CorrCholeskyTransform())
    registry.register(c.cat, lambda k: t.CatTransform([registry(part) for part in k.cseq], k.dim, k.lengths))
    registry.register(c.stack, lambda k: t.StackTransform([registry(part) for part in k.cseq], k.dim))


for _registry in (biject_to, transform_to):
    _joined(_registry)
