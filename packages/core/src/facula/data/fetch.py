"""Making one batch from a dataset, in whichever process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from facula.data.collate import default_collate
from facula.data.dataset import TensorDataset
from facula.data.seeds import SeededBatch, batch_seed
from facula.tensors.tensor import wrap

Collate = Callable[[Any], Any]


class SampleError(Exception):
    """Which sample a dataset failed at; the failure itself is the cause."""

    def __init__(self, index: Any) -> None:
        super().__init__(index)
        self.index = index


class MapFetcher:
    """Batches of a dataset with numbered samples."""

    def __init__(self, dataset: Any, batched: bool, collate: Collate) -> None:
        self.dataset, self.batched, self.collate = dataset, batched, collate
        self.by_rows = batched and type(dataset) is TensorDataset and collate is default_collate
        self.by_rows = self.by_rows and all(
            type(t.array) is np.ndarray and not t.requires_grad for t in getattr(dataset, "tensors", ())
        )

    def fetch(self, numbers: Any) -> Any:
        """The batch of the samples at `numbers` (or the one sample, where the loader makes no batches)."""
        if self.by_rows:
            rows = np.asarray(numbers)
            return [wrap(t.array[rows]) for t in self.dataset.tensors]
        return self.collate(self._samples(numbers))

    def _samples(self, numbers: Any) -> Any:
        if not self.batched:
            return self._one(numbers)
        if callable(getattr(self.dataset, "__getitems__", None)):
            try:
                return self.dataset.__getitems__(numbers)
            except Exception as error:
                raise SampleError(numbers) from error
        return [self._one(number) for number in numbers]

    def _one(self, number: Any) -> Any:
        try:
            return self.dataset[number]
        except Exception as error:
            raise SampleError(number) from error

    def fetch_seeded(self, numbers: Any, base: int, place: int) -> Any:
        """The batch with its own random numbers."""
        if self.by_rows:
            return self.fetch(numbers)
        with SeededBatch(batch_seed(base, place)):
            return self.fetch(numbers)


class StreamFetcher:
    """Batches of a stream; `ended` is set when it has no more."""

    def __init__(self, dataset: Any, batched: bool, collate: Collate, drop_last: bool) -> None:
        self.batched, self.collate, self.drop_last = batched, collate, drop_last
        self.iterator: Iterator[Any] = iter(dataset)
        self.ended = False

    def fetch(self, numbers: Any) -> Any:
        """The next batch, of as many samples as there are `numbers`; StopIteration at the end."""
        if not self.batched:
            return self.collate(next(self.iterator))
        if self.ended:
            raise StopIteration
        samples = []
        for _ in numbers:
            try:
                samples.append(next(self.iterator))
            except StopIteration:
                self.ended = True
                break
        if not samples or (self.drop_last and len(samples) < len(numbers)):
            raise StopIteration
        return self.collate(samples)
