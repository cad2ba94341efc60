"""`lazy_property`: computed when it is first asked for, with a gradient, and kept as an attribute."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from facula.autograd import enable_grad


class lazy_property:
    """Decorate a method without arguments: its result becomes the attribute of that name."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function, self.__doc__ = function, function.__doc__

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        with enable_grad():
            value = self.function(instance)
        instance.__dict__[self.function.__name__] = value
        return value
