"""One int or one per dimension: how layers read `kernel_size=3` and `kernel_size=(3, 5)`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def ntuple(value: Any, n: int) -> tuple[Any, ...]:
    """`n` copies of a single value; a sequence as it is."""
    if isinstance(value, Iterable) and not isinstance(value, str):
        return tuple(value)
    return (value,) * n


def _single(value: Any) -> tuple[Any, ...]:
    return ntuple(value, 1)


def _pair(value: Any) -> tuple[Any, ...]:
    return ntuple(value, 2)


def _triple(value: Any) -> tuple[Any, ...]:
    return ntuple(value, 3)


def _quadruple(value: Any) -> tuple[Any, ...]:
    return ntuple(value, 4)
