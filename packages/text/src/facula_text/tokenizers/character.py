"""`CharTokenizer`: one id for each character."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable

from facula_text.files import read_text, write_text

__all__ = ["CharTokenizer"]


class CharTokenizer:
    """Characters in the order of their code points, numbered from 0.

    >>> from facula_text.tokenizers import CharTokenizer
    >>> tokenizer = CharTokenizer("hello")
    >>> tokenizer.encode("hole"), tokenizer.decode([1, 0])
    ([1, 3, 2, 0], 'he')
    """

    def __init__(self, characters: Iterable[str]) -> None:
        self.characters = "".join(sorted(set(characters)))
        self._ids = {character: index for index, character in enumerate(self.characters)}

    @property
    def vocab_size(self) -> int:
        """How many characters there are."""
        return len(self.characters)

    def encode(self, text: str) -> list[int]:
        """The id of each character; ValueError names one that is unknown."""
        ids = self._ids
        try:
            return [ids[character] for character in text]
        except KeyError as error:
            unknown = error.args[0]
            raise ValueError(
                f"CharTokenizer: expected characters of the {self.vocab_size} known ones, got {unknown!r} at offset "
                f"{text.index(unknown)}. Build the tokenizer from a text that has it."
            ) from None

    def decode(self, ids: Iterable[int]) -> str:
        """The characters of the ids; ValueError names an id out of range."""
        numbers = [int(index) for index in ids]
        wrong = next((index for index in numbers if not 0 <= index < self.vocab_size), None)
        if wrong is not None:
            raise ValueError(
                f"CharTokenizer: expected ids from 0 to {self.vocab_size - 1}, got {wrong}. Check the ids."
            )
        return "".join(self.characters[index] for index in numbers)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the characters to a JSON file."""
        write_text(path, json.dumps({"characters": self.characters}, ensure_ascii=False))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> CharTokenizer:
        """Read what `save` wrote; ValueError for anything else."""
        try:
            characters = json.loads(read_text(path))["characters"]
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            raise ValueError(
                f"CharTokenizer: expected a file written by save, got {path} ({error}). Check the path."
            ) from error
        return cls(characters)

    def __repr__(self) -> str:
        return f"CharTokenizer(vocab_size={self.vocab_size})"
