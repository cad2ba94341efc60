"""`Vocab`: tokens and their numbers, with torchtext's names; and `get_tokenizer`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

__all__ = ["Vocab", "build_vocab_from_iterator", "get_tokenizer", "ngrams_iterator", "vocab"]


class Vocab:
    """Tokens numbered from 0 in their order; a token it does not have gets the default index, if there is one.

    ValueError for a token given twice.

    >>> from facula_text.vocab import Vocab
    >>> vocab = Vocab(["<unk>", "to", "be"])
    >>> vocab.set_default_index(vocab["<unk>"])
    >>> vocab(["to", "be", "or", "not"]), vocab.lookup_token(2), len(vocab)
    ([1, 2, 0, 0], 'be', 3)
    """

    def __init__(self, tokens: Iterable[str]) -> None:
        self._tokens: list[str] = []
        self._index: dict[str, int] = {}
        self._default: int | None = None
        for token in tokens:
            self.append_token(token)

    def __len__(self) -> int:
        return len(self._tokens)

    def __contains__(self, token: str) -> bool:
        return token in self._index

    def __getitem__(self, token: str) -> int:
        index = self._index.get(token, self._default)
        if index is None:
            raise RuntimeError(
                f"Vocab: expected a token of the vocabulary, got {token!r}. Give unknown ones a number with "
                "set_default_index."
            )
        return index

    def __call__(self, tokens: Iterable[str]) -> list[int]:
        return [self[token] for token in tokens]

    def forward(self, tokens: Iterable[str]) -> list[int]:
        """The numbers of tokens, as by calling."""
        return self(tokens)

    def set_default_index(self, index: int | None) -> None:
        """The number of every token that is not known; None makes them errors."""
        self._default = index

    def get_default_index(self) -> int | None:
        """The number of every token that is not known."""
        return self._default

    def append_token(self, token: str) -> None:
        """Add a token with the next number; RuntimeError if it is there already."""
        self.insert_token(token, len(self))

    def insert_token(self, token: str, index: int) -> None:
        """Add a token with this number; those from there on move up.   RuntimeError if it is known or out of range."""
        if token in self._index:
            raise RuntimeError(f"Vocab: expected each token once, got {token!r} again. Leave one out.")
        if not 0 <= index <= len(self):
            raise RuntimeError(
                f"Vocab: expected an index from 0 to {len(self)}, got {index}. Use append_token at the end."
            )
        self._tokens.insert(index, token)
        for place in range(index, len(self._tokens)):
            self._index[self._tokens[place]] = place

    def lookup_token(self, index: int) -> str:
        """The token with this number; RuntimeError if there is none."""
        if not 0 <= index < len(self):
            raise RuntimeError(f"Vocab: expected an index from 0 to {len(self) - 1}, got {index}. Check the ids.")
        return self._tokens[index]

    def lookup_tokens(self, indices: Iterable[int]) -> list[str]:
        """The tokens with these numbers."""
        return [self.lookup_token(index) for index in indices]

    def lookup_indices(self, tokens: Iterable[str]) -> list[int]:
        """The numbers of tokens."""
        return self(tokens)

    def get_stoi(self) -> dict[str, int]:
        """Every token and its number."""
        return dict(self._index)

    def get_itos(self) -> list[str]:
        """The tokens in the order of their numbers."""
        return list(self._tokens)

    def __repr__(self) -> str:
        return f"Vocab({len(self)} tokens)"


def vocab(
    ordered_dict: Mapping[str, int],
    min_freq: int = 1,
    specials: Sequence[str] | None = None,
    special_first: bool = True,
) -> Vocab:
    """The tokens of a mapping to their counts, in its order, that occur at least `min_freq` times.

    >>> from facula_text.vocab import vocab
    >>> vocab({"to": 2, "be": 2, "or": 1}, min_freq=2, specials=["<unk>"]).get_itos()
    ['<unk>', 'to', 'be']
    """
    special = list(specials or [])
    tokens = [token for token, count in ordered_dict.items() if count >= min_freq and token not in special]
    return Vocab(special + tokens if special_first else tokens + special)


def build_vocab_from_iterator(
    iterator: Iterable[Iterable[str]],
    min_freq: int = 1,
    specials: Sequence[str] | None = None,
    special_first: bool = True,
    max_tokens: int | None = None,
) -> Vocab:
    """The tokens of many texts, the most frequent first, those as frequent by name; at most `max_tokens` with specials.

    >>> from facula_text.vocab import build_vocab_from_iterator
    >>> build_vocab_from_iterator([["to", "be"], ["be", "a"]], specials=["<unk>"]).get_itos()
    ['<unk>', 'be', 'a', 'to']
    """
    counts = Counter(token for tokens in iterator for token in tokens)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    if max_tokens is not None:
        if max_tokens < len(specials or ()):
            raise ValueError(
                f"build_vocab_from_iterator: expected max_tokens of at least {len(specials or ())}, the specials, got "
                f"{max_tokens}. Allow more."
            )
        ordered = [item for item in ordered if item[0] not in (specials or ())][: max_tokens - len(specials or ())]
    return vocab(dict(ordered), min_freq, specials, special_first)


_ENGLISH = [
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"'", " '  "),
        (r'"', ""),
        (r"\.", " . "),
        (r"<br \/>", " "),
        (r",", " , "),
        (r"\(", " ( "),
        (r"\)", " ) "),
        (r"!", " ! "),
        (r"\?", " ? "),
        (r";", " "),
        (r":", " "),
        (r"\s+", " "),
    )
]


def _basic_english(text: str) -> list[str]:
    text = text.lower()
    for pattern, replacement in _ENGLISH:
        text = pattern.sub(replacement, text)
    return text.split()


def get_tokenizer(
    tokenizer: str | Callable[[str], list[str]] | None, language: str = "en"
) -> Callable[[str], list[str]]:
    """A function from text to tokens: None splits at white space, "basic_english" also sets signs apart in lower case.

    A function is given back. ValueError for another name or language.

    >>> from facula_text.vocab import get_tokenizer
    >>> get_tokenizer("basic_english")("You can't; (really!)")
    ['you', 'can', "'", 't', '(', 'really', '!', ')']
    """
    if tokenizer is None:
        return str.split
    if callable(tokenizer):
        return tokenizer
    if tokenizer != "basic_english" or language != "en":
        raise ValueError(
            f"get_tokenizer: expected 'basic_english', a function or None, and language 'en', got {tokenizer!r} and "
            f"{language!r}. Give a function from text to tokens."
        )
    return _basic_english


def ngrams_iterator(token_list: Sequence[str], ngrams: int) -> Iterable[str]:
    """The tokens, then each two that stand together, each three, up to `ngrams`.

    >>> from facula_text.vocab import ngrams_iterator
    >>> list(ngrams_iterator(["to", "be", "or"], 2))
    ['to', 'be', 'or', 'to be', 'be or']
    """
    yield from token_list
    for size in range(2, ngrams + 1):
        for first in range(len(token_list) - size + 1):
            yield " ".join(token_list[first : first + size])
