"""Batches of texts that are about as long as each other, so that little is filled up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import facula
from facula.utils.data import Sampler

__all__ = ["BucketBatchSampler", "TokenBatchSampler"]


class _Buckets(Sampler[list[int]]):
    """Indices in groups of similar length; a new order each epoch, the same for the same seed and epoch."""

    def __init__(self, lengths: Sequence[int], bucket_size: int, shuffle: bool, seed: int) -> None:
        if bucket_size < 1:
            raise ValueError(
                f"{type(self).__name__}: expected bucket_size of at least 1, got {bucket_size}. Use e.g. 1000."
            )
        self.lengths = list(lengths)
        self.bucket_size = bucket_size
        self.shuffle = shuffle
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of this epoch."""
        self.epoch = epoch

    def cut(self, indices: list[int]) -> Iterator[list[int]]:
        """Batches of indices that stand in the order of their lengths."""
        raise NotImplementedError

    def batches(self) -> list[list[int]]:
        """All batches of this epoch."""
        count = len(self.lengths)
        generator = facula.Generator().manual_seed(self.seed + self.epoch)
        order = facula.randperm(count, generator=generator).tolist() if self.shuffle else list(range(count))
        found: list[list[int]] = []
        for first in range(0, count, self.bucket_size):
            bucket = sorted(order[first : first + self.bucket_size], key=lambda index: self.lengths[index])
            found += self.cut(bucket)
        if not self.shuffle:
            return found
        return [found[place] for place in facula.randperm(len(found), generator=generator).tolist()]

    def __iter__(self) -> Iterator[list[int]]:
        return iter(self.batches())

    def __len__(self) -> int:
        return len(self.batches())


class BucketBatchSampler(_Buckets):
    """Batches of `batch_size` indices: buckets of `bucket_size` drawn at random are sorted by length and cut.

    >>> from facula_text.samplers import BucketBatchSampler
    >>> list(BucketBatchSampler([9, 1, 8, 2], batch_size=2, shuffle=False))
    [[1, 3], [2, 0]]
    """

    def __init__(
        self,
        lengths: Sequence[int],
        batch_size: int,
        *,
        bucket_size: int = 1000,
        shuffle: bool = True,
        drop_last: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__(lengths, bucket_size, shuffle, seed)
        if batch_size < 1:
            raise ValueError(f"BucketBatchSampler: expected batch_size of at least 1, got {batch_size}. Use e.g. 32.")
        self.batch_size = batch_size
        self.drop_last = drop_last

    def cut(self, indices: list[int]) -> Iterator[list[int]]:
        for first in range(0, len(indices), self.batch_size):
            batch = indices[first : first + self.batch_size]
            if len(batch) == self.batch_size or not self.drop_last:
                yield batch


class TokenBatchSampler(_Buckets):
    """Batches whose rows, filled up to their longest, hold at most `max_tokens` ids; a longer row stands alone.

    >>> from facula_text.samplers import TokenBatchSampler
    >>> list(TokenBatchSampler([9, 1, 8, 2], max_tokens=9, shuffle=False))
    [[1, 3], [2], [0]]
    """

    def __init__(
        self, lengths: Sequence[int], max_tokens: int, *, bucket_size: int = 1000, shuffle: bool = True, seed: int = 0
    ) -> None:
        super().__init__(lengths, bucket_size, shuffle, seed)
        if max_tokens < 1:
            raise ValueError(f"TokenBatchSampler: expected max_tokens of at least 1, got {max_tokens}. Use e.g. 4096.")
        self.max_tokens = max_tokens

    def cut(self, indices: list[int]) -> Iterator[list[int]]:
        batch: list[int] = []
        for index in indices:
            if batch and (len(batch) + 1) * self.lengths[index] > self.max_tokens:
                yield batch
                batch = []
            batch.append(index)
        if batch:
            yield batch
