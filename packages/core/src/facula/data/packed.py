"""Long Python lists without reference counts, so that worker processes can share their memory.

A forked worker shares the pages of its parent until one of them writes. Reading an item of a list writes: it counts a
reference. So every worker ends up with a copy of every list that its dataset holds. Here the items lie packed in one
piece of memory, and reading one makes a new object of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, MutableSequence
from typing import Any

import numpy as np

from facula.data.channel import pack, unpack
from facula.data.dataset import Dataset
from facula.errors import index_error

LONG = 100_000  # items from which packing is worth the time
_PLAIN = {int, float, complex, bool, str, bytes, type(None)}
_NESTED = {tuple, list, dict}


class PackedList(MutableSequence[Any]):
    """Acts as the list it was made from; what is written to it is kept beside the packed items.

    >>> from facula.data.packed import PackedList
    >>> packed = PackedList(["a", ("b", 2)])
    >>> packed[1], len(packed), packed == ["a", ("b", 2)]
    (('b', 2), 2, True)
    """

    def __init__(self, items: Iterable[Any]) -> None:
        packed = [pack(item) for item in items]
        ends = np.zeros(len(packed) + 1, np.int64)
        np.cumsum([len(data) for data in packed], out=ends[1:])
        self._data, self._ends = b"".join(packed), ends
        self._changed: dict[int, Any] = {}
        self._plain: list[Any] | None = None  # the whole list, once its length was changed

    def __len__(self) -> int:
        return len(self._ends) - 1 if self._plain is None else len(self._plain)

    def __getitem__(self, index: Any) -> Any:
        if self._plain is not None:
            return self._plain[index]
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        place = self._place(index)
        if place in self._changed:
            return self._changed[place]
        return unpack(memoryview(self._data)[self._ends[place] : self._ends[place + 1]])

    def _place(self, index: Any) -> int:
        try:
            return range(len(self))[index]
        except IndexError:
            raise index_error("list index out of range") from None

    def __setitem__(self, index: Any, value: Any) -> None:
        if self._plain is None and not isinstance(index, slice):
            self._changed[self._place(index)] = value
        else:
            self._all()[index] = value

    def _all(self) -> list[Any]:
        if self._plain is None:
            self._plain = list(self)
        return self._plain

    def __delitem__(self, index: Any) -> None:
        del self._all()[index]

    def insert(self, index: int, value: Any) -> None:
        """As of a list."""
        self._all().insert(index, value)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __eq__(self, other: object) -> bool:
        return list(self) == (list(other) if isinstance(other, PackedList) else other)

    __hash__ = None  # type: ignore[assignment]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") and name not in ("__add__", "__mul__"):
            raise AttributeError(name)
        return getattr(self._all(), name)

    def __add__(self, other: Any) -> list[Any]:
        return [*self, *other]

    def __repr__(self) -> str:
        return repr(list(self))

    def __reduce__(self) -> Any:
        return list, (list(self),)


def _is_plain(items: list[Any]) -> bool:
    """Whether all items are plain data, through and through; some deep items stand for the rest."""
    if not set(map(type, items)) <= _PLAIN | _NESTED:
        return False
    return all(_plain_within(items[place]) for place in range(0, len(items), max(1, len(items) // 64)))


def _plain_within(item: Any) -> bool:
    if type(item) is dict:
        return all(_plain_within(part) for pair in item.items() for part in pair)
    if type(item) in (tuple, list):
        return all(map(_plain_within, item))
    return type(item) in _PLAIN


def long_lists(dataset: Any, seen: set[int] | None = None) -> Iterator[tuple[Any, str, PackedList]]:
    """(holder, attribute, packed form) of each long list of plain data in a dataset and in those it is made of."""
    seen = set() if seen is None else seen
    if id(dataset) in seen or not isinstance(dataset, Dataset):
        return
    seen.add(id(dataset))
    for name, value in list(vars(dataset).items()):
        if type(value) is list and len(value) >= LONG:
            if _is_plain(value):
                yield dataset, name, PackedList(value)
        elif isinstance(value, (list, tuple)):
            for part in value:
                yield from long_lists(part, seen)
        else:
            yield from long_lists(value, seen)


def packed_whole(dataset: Any) -> Any:
    """A dataset that is itself a long list of plain data, packed; any other as it is."""
    long = type(dataset) is list and len(dataset) >= LONG and _is_plain(dataset)
    return PackedList(dataset) if long else dataset
