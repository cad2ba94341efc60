"""Writing a dataset as shards."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from facula.data.shard_format import INDEX, NUMBERS, Field, Index, Shard, index_text, kind_of, parts_of
from facula.errors import value_error
from facula.ops import stack
from facula.serialization.atomic import atomic_write
from facula.serialization.safetensors import save_file
from facula.tensors.tensor import Tensor, wrap


class ShardWriter:
    """Writes samples to files of about `shard_size` bytes in a folder, and at the end the index that makes them a dataset.

    A sample is a dict with names, a tuple or a single value, of tensors, bytes, str, int, float and bool; all samples
    have the same names and kinds, and a tensor the same dtype and number of dimensions, while its sizes may differ. Each
    file appears whole or not at all; where the `with` block fails, the files are removed. The format is plain safetensors and
    JSON, described in the guide "Sharded datasets".

    Raises FileExistsError where the folder holds a dataset, TypeError and ValueError for samples of other kinds.

    >>> import facula, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> with facula.utils.data.ShardWriter(folder) as writer:
    ...     for number in range(3):
    ...         writer.write({"x": facula.full((2,), number), "text": str(number)})
    >>> facula.utils.data.ShardDataset(folder)[2]
    {'x': tensor([2, 2]), 'text': '2'}
    """

    def __init__(self, folder: str | os.PathLike[str], shard_size: int = 1 << 26) -> None:
        if shard_size <= 0:
            raise value_error(
                f"ShardWriter: expected a positive shard_size in bytes, got {shard_size}. Pass e.g. 2**26."
            )
        self.folder = Path(folder)
        self.shard_size = shard_size
        if (self.folder / INDEX).exists():
            raise FileExistsError(
                f"ShardWriter: expected a new folder, got {str(folder)!r} with an index. Choose another."
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        self._structure: str | None = None
        self._fields: tuple[Field, ...] = ()
        self._columns: dict[str, list[Any]] = {}
        self._bytes = 0
        self._shards: list[Shard] = []
        self._closed = False

    def write(self, sample: Any) -> None:
        """Add one sample."""
        if self._closed:
            raise value_error("ShardWriter: expected an open writer, got a closed one. Write before close().")
        structure, values = parts_of(sample)
        fields = tuple(kind_of(value, name) for name, value in values.items())
        if self._structure is None:
            self._structure, self._fields = structure, fields
            self._columns = {name: [] for name in values}
        if structure != self._structure or sorted(fields) != sorted(self._fields):
            raise value_error(
                f"ShardWriter: expected samples like the first, a {self._structure} of {list(self._fields)}, got a {structure} "
                f"of {list(fields)}. Give all samples the same names, kinds and dtypes."
            )
        for name, value in values.items():
            self._columns[name].append(value.detach().cpu().clone() if isinstance(value, Tensor) else value)
            self._bytes += _size(value)
        if self._bytes >= self.shard_size:
            self._flush()

    def _flush(self) -> None:
        """Write what has been collected as one file."""
        count = len(self._columns[self._fields[0].name])
        tensors: dict[str, Tensor] = {}
        for field in self._fields:
            tensors.update(_column(field, self._columns[field.name]))
        name = f"shard-{len(self._shards):05d}.safetensors"
        save_file(tensors, self.folder / name)
        self._shards.append(Shard(name, count))
        self._columns = {field.name: [] for field in self._fields}
        self._bytes = 0

    def close(self) -> None:
        """Write the last shard and the index."""
        if self._closed:
            return
        if self._structure is None:
            raise value_error("ShardWriter: expected at least one sample, got none. Write some before closing.")
        if self._columns[self._fields[0].name]:
            self._flush()
        self._closed = True
        with atomic_write(self.folder / INDEX) as file:
            file.write(index_text(Index(self._structure, self._fields, tuple(self._shards))).encode())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
            return
        self._closed = True
        for shard in self._shards:
            (self.folder / shard.file).unlink(missing_ok=True)


def _size(value: Any) -> int:
    if isinstance(value, Tensor):
        return value.nbytes
    return len(value) + 8 if isinstance(value, (str, bytes)) else 8


def _column(field: Field, values: list[Any]) -> dict[str, Tensor]:
    """The tensors that hold one field of all samples of a shard."""
    if field.kind in NUMBERS:
        return {field.name: wrap(np.array(values, NUMBERS[field.kind].numpy))}
    if field.kind == "tensor":
        if len({tuple(value.shape) for value in values}) == 1:
            return {field.name: stack(values)}
        flat = np.concatenate([value.array.reshape(-1) for value in values])
        shapes = np.array([tuple(value.shape) for value in values], np.int64)
        sizes = [value.numel() for value in values]
        return {field.name: wrap(flat), f"{field.name}.shapes": wrap(shapes), f"{field.name}.offsets": _offsets(sizes)}
    coded = [value.encode() if field.kind == "str" else value for value in values]
    data = np.frombuffer(b"".join(coded), np.uint8).copy()
    return {field.name: wrap(data), f"{field.name}.offsets": _offsets([len(value) for value in coded])}


def _offsets(sizes: list[int]) -> Tensor:
    return wrap(np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)]).astype(np.int64))
