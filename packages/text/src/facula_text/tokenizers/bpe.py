"""`BPETokenizer`: byte-pair encoding, trained and run by the `tokenizers` library.

Source: R. Sennrich, B. Haddow, A. Birch, "Neural Machine Translation of Rare Words with Subword Units",
https://arxiv.org/abs/1508.07909; on bytes as in A. Radford et al.,
"Language Models are Unsupervised Multitask Learners", 2019.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any

from facula_text.files import read_text
from facula_text.tokenizers.library import LibraryTokenizer, existing, library

__all__ = ["BPETokenizer"]


class BPETokenizer(LibraryTokenizer):
    """Byte-pair encoding on bytes, so that every text has ids and `decode(encode(text)) == text`.

    `core` is the library's own `tokenizers.Tokenizer`; ids are its ids.

    >>> from facula_text.tokenizers import BPETokenizer
    >>> tokenizer = BPETokenizer.train(["low lower lowest"], vocab_size=262)
    >>> tokenizer.decode(tokenizer.encode("slower ünder"))
    'slower ünder'
    """

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
        core = library().Tokenizer(library().models.BPE())
        core.pre_tokenizer = library().pre_tokenizers.ByteLevel(add_prefix_space=False)
        core.decoder = library().decoders.ByteLevel()
        trainer = library().trainers.BpeTrainer(
            vocab_size=vocab_size,
            min_frequency=min_frequency,
            special_tokens=list(special_tokens),
            initial_alphabet=library().pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
        return cls._trained(core, trainer, texts)

    @classmethod
    def train_files(cls, paths: Iterable[str | os.PathLike[str]], vocab_size: int, **options: Any) -> BPETokenizer:
        """`train` on the lines of UTF-8 files."""
        return cls.train(
            (line for path in paths for line in read_text(path).splitlines(keepends=True)), vocab_size, **options
        )

    @classmethod
    def load_merges(cls, vocab: str | os.PathLike[str], merges: str | os.PathLike[str]) -> BPETokenizer:
        """Read `vocab.json` and `merges.txt`, the form in which GPT-2's are published.

        <|endoftext|> is one id, where the vocabulary has it.
        """
        files = existing(cls.__name__, vocab, merges)
        core = library().Tokenizer(library().models.BPE.from_file(*files))
        core.pre_tokenizer = library().pre_tokenizers.ByteLevel(add_prefix_space=False)
        core.decoder = library().decoders.ByteLevel()
        if core.token_to_id("<|endoftext|>") is not None:
            core.add_special_tokens(["<|endoftext|>"])
        return cls(core)
