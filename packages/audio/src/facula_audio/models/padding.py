"""Which frames of a padded batch are beyond the end."""

from __future__ import annotations

import facula
from facula import Tensor

__all__ = ["padding_mask"]


def padding_mask(lengths: Tensor, time: int) -> Tensor:
    """True where a sequence is over.   Shape: (N,) -> (N, time).

    >>> import facula
    >>> from facula_audio.models.padding import padding_mask
    >>> padding_mask(facula.tensor([2, 3]), 3).tolist()
    [[False, False, True], [False, False, False]]
    """
    return facula.arange(time, device=lengths.device) >= lengths.unsqueeze(1)
