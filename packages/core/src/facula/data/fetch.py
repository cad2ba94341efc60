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


class Ended:
    """A stream has no more batches."""


class MapFetcher:
    """Batches of a dataset with numbered samples; `progress[0]` tells which of a batch is being made, -1 none."""

    def __init__(self, dataset: Any, batched: bool, collate: Collate, progress: Any) -> None:
        self.dataset, self.batched, self.collate, self.progress = dataset, batched, collate, progress
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
            self.progress[0] = -1
            try:
                return self.dataset.__getitems__(numbers)
            except Exception as error:
                raise SampleError(numbers) from error
        samples = []
        for self.progress[0], number in enumerate(numbers):
            samples.append(self._one(number))
        self.progress[0] = -1
        return samples

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
    """Batches of `size` samples of a stream (None: single samples); `ended` is set when it has no more."""

    def __init__(
        self, iterator: Iterator[Any], size: int | None, collate: Collate, drop_last: bool, progress: Any
    ) -> None:
        self.iterator, self.size, self.collate, self.drop_last = iterator, size, collate, drop_last
        self.progress = progress
        self.ended = False

    def fetch(self) -> Any:
        """The next batch, or `Ended`."""
        samples = self.samples()
        return samples if isinstance(samples, Ended) else self.collate(samples)

    def samples(self) -> Any:
        """The samples of the next batch, or `Ended`."""
        self.progress[0] = 0
        if self.ended:
            return Ended()
        if self.size is None:
            sample = self._next()
            return Ended() if self.ended else sample
        samples: list[Any] = []
        while len(samples) < self.size:
            self.progress[0] = len(samples)
            sample = self._next()
            if self.ended:
                break
            samples.append(sample)
        return Ended() if not samples or (self.drop_last and self.ended) else samples

    def _next(self) -> Any:
        try:
            return next(self.iterator)
        except StopIteration:
            self.ended = True
            return None
