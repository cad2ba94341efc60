"""`WordPieceTokenizer` as BERT's, `UnigramTokenizer` as T5's."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any

from facula_text.tokenizers.library import LibraryTokenizer, existing, library

__all__ = ["UnigramTokenizer", "WordPieceTokenizer"]

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


class WordPieceTokenizer(LibraryTokenizer):
    """Words cut into the longest known pieces, between [CLS] and [SEP]; what follows within a word begins with ##.

    >>> from facula_text.tokenizers import WordPieceTokenizer
    >>> tokenizer = WordPieceTokenizer.train(["low lower lowest"], vocab_size=40)
    >>> tokenizer.tokens("Lowest")
    ['[CLS]', 'lowest', '[SEP]']
    """

    @classmethod
    def train(
        cls, texts: Iterable[str], vocab_size: int, *, min_frequency: int = 0, lowercase: bool = True
    ) -> WordPieceTokenizer:
        """Learn pieces from texts until there are `vocab_size` ids, [PAD] [UNK] [CLS] [SEP] [MASK] first."""
        core = _bert(library().models.WordPiece(unk_token="[UNK]"), lowercase)
        trainer = library().trainers.WordPieceTrainer(
            vocab_size=vocab_size, min_frequency=min_frequency, special_tokens=list(SPECIAL), show_progress=False
        )
        return cls._trained(core, trainer, texts)._framed()

    @classmethod
    def load_vocab(cls, vocab: str | os.PathLike[str], *, lowercase: bool = True) -> WordPieceTokenizer:
        """Read `vocab.txt`, one token a line, the form in which BERT's are published."""
        (path,) = existing(cls.__name__, vocab)
        model = library().models.WordPiece.from_file(path, unk_token="[UNK]")
        tokenizer = cls(_bert(model, lowercase))
        tokenizer.core.add_special_tokens([token for token in SPECIAL if tokenizer.token_to_id(token) is not None])
        return tokenizer._framed()

    def _framed(self) -> WordPieceTokenizer:
        ids = {token: self.token_to_id(token) for token in ("[CLS]", "[SEP]")}
        missing = [token for token, index in ids.items() if index is None]
        if missing:
            raise ValueError(
                f"WordPieceTokenizer: expected {missing[0]} in the vocabulary, got none. Add a line for it."
            )
        self.core.post_processor = library().processors.TemplateProcessing(
            single="[CLS]:0 $A:0 [SEP]:0",
            pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
            special_tokens=list(ids.items()),
        )
        return self


def _bert(model: Any, lowercase: bool) -> Any:
    core = library().Tokenizer(model)
    core.normalizer = library().normalizers.BertNormalizer(lowercase=lowercase)
    core.pre_tokenizer = library().pre_tokenizers.BertPreTokenizer()
    core.decoder = library().decoders.WordPiece()
    return core


class UnigramTokenizer(LibraryTokenizer):
    """The likeliest cut of a text under probabilities of pieces; a space is written as part of the piece after it.

    >>> from facula_text.tokenizers import UnigramTokenizer
    >>> tokenizer = UnigramTokenizer.train(["low lower lowest"] * 9, vocab_size=20)
    >>> tokenizer.decode(tokenizer.encode("low lowest"))
    'low lowest'
    """

    @classmethod
    def train(
        cls, texts: Iterable[str], vocab_size: int, *, special_tokens: Sequence[str] = ("<pad>", "</s>", "<unk>")
    ) -> UnigramTokenizer:
        """Learn pieces and their probabilities; special tokens get the first ids.   ValueError without <unk>."""
        if "<unk>" not in special_tokens:
            raise ValueError(
                f"UnigramTokenizer: expected '<unk>' among special_tokens, got {list(special_tokens)}. Add it."
            )
        core = library().Tokenizer(library().models.Unigram())
        core.normalizer = library().normalizers.NFKC()
        core.pre_tokenizer = library().pre_tokenizers.Metaspace()
        core.decoder = library().decoders.Metaspace()
        trainer = library().trainers.UnigramTrainer(
            vocab_size=vocab_size, special_tokens=list(special_tokens), unk_token="<unk>", show_progress=False
        )
        return cls._trained(core, trainer, texts)
