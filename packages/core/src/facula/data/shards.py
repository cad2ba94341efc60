"""Reading sharded datasets: by number, or as a shuffled stream that ranks and workers share and that can be resumed."""

from __future__ import annotations

import bisect
import itertools
import math
import os
import sys
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import numpy as np

from facula import dtypes
from facula.data.dataset import Dataset, IterableDataset
from facula.data.info import get_worker_info
from facula.data.shard_format import NUMBERS, Field, check_places, damaged, read_index
from facula.errors import index_error, runtime_error, value_error
from facula.serialization.safetensors import open_reader
from facula.tensors.tensor import wrap

_OPEN = 128  # shards that one process maps at a time


class _Shard:
    """One mapped file."""

    def __init__(self, path: str, count: int, fields: tuple[Field, ...]) -> None:
        self.path, self.count = path, count
        try:
            reader = open_reader(path)
        except FileNotFoundError:
            raise damaged(path, "the file that the index names", "none") from None
        with reader.file:
            wanted = {name for field in fields for name in _names(field, reader.entries)}
            if wanted != reader.entries.keys():
                raise damaged(path, f"the tensors {sorted(wanted)}", sorted(reader.entries))
            self.arrays = {name: reader.tensor(name, mmap=True).array for name in wanted}
        for field in fields:
            self._check(field)

    def _check(self, field: Field) -> None:
        data, count = self.arrays[field.name], self.count
        ends = self.arrays.get(f"{field.name}.offsets")
        dtype = NUMBERS.get(field.kind) or (dtypes.by_name(field.dtype) if field.dtype else dtypes.uint8)
        if data.dtype != dtype.numpy:
            raise damaged(self.path, f"{dtype.name} for {field.name!r}", data.dtype)
        if ends is not None:
            check_places(self.path, field.name, ends, len(data) if data.ndim == 1 else -1, count)
            shapes = self.arrays.get(f"{field.name}.shapes")
            if shapes is None:
                return
            if shapes.shape != (count, field.dims) or shapes.dtype != np.int64 or (shapes < 0).any():
                raise damaged(self.path, f"{count} shapes of {field.dims} sizes for {field.name!r}", shapes.shape)
            with np.errstate(over="ignore"):
                sizes = shapes.astype(np.float64).prod(1)
            if (sizes != np.diff(ends)).any() or (shapes > ends[-1]).any():
                raise damaged(self.path, f"shapes of {field.name!r} that fit its offsets", "others")
        elif data.ndim != 1 + (field.dims or 0) or len(data) != count:
            raise damaged(self.path, f"{count} rows of {field.dims or 0} dimensions for {field.name!r}", data.shape)

    def value(self, field: Field, row: int) -> Any:
        """One field of one sample; tensors lie in the mapped file, and writing to one changes only that copy of its pages."""
        data = self.arrays[field.name]
        ends = self.arrays.get(f"{field.name}.offsets")
        if ends is not None:
            data = data[ends[row] : ends[row + 1]]
        else:
            data = np.asarray(data[row])
        if data.dtype == np.bool_:
            data = data.view(np.uint8) != 0  # a file may hold other bytes than 0 and 1
        if field.kind == "tensor":
            shapes = self.arrays.get(f"{field.name}.shapes")
            return wrap(data if shapes is None else data.reshape(shapes[row]))
        if field.kind == "bytes":
            return data.tobytes()
        if field.kind == "str":
            try:
                return data.tobytes().decode()
            except UnicodeDecodeError as error:
                raise damaged(self.path, f"text in UTF-8 for {field.name!r} of sample {row}", error) from None
        return data.item()


def _names(field: Field, present: Any) -> list[str]:
    """The tensors that hold a field."""
    offsets, shapes = f"{field.name}.offsets", f"{field.name}.shapes"
    if field.kind in ("bytes", "str"):
        return [field.name, offsets]
    if field.kind == "tensor" and shapes in present:
        return [field.name, offsets, shapes]
    return [field.name]


class ShardDataset(Dataset[Any]):
    """The samples that a `ShardWriter` wrote, by number. Files are mapped, not read, so that workers share their pages.

    Tensors lie in the mapping itself; what is written to one stays in this process. Raises FileNotFoundError without an
    index, RuntimeError for files that do not hold what their index says.

    >>> import facula, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> with facula.utils.data.ShardWriter(folder) as writer:
    ...     for number in range(3):
    ...         writer.write((facula.arange(number), number))
    >>> data = facula.utils.data.ShardDataset(folder)
    >>> len(data), data[-1]
    (3, (tensor([0, 1]), 2))
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = os.fspath(folder)
        self.index = read_index(self.folder)
        self._starts = [0, *itertools.accumulate(shard.samples for shard in self.index.shards)]
        self._mapped: OrderedDict[int, _Shard] = OrderedDict()

    def __len__(self) -> int:
        return self._starts[-1]

    def __getitem__(self, index: Any) -> Any:
        try:
            place = range(len(self))[index]
        except IndexError:
            raise index_error(f"ShardDataset: expected a number below {len(self)}, got {index}. Use len().") from None
        number = bisect.bisect_right(self._starts, place) - 1
        return self._sample(self._shard(number), place - self._starts[number])

    def _shard(self, number: int) -> _Shard:
        shard = self._mapped.get(number)
        if shard is None:
            file, count = self.index.shards[number]
            shard = self._mapped[number] = _Shard(os.path.join(self.folder, file), count, self.index.fields)
            if len(self._mapped) > _OPEN:
                self._mapped.popitem(last=False)
        return shard

    def _sample(self, shard: _Shard, row: int) -> Any:
        values = {field.name: shard.value(field, row) for field in self.index.fields}
        if self.index.structure == "dict":
            return values
        return tuple(values.values()) if self.index.structure == "tuple" else values["value"]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_mapped": OrderedDict()}  # another process maps the files itself


class StreamingDataset(IterableDataset[Any]):
    """The samples that a `ShardWriter` wrote, as a stream: read in the order of the files or, with `shuffle`, mixed.

    Shuffling takes the files in a random order and mixes samples within windows of `buffer_size`, so that only the files of a
    window are visited at a time; nothing is held in memory. The order follows from `seed` and the epoch alone: call
    `set_epoch` before each pass for another one. Ranks (of `facula.distributed`, unless given) take every
    `world_size`-th sample, padded from the beginning so that all have as many. Workers take whole batches in turn, so the
    batches are the same for any number of workers. `state_dict` makes resuming as quick as starting.

    >>> import facula, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> with facula.utils.data.ShardWriter(folder) as writer:
    ...     for number in range(4):
    ...         writer.write(number)
    >>> data = facula.utils.data.StreamingDataset(folder, shuffle=True, seed=1)
    >>> sorted(data)
    [0, 1, 2, 3]
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        shuffle: bool = False,
        buffer_size: int = 10_000,
        seed: int = 0,
        rank: int | None = None,
        world_size: int | None = None,
    ) -> None:
        if buffer_size < 1:
            raise value_error(f"StreamingDataset: expected a positive buffer_size, got {buffer_size}. Pass e.g. 10000.")
        self.samples = ShardDataset(folder)
        self.shuffle, self.buffer_size, self.seed = shuffle, buffer_size, seed
        self.rank, self.world_size = _ranks(rank, world_size)
        self.epoch = 0
        self._given = 0  # samples of this copy's share

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of the next pass, the same in all ranks and workers."""
        self.epoch = epoch

    def __len__(self) -> int:
        return math.ceil(len(self.samples) / self.world_size)

    def __iter__(self) -> Iterator[Any]:
        info = get_worker_info()
        worker, workers, batch = (info.id, info.num_workers, info.batch_size or 1) if info else (0, 1, 1)
        order = _Windows(self)
        while True:
            turn, within = divmod(self._given, batch)
            place = (turn * workers + worker) * batch + within
            if place >= len(self):
                self._given = 0
                return
            self._given += 1
            yield self.samples[order[(place * self.world_size + self.rank) % len(self.samples)]]

    def state_dict(self) -> dict[str, Any]:
        """How far this copy has come, and in which order."""
        return {"given": self._given, "epoch": self.epoch, "seed": self.seed, "samples": len(self.samples)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a state of `state_dict`; RuntimeError where it is of other data or of another order."""
        expected, found = (self.seed, len(self.samples)), (state_dict.get("seed"), state_dict.get("samples"))
        if expected != found:
            raise runtime_error(
                f"StreamingDataset.load_state_dict: expected a state with (seed, samples) = {expected}, got {found}. "
                "Open the same folder with the same seed."
            )
        self._given, self.epoch = int(state_dict["given"]), int(state_dict["epoch"])


def _ranks(rank: int | None, world_size: int | None) -> tuple[int, int]:
    if rank is None or world_size is None:
        distributed = sys.modules.get("facula.distributed")  # a program with process groups has imported it
        there = distributed is not None and distributed.is_initialized()
        rank = rank if rank is not None else distributed.get_rank() if distributed and there else 0
        world_size = world_size or (distributed.get_world_size() if distributed and there else 1)
    if not 0 <= rank < world_size:
        raise value_error(
            f"StreamingDataset: expected a rank from 0 to {world_size - 1}, got {rank}. Pass both rank and world_size."
        )
    return rank, world_size


class _Windows:
    """The order of an epoch: at each place, the number of a sample. One window of it is known at a time."""

    def __init__(self, stream: StreamingDataset) -> None:
        self.size, self.seed, self.plain = stream.buffer_size, (stream.seed % 2**63, stream.epoch), not stream.shuffle
        starts = np.array(stream.samples._starts, np.int64)
        counts = np.diff(starts)
        files = np.arange(len(counts))
        if stream.shuffle:
            np.random.Generator(np.random.PCG64(self.seed)).shuffle(files)
        self.firsts = starts[:-1][files]  # numbers of the first samples of the files, in the order of this epoch
        self.ends = np.concatenate([[0], np.cumsum(counts[files])])
        self.window, self.numbers = -1, np.empty(0, np.int64)

    def __getitem__(self, place: int) -> int:
        if self.plain:
            return place
        window, within = divmod(place, self.size)
        if window != self.window:
            places = np.arange(window * self.size, min((window + 1) * self.size, int(self.ends[-1])))
            np.random.Generator(np.random.PCG64((*self.seed, window + 1))).shuffle(places)
            file = np.searchsorted(self.ends, places, side="right") - 1
            self.window, self.numbers = window, self.firsts[file] + places - self.ends[file]
        return int(self.numbers[within])
