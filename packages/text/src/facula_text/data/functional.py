"""torchtext's functions on iterators of texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from facula.utils.data import Dataset

__all__ = ["numericalize_tokens_from_iterator", "simple_space_split", "to_map_style_dataset"]


class _Listed(Dataset[Any]):
    def __init__(self, items: Iterable[Any]) -> None:
        self.items = list(items)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Any:
        return self.items[index]


def to_map_style_dataset(iter_data: Iterable[Any]) -> Any:
    """A dataset with a length, items by index: what has these already as it is, all else in memory.

    >>> from facula_text.data.functional import to_map_style_dataset
    >>> to_map_style_dataset(iter(["to", "be"]))[1]
    'be'
    """
    if hasattr(iter_data, "__len__") and hasattr(iter_data, "__getitem__"):
        return iter_data
    return _Listed(iter_data)


def simple_space_split(iterator: Iterable[str]) -> Iterator[list[str]]:
    """The words of each text between white space.

    >>> from facula_text.data.functional import simple_space_split
    >>> list(simple_space_split(["to be", "or"]))
    [['to', 'be'], ['or']]
    """
    return (text.split() for text in iterator)


def numericalize_tokens_from_iterator(
    vocab: Mapping[str, int], iterator: Iterable[Iterable[str]], removed_tokens: Iterable[str] | None = None
) -> Iterator[Iterator[int]]:
    """The numbers of the tokens of each text, without those that are removed.

    >>> from facula_text.data.functional import numericalize_tokens_from_iterator
    >>> [list(ids) for ids in numericalize_tokens_from_iterator({"to": 0, "be": 1}, [["to", "be"]], ["to"])]
    [[1]]
    """
    removed = set(removed_tokens or ())
    return ((vocab[token] for token in tokens if token not in removed) for tokens in iterator)
