"""Views of a module's members: one kind of attribute (parameters, buffers or children) seen as a mapping."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Any, Generic, TypeVar

Value = TypeVar("Value")


class Members(MutableMapping[str, Value], Generic[Value]):
    """The attributes of `owner` whose names are listed in `names`, in order of registration.

    The values live in the owner's `__dict__` and nowhere else, so reading `self.weight` in a forward is a plain
    attribute access; this view is made on demand for code that wants `module._parameters`.
    """

    __slots__ = ("_names", "_values")

    def __init__(self, owner: object, names: dict[str, None]) -> None:
        self._names = names
        self._values: dict[str, Any] = vars(owner)

    def __getitem__(self, name: str) -> Value:
        if name not in self._names:
            raise KeyError(name)
        return self._values[name]

    def __setitem__(self, name: str, value: Value) -> None:
        self._names[name] = None
        self._values[name] = value

    def __delitem__(self, name: str) -> None:
        del self._names[name]
        del self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __repr__(self) -> str:
        return repr(dict(self.items()))
