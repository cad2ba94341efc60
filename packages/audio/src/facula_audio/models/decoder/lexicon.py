"""Files of tokens and of words' spellings, and the tree in which a search looks for words."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

__all__ = ["Node", "read_lexicon", "read_tokens", "tree_of"]


def _rows(name: str, path: str | os.PathLike[str]) -> list[list[str]]:
    try:
        text = Path(path).read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{name}: expected UTF-8, got byte {error.start} of {path}. Convert the file.") from error
    return [fields for line in text.splitlines() if (fields := line.split())]


def read_tokens(path: str | os.PathLike[str]) -> list[str]:
    """The tokens of a file, one a line; the line's number is the index. ValueError for two in a line."""
    rows = _rows("read_tokens", path)
    for number, row in enumerate(rows, 1):
        if len(row) != 1:
            raise ValueError(f"read_tokens: expected one token a line, got {row[:3]} as number {number} of {path}.")
    return [row[0] for row in rows]


def read_lexicon(path: str | os.PathLike[str]) -> dict[str, list[list[str]]]:
    """The spellings of each word of a file with lines `word token token ...`. ValueError for a word without spelling."""
    found: dict[str, list[list[str]]] = {}
    for number, (word, *spelling) in enumerate(_rows("read_lexicon", path), 1):
        if not spelling:
            raise ValueError(
                f"read_lexicon: expected a word and its tokens, got {word!r} as number {number} of {path}."
            )
        found.setdefault(word, []).append(spelling)
    return found


class Node:
    """A beginning that some spellings share: what may follow, and which words are complete."""

    __slots__ = ("children", "words")

    def __init__(self) -> None:
        self.children: dict[int, Node] = {}
        self.words: list[int] = []


def tree_of(lexicon: Mapping[str, Iterable[Sequence[str]]], token_to_index: Mapping[str, int]) -> Node:
    """The root of the tree of all spellings; words have the numbers of their order. ValueError for an unknown token."""
    root = Node()
    for index, (word, spellings) in enumerate(lexicon.items()):
        for spelling in spellings:
            node = root
            for token in spelling:
                if token not in token_to_index:
                    raise ValueError(
                        f"ctc_decoder: expected spellings of known tokens, got {token!r} in the word {word!r}. "
                        "Add it to the tokens."
                    )
                node = node.children.setdefault(token_to_index[token], Node())
            if index not in node.words:
                node.words.append(index)
    return root
