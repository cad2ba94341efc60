"""`Sonnets`: the text that comes with this package."""

from __future__ import annotations

from pathlib import Path

from facula_text.datasets.blocks import CharDataset

__all__ = ["Sonnets"]

_SHIPPED = Path(__file__).parent.parent / "data" / "sonnets.txt"


class Sonnets(CharDataset):
    """The 154 sonnets of William Shakespeare (1609) as characters: nine tenths, or the last for `train=False`.

    Source: Project Gutenberg; the work is in the public domain (data/CREDITS.txt).

    >>> from facula_text.datasets import Sonnets
    >>> sonnets = Sonnets(block_size=35)
    >>> sonnets.tokenizer.decode(sonnets[0][0].tolist())
    'I\\n\\nFrom fairest creatures we desire'
    """

    def __init__(self, block_size: int = 128, stride: int | None = None, *, train: bool = True) -> None:
        start, stop = (0.0, 0.9) if train else (0.9, 1.0)
        super().__init__(_SHIPPED, block_size, stride, start=start, stop=stop)
