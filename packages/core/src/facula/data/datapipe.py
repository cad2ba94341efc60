"""The two base classes of PyTorch's older data pipes, for programs that subclass them."""

from __future__ import annotations

from typing import Any

from facula.data.dataset import Dataset, IterableDataset


class IterDataPipe(IterableDataset[Any]):
    """A stream under its older name: a subclass defines `__iter__()`. There are no functional forms such as `.map`.

    >>> import facula
    >>> class Squares(facula.utils.data.IterDataPipe):
    ...     def __iter__(self):
    ...         return (i * i for i in range(3))
    >>> list(Squares())
    [0, 1, 4]
    """


class MapDataPipe(Dataset[Any]):
    """A dataset by number under its older name: a subclass defines `__getitem__(index)` and `__len__()`.

    >>> import facula
    >>> class Squares(facula.utils.data.MapDataPipe):
    ...     def __getitem__(self, index):
    ...         return index * index
    ...     def __len__(self):
    ...         return 3
    >>> facula.utils.data.DataLoader(Squares(), batch_size=3).dataset[2]
    4
    """
