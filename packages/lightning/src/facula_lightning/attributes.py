"""Attributes: those that a subclass defines anew, and those that are another object's."""

from __future__ import annotations

from operator import attrgetter
from typing import Any


def overridden(thing: Any, name: str, base: type) -> bool:
    """Whether `thing` defines its own `name` instead of what `base` defines."""
    if name in vars(thing):
        return True
    return getattr(type(thing), name, None) is not getattr(base, name, None)


def follows(path: str, text: str) -> Any:
    """A property that is always what `path` leads to.

    >>> class Run:
    ...     seconds = follows("clock.seconds", "How long it has taken.")
    >>> Run.seconds.__doc__
    'How long it has taken.'
    """
    return property(attrgetter(path), doc=text)
