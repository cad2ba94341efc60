"""Where torchtext has `get_tokenizer` and `ngrams_iterator`."""

from facula_text.vocab import get_tokenizer, ngrams_iterator

__all__ = ["get_tokenizer", "ngrams_iterator"]
