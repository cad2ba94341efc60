"""`LibraryTokenizer`: every kind of the `tokenizers` library, trained or read from the forms they are published in.

Sources: BPE https://arxiv.org/abs/1508.07909; WordPiece https://arxiv.org/abs/1609.08144; Unigram
https://arxiv.org/abs/1804.10959.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from facula import Tensor
from facula_text.files import read_text, write_text
from facula_text.tokenizers.base import pad_ids

__all__ = ["LibraryTokenizer", "library"]

Own = TypeVar("Own", bound="LibraryTokenizer")


def library() -> Any:
    """The module `tokenizers`; ImportError says how to get it."""
    try:
        import tokenizers
    except ImportError as error:
        raise ImportError(
            "BPETokenizer: expected the library 'tokenizers', got no such module. Run: pip install facula-text",
            name="tokenizers",
        ) from error
    return tokenizers


class LibraryTokenizer:
    """A tokenizer of the `tokenizers` library, `core`; ids are its ids."""

    def __init__(self, core: Any) -> None:
        self.core = core

    @classmethod
    def _trained(cls: type[Own], core: Any, trainer: Any, texts: Iterable[str]) -> Own:
        core.train_from_iterator(texts, trainer)
        return cls(core)

    @classmethod
    def load(cls: type[Own], path: str | os.PathLike[str]) -> Own:
        """Read a `tokenizer.json`; FileNotFoundError if it is missing, ValueError if it is something else.

        What the file says about padding and truncation is left out: `encode_batch` is told.
        """
        text = read_text(path)
        try:
            core = library().Tokenizer.from_str(text)
        except ImportError:
            raise
        except Exception as error:  # the library raises bare Exceptions
            raise ValueError(
                f"{cls.__name__}: expected a tokenizer.json, got {path} ({error}). Check the path."
            ) from error
        core.no_padding()
        core.no_truncation()
        return cls(core)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a `tokenizer.json`."""
        write_text(path, self.core.to_str(pretty=True))

    @property
    def vocab_size(self) -> int:
        """How many ids there are."""
        return int(self.core.get_vocab_size())

    def token_to_id(self, token: str) -> int | None:
        """The id of a token, None if there is none."""
        found: int | None = self.core.token_to_id(token)
        return found

    def encode(self, text: str, pair: str | None = None) -> list[int]:
        """The ids of a text, or of two with what stands between them."""
        return list(self.core.encode(text, pair).ids)

    def tokens(self, text: str) -> list[str]:
        """The pieces that the ids of a text stand for."""
        return list(self.core.encode(text).tokens)

    def decode(self, ids: Iterable[int], skip_special_tokens: bool = True) -> str:
        """The text of ids."""
        return str(self.core.decode([int(index) for index in ids], skip_special_tokens=skip_special_tokens))

    def encode_batch(
        self, texts: Sequence[str], pad_id: int = 0, *, side: str = "right", max_length: int | None = None
    ) -> tuple[Tensor, Tensor]:
        """The ids of many texts, filled up with `pad_id`, and the mask of what is text.

        `max_length` shortens texts, but keeps the tokens that the tokenizer puts around them, e.g. [SEP].

        Shape: (B, longest) twice.
        """
        if max_length is not None:
            self.core.enable_truncation(max_length)
        try:
            rows = [encoding.ids for encoding in self.core.encode_batch(list(texts))]
        finally:
            self.core.no_truncation()
        return pad_ids(rows, pad_id, side=side)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(vocab_size={self.vocab_size})"


def existing(owner: str, *paths: str | os.PathLike[str]) -> list[str]:
    """The paths as text; FileNotFoundError names one where there is no file."""
    for path in paths:
        if not Path(path).is_file():
            raise FileNotFoundError(f"{owner}: expected the file {path}, got nothing there. Check the path.")
    return [str(path) for path in paths]
