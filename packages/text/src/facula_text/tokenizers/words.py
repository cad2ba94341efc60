"""`WordTokenizer`: one id for each word between white space."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable

from facula_text.files import read_text, write_text
from facula_text.vocab import Vocab, build_vocab_from_iterator

__all__ = ["WordTokenizer"]


class WordTokenizer:
    """Words between white space, numbered in their order; what is not known has the number of `unknown`, if that is a word.

    ValueError for a word that holds white space.

    >>> from facula_text.tokenizers import WordTokenizer
    >>> tokenizer = WordTokenizer.train(["to be or not to be"], specials=["<unk>"])
    >>> tokenizer.encode("to  be great"), tokenizer.decode([2, 1])
    ([2, 1, 0], 'to be')
    """

    def __init__(self, words: Iterable[str], unknown: str = "<unk>") -> None:
        self.vocab = Vocab(words)
        self.unknown = unknown
        spaced = next((word for word in self.vocab.get_itos() if word.split() != [word]), None)
        if spaced is not None:
            raise ValueError(f"WordTokenizer: expected words without white space, got {spaced!r}. Leave it out.")
        if unknown in self.vocab:
            self.vocab.set_default_index(self.vocab[unknown])

    @classmethod
    def train(
        cls,
        texts: Iterable[str],
        vocab_size: int | None = None,
        *,
        min_frequency: int = 1,
        specials: Iterable[str] = ("<unk>",),
    ) -> WordTokenizer:
        """The words of texts, the most frequent first, after the specials; at most `vocab_size` with these."""
        words = (text.split() for text in texts)
        vocab = build_vocab_from_iterator(words, min_frequency, [*specials], max_tokens=vocab_size)
        return cls(vocab.get_itos())

    @property
    def vocab_size(self) -> int:
        """How many words there are."""
        return len(self.vocab)

    def encode(self, text: str) -> list[int]:
        """The id of each word; RuntimeError names one that is unknown, where there is no id for those."""
        return self.vocab(text.split())

    def decode(self, ids: Iterable[int]) -> str:
        """The words of the ids with a space between; RuntimeError names an id out of range."""
        return " ".join(self.vocab.lookup_tokens([int(index) for index in ids]))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the words to a JSON file."""
        write_text(path, json.dumps({"words": self.vocab.get_itos(), "unknown": self.unknown}, ensure_ascii=False))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> WordTokenizer:
        """Read what `save` wrote; ValueError for anything else."""
        try:
            content = json.loads(read_text(path))
            return cls(content["words"], content["unknown"])
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            raise ValueError(
                f"WordTokenizer: expected a file written by save, got {path} ({error}). Check the path."
            ) from error

    def __repr__(self) -> str:
        return f"WordTokenizer(vocab_size={self.vocab_size})"
