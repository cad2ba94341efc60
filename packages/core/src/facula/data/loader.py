"""DataLoader: batches of a dataset, made in the main process or by workers."""

from __future__ import annotations

import copy
import itertools
import multiprocessing
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

from facula.data.collate import default_collate, default_convert
from facula.data.dataset import IterableDataset
from facula.data.iterate import Here, MapPass, StreamPass
from facula.data.lanes import Recipe
from facula.data.order import generator_states, sampler_state, set_generators, set_sampler
from facula.data.pool import Pool
from facula.data.sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler
from facula.devices.generator import Generator
from facula.errors import value_error

T_co = TypeVar("T_co", covariant=True)


class _Endless(Sampler[None]):
    """For streams, which have no numbers."""

    def __iter__(self) -> Iterator[None]:
        return itertools.repeat(None)


class DataLoader(Generic[T_co]):
    """Batches of a dataset: samples are visited in order, at random (`shuffle`) or as a sampler says, and collated.

    With `num_workers` > 0 that many processes make the batches ahead of time. Samples and their random numbers (Python's,
    NumPy's and facula's) are the same for any number of workers; `facula.manual_seed` or `generator` decides them.
    `state_dict()` and `load_state_dict()` resume a pass behind any batch, with any number of workers; of a stream with a state,
    the workers ask for it every `snapshot_every_n_steps` batches. Long lists of plain data in a dataset are packed once, so that
    forked workers share their memory: what a worker changes inside of an item of such a list is not kept.

    Errors: ValueError for options that exclude each other; an error of a dataset with the sample it was raised for;
    RuntimeError where a worker dies or `timeout` seconds are over.

    >>> import facula
    >>> data = facula.utils.data.TensorDataset(facula.arange(5), facula.arange(5) * 10)
    >>> for x, y in facula.utils.data.DataLoader(data, batch_size=3):
    ...     print(x, y)
    tensor([0, 1, 2]) tensor([ 0, 10, 20])
    tensor([3, 4]) tensor([30, 40])
    """

    _sealed = False

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable[Any] | None = None,
        batch_sampler: Iterable[Any] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[Any], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        multiprocessing_context: Any = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
        snapshot_every_n_steps: int = 1,
    ) -> None:
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers, multiprocessing_context)
        self.dataset = dataset
        self.num_workers = num_workers
        self.prefetch_factor = 2 if num_workers > 0 and prefetch_factor is None else prefetch_factor
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = (
            multiprocessing.get_context(multiprocessing_context)
            if isinstance(multiprocessing_context, str)
            else multiprocessing_context
        )
        self.generator = generator
        self.persistent_workers = persistent_workers
        self.in_order = in_order
        self._snapshot_every = snapshot_every_n_steps
        self._is_stream = isinstance(dataset, IterableDataset)
        if snapshot_every_n_steps < 1:
            raise value_error(
                f"DataLoader: snapshot_every_n_steps option should be positive, got {snapshot_every_n_steps}. Use 1 or more."
            )
        if self._is_stream:
            _check_stream(shuffle, sampler, batch_sampler)
        _check_batches(batch_size, shuffle, sampler, batch_sampler, drop_last)
        if batch_sampler is not None:
            batch_size, drop_last = None, False
        if sampler is None:
            if self._is_stream:
                sampler = _Endless()
            elif shuffle:
                sampler = RandomSampler(dataset, generator=generator)
            else:
                sampler = SequentialSampler(dataset)
        if batch_size is not None and batch_sampler is None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        if collate_fn is None:
            collate_fn = default_collate if self._auto_collation else default_convert
        self.collate_fn = collate_fn
        self._pool: Pool | None = None
        self._position: dict[str, Any] | None = None  # of the newest pass, until it has ended
        self._saved: dict[str, Any] | None = None  # where the next pass goes on
        self._sealed = True

    def __setattr__(self, name: str, value: Any) -> None:
        fixed = ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers")
        if self._sealed and name in fixed:
            raise value_error(
                f"DataLoader: {name} attribute should not be set after {type(self).__name__} is initialized. Make a new one."
            )
        super().__setattr__(name, value)

    @property
    def _auto_collation(self) -> bool:
        return self.batch_sampler is not None

    @property
    def _index_sampler(self) -> Any:
        """What is iterated over: batches of numbers, or single numbers."""
        return self.batch_sampler if self._auto_collation else self.sampler

    def __iter__(self) -> Iterator[Any]:
        saved, self._saved = self._saved, None
        kind = StreamPass if self._is_stream else MapPass
        return kind(self, self._source(), saved)

    def _source(self) -> Here | Pool:
        """Who makes the batches of a pass."""
        if self.num_workers == 0:
            return Here(self)
        if not self.persistent_workers:
            return Pool(self)
        if self._pool is None or not self._pool.processes:
            self._pool = Pool(self)
        return self._pool

    def _recipe(self) -> Recipe:
        """What a worker must know to make batches."""
        return Recipe(
            self.dataset, self.batch_size, self.collate_fn, self.drop_last, self.worker_init_fn, self._snapshot_every
        )

    def state_dict(self) -> dict[str, Any]:
        """Where the pass stands, behind the batch that was given last, as tensors and plain values.

        Batches that workers made ahead are not counted. Between passes it is the state that the next one begins from.
        """
        state: dict[str, Any] = {"version": 1, "stream": self._is_stream, "length": self._known_length()}
        present = self._position if self._saved is None else self._saved
        if present is not None:
            return {**state, "pass": copy.deepcopy(present)}
        return {**state, "pass": None, "generators": generator_states(self), "sampler": sampler_state(self)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Let the next pass be the rest of the one that `state_dict` was taken in, with any number of workers.

        Samples and their order are those of a pass that was never broken off. Raises ValueError for the state of another
        kind or length of dataset.
        """
        expected = (1, self._is_stream, self._known_length())
        found = tuple(state_dict.get(key) for key in ("version", "stream", "length"))
        if expected != found or "pass" not in state_dict:
            raise value_error(
                f"DataLoader.load_state_dict: expected a state with (version, stream, length) = {expected}, got {found}. "
                "Load it into a loader of the same dataset, sampler and batch size."
            )
        self._position = None
        self._saved = copy.deepcopy(state_dict["pass"])
        if self._saved is None:
            set_generators(self, state_dict["generators"])
            set_sampler(self, state_dict["sampler"])

    def _known_length(self) -> int | None:
        """The number of batches of a pass, where the order tells; None for streams."""
        try:
            return None if self._is_stream else len(self)
        except (TypeError, NotImplementedError):
            return None

    def __len__(self) -> int:
        if not self._is_stream:
            return len(self._index_sampler)
        length = len(self.dataset)
        if self.batch_size is None:
            return length
        full, rest = divmod(length, self.batch_size)
        return full if self.drop_last or not rest else full + 1

    def _check_length(self, yielded: int) -> None:
        """A stream that says how long it is should not be longer."""
        try:
            excess = self._is_stream and hasattr(self.dataset, "__len__") and yielded == len(self) + 1
        except TypeError:  # a length that is defined and not known
            return
        if excess:
            warnings.warn(
                f"Length of IterableDataset was reported to be {len(self.dataset)}, but more samples have been fetched. "
                "With worker processes each copy must take its share; see get_worker_info().",
                stacklevel=3,
            )

    def check_worker_number_rationality(self) -> None:
        """Nothing to warn about: any number of workers gives the same batches."""


def _check_workers(num_workers: int, timeout: float, prefetch: int | None, persistent: bool, context: Any) -> None:
    if num_workers < 0:
        raise value_error(f"DataLoader: num_workers option should be non-negative, got {num_workers}. Use 0 for none.")
    if timeout < 0:
        raise value_error(f"DataLoader: timeout option should be non-negative, got {timeout}. Use 0 for none.")
    if num_workers == 0 and prefetch is not None:
        raise value_error(
            f"DataLoader: prefetch_factor option could only be specified in multiprocessing, got {prefetch}. "
            "Let num_workers > 0 to enable multiprocessing, otherwise set prefetch_factor to None."
        )
    if prefetch is not None and prefetch < 0:
        raise value_error(f"DataLoader: prefetch_factor option should be non-negative, got {prefetch}. Use e.g. 2.")
    if persistent and num_workers == 0:
        raise value_error("DataLoader: persistent_workers option needs num_workers > 0, got 0. Set num_workers.")
    if context is not None:
        if num_workers == 0:
            raise value_error(
                "DataLoader: multiprocessing_context can only be used with multi-process loading (num_workers > 0), "
                "but got num_workers=0. Set num_workers."
            )
        known = multiprocessing.get_all_start_methods()
        if isinstance(context, str) and context not in known:
            raise value_error(
                f"DataLoader: multiprocessing_context option should specify a valid start method in {known}, got {context!r}."
            )


def _check_stream(shuffle: Any, sampler: Any, batch_sampler: Any) -> None:
    for name, value in (("shuffle", shuffle or None), ("sampler", sampler), ("batch_sampler", batch_sampler)):
        if value is not None:
            raise value_error(
                f"DataLoader with IterableDataset: expected unspecified {name} option, but got {name}={value}. "
                "A stream decides its own order."
            )


def _check_batches(batch_size: Any, shuffle: Any, sampler: Any, batch_sampler: Any, drop_last: bool) -> None:
    if sampler is not None and shuffle:
        raise value_error("DataLoader: sampler option is mutually exclusive with shuffle, got both. Drop one.")
    if batch_sampler is not None:
        if batch_size != 1 or shuffle or sampler is not None or drop_last:
            raise value_error(
                "DataLoader: batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last. "
                "Set them on the batch sampler."
            )
    elif batch_size is None and drop_last:
        raise value_error(
            "DataLoader: batch_size=None option disables auto-batching and is mutually exclusive with drop_last. Drop it."
        )
