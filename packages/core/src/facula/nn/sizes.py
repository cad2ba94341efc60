"""How layers read their arguments: one int or one per dimension, and where and of which type their numbers are."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from facula.errors import type_error


def ntuple(value: Any, n: int) -> tuple[Any, ...]:
    """`n` copies of a single value; a sequence as it is."""
    if isinstance(value, Iterable) and not isinstance(value, str):
        return tuple(value)
    return (value,) * n


def _ntuple(n: int) -> Callable[[Any], tuple[Any, ...]]:
    """`ntuple` for one `n`."""
    return lambda value: ntuple(value, n)


_single, _pair, _triple, _quadruple = map(_ntuple, (1, 2, 3, 4))


def factory_kwargs(kwargs: dict[str, Any] | None) -> dict[str, Any]:
    """The `device`, `dtype` and `memory_format` in keyword arguments, ready for `facula.empty` and its kin.

    A dict under the name `factory_kwargs` is merged in, for layers with a `dtype` of another meaning.
    Errors: TypeError for other names.

    >>> import facula
    >>> facula.nn.factory_kwargs({"dtype": facula.float64})
    {'dtype': facula.float64}
    """
    given = dict(kwargs or {})
    inner = dict(given.pop("factory_kwargs", {}))
    allowed = {"device", "dtype", "memory_format"}
    if unknown := (set(given) | set(inner)) - allowed:
        raise type_error(
            f"factory_kwargs: expected {sorted(allowed)}, got unexpected {sorted(unknown)}. Leave them out."
        )
    if twice := set(given) & set(inner):
        raise type_error(f"factory_kwargs: expected each name once, got {sorted(twice)} twice. Leave one out.")
    return {**given, **inner}
