"""`BPETokenizer`: byte-pair encoding, trained and run by the `tokenizers` library.

Source: R. Sennrich, B. Haddow, A. Birch, "Neural Machine Translation of Rare Words with Subword Units",
https://arxiv.org/abs/1508.07909; on bytes as in A. Radford et al.,
"Language Models are Unsupervised Multitask Learners", 2019.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from facula import Tensor
from facula_text.files import read_text, write_text
from facula_text.tokenizers.base import pad_ids

__all__ = ["BPETokenizer"]


def _library() -> Any:
    try:
        import tokenizers
    except ImportError as error:
        raise ImportError(
            "BPETokenizer: expected the library 'tokenizers', got no such module. Run: pip install facula-text",
            name="tokenizers",
        ) from error
    return tokenizers


class BPETokenizer:
    """Byte-pair encoding on bytes, so that every text has ids and `decode(encode(text)) == text`.

    `core` is the library's own `tokenizers.Tokenizer`; ids are its ids.

    >>> from facula_text.tokenizers import BPETokenizer
    >>> tokenizer = BPETokenizer.train(["low lower lowest"], vocab_size=262)
    >>> tokenizer.decode(tokenizer.encode("slower ünder"))
    'slower ünder'
    """

    def __init__(self, core: Any) -> None:
        self.core = core

    @classmethod
    def train(
        cls,
        texts: Iterable[str],
        vocab_size: int,
        *,
        min_frequency: int = 2,
        special_tokens: Sequence[str] = (),
    ) -> BPETokenizer:
        """Learn merges from texts until there are `vocab_size` ids; special tokens get the first ones.

        ValueError for a vocabulary smaller than the 256 bytes and the special tokens.
        """
        smallest = 256 + len(special_tokens)
        if vocab_size < smallest:
            raise ValueError(
                f"BPETokenizer: expected vocab_size of at least {smallest}, got {vocab_size}. "
                "All 256 bytes and the special tokens have ids."
            )
        library = _library()
        core = library.Tokenizer(library.models.BPE())
        core.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
        core.decoder = library.decoders.ByteLevel()
        trainer = library.trainers.BpeTrainer(
            vocab_size=vocab_size,
            min_frequency=min_frequency,
            special_tokens=list(special_tokens),
            initial_alphabet=library.pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
        core.train_from_iterator(texts, trainer)
        return cls(core)

    @classmethod
    def train_files(cls, paths: Iterable[str | os.PathLike[str]], vocab_size: int, **options: Any) -> BPETokenizer:
        """`train` on the lines of UTF-8 files."""
        return cls.train(
            (line for path in paths for line in read_text(path).splitlines(keepends=True)), vocab_size, **options
        )

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> BPETokenizer:
        """Read a `tokenizer.json`; FileNotFoundError if it is missing, ValueError if it is something else."""
        text = read_text(path)
        try:
            return cls(_library().Tokenizer.from_str(text))
        except ImportError:
            raise
        except Exception as error:  # the library raises bare Exceptions
            raise ValueError(
                f"BPETokenizer: expected a tokenizer.json, got {path} ({error}). Check the path."
            ) from error

    @classmethod
    def load_merges(cls, vocab: str | os.PathLike[str], merges: str | os.PathLike[str]) -> BPETokenizer:
        """Read `vocab.json` and `merges.txt`, the form in which GPT-2's are published."""
        for path in (vocab, merges):
            if not Path(path).is_file():
                raise FileNotFoundError(f"BPETokenizer: expected the file {path}, got nothing there. Check the path.")
        library = _library()
        core = library.Tokenizer(library.models.BPE.from_file(str(vocab), str(merges)))
        core.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
        core.decoder = library.decoders.ByteLevel()
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

    def encode(self, text: str) -> list[int]:
        """The ids of a text."""
        return list(self.core.encode(text).ids)

    def decode(self, ids: Iterable[int], skip_special_tokens: bool = True) -> str:
        """The text of ids."""
        return str(self.core.decode([int(index) for index in ids], skip_special_tokens=skip_special_tokens))

    def encode_batch(self, texts: Sequence[str], pad_id: int = 0) -> tuple[Tensor, Tensor]:
        """The ids of many texts, filled up with `pad_id`, and the mask of what is text.   Shape: (B, longest) twice."""
        return pad_ids([encoding.ids for encoding in self.core.encode_batch(list(texts))], pad_id)

    def __repr__(self) -> str:
        return f"BPETokenizer(vocab_size={self.vocab_size})"
