"""Where torchtext has `bleu_score`."""

from facula_text.metrics import bleu_score

__all__ = ["bleu_score"]
