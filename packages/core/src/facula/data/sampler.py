"""Samplers: in which order the samples of a dataset are visited."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any, Generic, TypeVar

from facula.devices.generator import Generator, rng_of
from facula.errors import not_implemented_error, type_error, value_error
from facula.tensors.tensor import Tensor

T_co = TypeVar("T_co", covariant=True)
_CHUNK = 4096


class Sampler(Generic[T_co]):
    """Base of the samplers: `__iter__()` yields sample numbers (or lists of them), `__len__()` says how many.

    >>> import facula
    >>> class Evens(facula.utils.data.Sampler):
    ...     def __iter__(self):
    ...         return iter(range(0, 6, 2))
    >>> [int(x) for x in facula.utils.data.DataLoader(range(10), sampler=Evens())]
    [0, 2, 4]
    """

    def __init__(self, data_source: Sized | None = None) -> None:
        pass

    def __iter__(self) -> Iterator[T_co]:
        raise not_implemented_error(f"{type(self).__name__}: expected __iter__ to be defined, got none. Define it.")


class SequentialSampler(Sampler[int]):
    """0, 1, 2, ...

    >>> import facula
    >>> list(facula.utils.data.SequentialSampler("abc"))
    [0, 1, 2]
    """

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


def _numbers(array: Any) -> Iterator[int]:
    """The ints of an array, made when they are wanted: a million at once would take four times its memory."""
    for start in range(0, len(array), _CHUNK):
        yield from array[start : start + _CHUNK].tolist()


def own_stream(generator: Generator | None) -> Generator:
    """The generator given, or a new one seeded by one draw from the default generator."""
    if generator is not None:
        return generator
    return Generator().manual_seed(int(rng_of(None).integers(2**63 - 1)))


class RandomSampler(Sampler[int]):
    """A new random order each time; with replacement, `num_samples` independent draws.

    >>> import facula
    >>> sorted(facula.utils.data.RandomSampler("abc"))
    [0, 1, 2]
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Generator | None = None,
    ) -> None:
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = num_samples
        self.generator = generator
        if not isinstance(replacement, bool):
            raise type_error(
                f"RandomSampler: replacement should be a boolean value, but got replacement={replacement!r}."
            )
        if (
            not isinstance(self.num_samples, int)
            or self.num_samples < 0
            or (num_samples is not None and not num_samples)
        ):
            raise value_error(
                f"RandomSampler: num_samples should be a positive integer value, but got num_samples={self.num_samples}. Use 1 or more."
            )

    @property
    def num_samples(self) -> int:
        """How many samples are drawn: as many as there are, unless set."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        count, wanted = len(self.data_source), self.num_samples
        rng = own_stream(self.generator).rng
        if self.replacement:
            yield from _numbers(rng.integers(count, size=wanted))
            return
        for _ in range(wanted // count if count else 0):
            yield from _numbers(rng.permutation(count))
        if count and wanted % count:
            yield from _numbers(rng.permutation(count)[: wanted % count])

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """The given numbers in a random order.

    >>> import facula
    >>> sorted(facula.utils.data.SubsetRandomSampler([3, 5]))
    [3, 5]
    """

    def __init__(self, indices: Sequence[int], generator: Generator | None = None) -> None:
        self.indices = indices
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        for place in _numbers(rng_of(self.generator).permutation(len(self.indices))):
            yield self.indices[place]

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """Numbers drawn with the given weights, which need not add up to 1.

    >>> import facula
    >>> list(facula.utils.data.WeightedRandomSampler([0.0, 1.0], 3))
    [1, 1, 1]
    """

    def __init__(
        self, weights: Sequence[float], num_samples: int, replacement: bool = True, generator: Generator | None = None
    ) -> None:
        if not isinstance(num_samples, int) or isinstance(num_samples, bool) or num_samples <= 0:
            raise value_error(
                f"WeightedRandomSampler: num_samples should be a positive integer value, but got num_samples={num_samples}. Use 1 or more."
            )
        if not isinstance(replacement, bool):
            raise value_error(
                f"WeightedRandomSampler: replacement should be a boolean value, but got replacement={replacement!r}."
            )
        import numpy as np

        listed = weights.tolist() if isinstance(weights, Tensor) else list(weights)
        self.weights = np.asarray(listed, np.float64)
        if self.weights.ndim != 1:
            raise value_error(
                f"WeightedRandomSampler: weights should be a 1d sequence but given weights have shape {self.weights.shape}."
            )
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        shares = self.weights / self.weights.sum()
        drawn = rng_of(self.generator).choice(len(shares), self.num_samples, replace=self.replacement, p=shares)
        yield from _numbers(drawn)

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """The numbers of another sampler in lists of `batch_size`; the last may be shorter, or is left out with drop_last.

    >>> import facula
    >>> list(facula.utils.data.BatchSampler(range(5), batch_size=2, drop_last=False))
    [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Iterable[Any], batch_size: int, drop_last: bool) -> None:
        if not isinstance(batch_size, int) or isinstance(batch_size, bool) or batch_size <= 0:
            raise value_error(
                f"BatchSampler: batch_size should be a positive integer value, but got batch_size={batch_size!r}. Use 1 or more."
            )
        if not isinstance(drop_last, bool):
            raise value_error(f"BatchSampler: drop_last should be a boolean value, but got drop_last={drop_last!r}.")
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[int]]:
        numbers = iter(self.sampler)
        while batch := list(itertools.islice(numbers, self.batch_size)):
            if len(batch) < self.batch_size and self.drop_last:
                return
            yield batch

    def __len__(self) -> int:
        count = len(self.sampler)  # type: ignore[arg-type]
        return count // self.batch_size if self.drop_last else math.ceil(count / self.batch_size)
