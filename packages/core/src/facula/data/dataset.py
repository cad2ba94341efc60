"""Datasets: samples by number or as a stream, and ways to combine them."""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

from facula.devices.generator import Generator
from facula.errors import assertion_error, not_implemented_error, value_error
from facula.ops import randperm
from facula.tensors.tensor import Tensor

T_co = TypeVar("T_co", covariant=True)


class Dataset(Generic[T_co]):
    """Samples by number: a subclass defines `__getitem__(index)` and, so that they can be drawn at random, `__len__()`.

    A `__getitems__(indices)` that returns several samples at once is used by the loader where there is one.

    >>> import facula
    >>> class Squares(facula.utils.data.Dataset):
    ...     def __len__(self):
    ...         return 4
    ...     def __getitem__(self, index):
    ...         return index * index
    >>> (Squares() + Squares())[6]
    4
    """

    def __getitem__(self, index: Any) -> T_co:
        raise not_implemented_error(
            f"{type(self).__name__}: Subclasses of Dataset should implement __getitem__. Define __getitem__(self, index)."
        )

    def __add__(self, other: Dataset[T_co]) -> ConcatDataset[T_co]:
        return ConcatDataset([self, other])


class IterableDataset(Dataset[T_co]):
    """Samples as a stream: a subclass defines `__iter__()`.

    With worker processes each has a copy; `get_worker_info()` tells a copy which share is its own.

    >>> import facula
    >>> class Count(facula.utils.data.IterableDataset):
    ...     def __iter__(self):
    ...         return iter(range(3))
    >>> list(facula.utils.data.DataLoader(Count(), batch_size=2))
    [tensor([0, 1]), tensor([2])]
    """

    def __iter__(self) -> Iterator[T_co]:
        raise not_implemented_error(f"{type(self).__name__}: Subclasses of IterableDataset should implement __iter__.")

    def __add__(self, other: Dataset[T_co]) -> Any:
        return ChainDataset([self, other])


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """The rows of several tensors of one length.

    >>> import facula
    >>> facula.utils.data.TensorDataset(facula.arange(3), facula.arange(3) * 10)[2]
    (tensor(2), tensor(20))
    """

    def __init__(self, *tensors: Tensor) -> None:
        if any(tensor.shape[0] != tensors[0].shape[0] for tensor in tensors):
            raise assertion_error(
                f"TensorDataset: Size mismatch between tensors, got lengths {[t.shape[0] for t in tensors]}. "
                "They must have one row per sample."
            )
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(tensor[index] for tensor in self.tensors)

    def __len__(self) -> int:
        return int(self.tensors[0].shape[0])


class StackDataset(Dataset[Any]):
    """Samples put together from several datasets: tuples of them, or dicts of named ones.

    >>> import facula
    >>> facula.utils.data.StackDataset(image=[10, 20], label=[0, 1])[1]
    {'image': 20, 'label': 1}
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if args and kwargs:
            raise value_error(
                "StackDataset: Supported either ``tuple``- (via ``args``) or ``dict``- (via ``kwargs``) like input, got "
                "both types. Pass all datasets by name, or none."
            )
        if not args and not kwargs:
            raise value_error("StackDataset: At least one dataset should be passed, got none.")
        self.datasets: Any = args or kwargs
        lengths = [len(dataset) for dataset in self._all()]
        if len(set(lengths)) > 1:
            raise value_error(f"StackDataset: Size mismatch between datasets, got lengths {lengths}. Make them equal.")
        self._length = lengths[0]

    def _all(self) -> Sequence[Any]:
        return list(self.datasets.values()) if isinstance(self.datasets, dict) else self.datasets

    def _joined(self, parts: Sequence[Any]) -> Any:
        if isinstance(self.datasets, dict):
            return dict(zip(self.datasets, parts, strict=True))
        return tuple(parts)

    def __getitem__(self, index: Any) -> Any:
        return self._joined([dataset[index] for dataset in self._all()])

    def __getitems__(self, indices: list[int]) -> list[Any]:
        columns = [_several(dataset, indices) for dataset in self._all()]
        return [self._joined(parts) for parts in zip(*columns, strict=True)]

    def __len__(self) -> int:
        return self._length


def _several(dataset: Any, indices: list[int]) -> list[Any]:
    """The samples at `indices`, at once where the dataset can."""
    if not callable(getattr(dataset, "__getitems__", None)):
        return [dataset[i] for i in indices]
    samples = dataset.__getitems__(indices)
    if len(samples) != len(indices):
        raise value_error(
            f"{type(dataset).__name__}.__getitems__: Nested dataset's output size mismatch, expected {len(indices)} "
            f"samples, got {len(samples)}. Return one per index."
        )
    return samples


class ConcatDataset(Dataset[T_co]):
    """Several datasets one after the other.

    >>> import facula
    >>> facula.utils.data.ConcatDataset([[0, 1], [2]])[-1]
    2
    """

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise assertion_error("ConcatDataset: datasets should not be an empty iterable. Pass at least one.")
        if any(isinstance(dataset, IterableDataset) for dataset in self.datasets):
            raise assertion_error("ConcatDataset: does not support IterableDataset. Use ChainDataset.")
        self.cumulative_sizes = list(itertools.accumulate(len(dataset) for dataset in self.datasets))

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, index: int) -> T_co:
        if index < 0:
            if -index > len(self):
                raise value_error(
                    f"ConcatDataset: absolute value of index should not exceed dataset length {len(self)}, got {index}."
                )
            index += len(self)
        part = bisect.bisect_right(self.cumulative_sizes, index)
        start = self.cumulative_sizes[part - 1] if part else 0
        return self.datasets[part][index - start]


class ChainDataset(IterableDataset[Any]):
    """Several streams one after the other.

    >>> import facula
    >>> class Count(facula.utils.data.IterableDataset):
    ...     def __iter__(self):
    ...         return iter(range(2))
    >>> list(facula.utils.data.ChainDataset([Count(), Count()]))
    [0, 1, 0, 1]
    """

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = datasets

    def __iter__(self) -> Iterator[Any]:
        for dataset in self.datasets:
            if not isinstance(dataset, IterableDataset):
                raise assertion_error(
                    f"ChainDataset: only supports IterableDataset, got {type(dataset).__name__}. Use ConcatDataset."
                )
            yield from dataset

    def __len__(self) -> int:
        return sum(len(dataset) for dataset in self.datasets)


class Subset(Dataset[T_co]):
    """The samples of a dataset at given numbers.

    >>> import facula
    >>> list(facula.utils.data.Subset([10, 20, 30], [2, 0]))
    [30, 10]
    """

    def __init__(self, dataset: Any, indices: Sequence[int]) -> None:
        self.dataset = dataset
        self.indices = indices

    def __getitem__(self, index: Any) -> T_co:
        if isinstance(index, list):
            return self.dataset[[self.indices[i] for i in index]]
        return self.dataset[self.indices[index]]

    def __getitems__(self, indices: list[int]) -> list[T_co]:
        return _several(self.dataset, [self.indices[i] for i in indices])

    def __len__(self) -> int:
        return len(self.indices)


def random_split(dataset: Any, lengths: Sequence[int | float], generator: Generator | None = None) -> list[Subset[Any]]:
    """Deal the samples of a dataset out at random, by numbers or by shares that add up to 1.

    >>> import facula
    >>> [len(part) for part in facula.utils.data.random_split(range(10), [0.75, 0.25])]
    [8, 2]
    """
    total = len(dataset)
    if math.isclose(sum(lengths), 1) and sum(lengths) <= 1:
        for place, share in enumerate(lengths):
            if not 0 <= share <= 1:
                raise value_error(f"random_split: Fraction at index {place} is not between 0 and 1, got {share}.")
        counts = [math.floor(total * share) for share in lengths]
        for place in range(total - sum(counts)):
            counts[place % len(counts)] += 1
    else:
        counts = [int(n) for n in lengths]
    if sum(counts) != total:
        raise value_error(
            f"random_split: Sum of input lengths does not equal the length of the input dataset, expected {total}, "
            f"got {sum(counts)}. Change the lengths."
        )
    order = randperm(total, generator=generator).tolist()
    ends = list(itertools.accumulate(counts))
    return [Subset(dataset, order[end - n : end]) for end, n in zip(ends, counts, strict=True)]
