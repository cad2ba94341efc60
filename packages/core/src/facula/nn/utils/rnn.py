"""Sequences of unequal length: packing, padding and back."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from facula.dtypes import int64
from facula.errors import runtime_error, value_error
from facula.ops import cat, tensor
from facula.tensors.tensor import Tensor


class _PackedFields(NamedTuple):
    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None = None
    unsorted_indices: Tensor | None = None


class PackedSequence(_PackedFields):
    """A batch of sequences step by step without padding: `data` holds all rows of step 0, then of step 1, ...

    `batch_sizes[t]` is how many sequences are longer than t. They fall in length (`sorted_indices` says how).

    >>> import facula
    >>> packed = facula.nn.utils.rnn.pack_sequence([facula.tensor([1, 2, 3]), facula.tensor([4, 5])])
    >>> packed.data.tolist(), packed.batch_sizes.tolist()
    ([1, 4, 2, 5, 3], [2, 2, 1])
    """

    __slots__ = ()

    def __new__(
        cls,
        data: Tensor,
        batch_sizes: Tensor | None = None,
        sorted_indices: Tensor | None = None,
        unsorted_indices: Tensor | None = None,
    ) -> PackedSequence:
        if batch_sizes is None:
            raise value_error(
                "PackedSequence: expected batch_sizes, got None. Use pack_sequence or pack_padded_sequence."
            )
        if unsorted_indices is None and sorted_indices is not None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """The same with its data (and indices) on another device, or its data in another dtype."""
        data = self.data.to(*args, **kwargs)
        if data is self.data:
            return self
        order, original = (
            None if index is None else index.to(data.device) for index in (self.sorted_indices, self.unsorted_indices)
        )
        return PackedSequence(data, self.batch_sizes, order, original)

    def cpu(self) -> PackedSequence:
        """The same on the CPU."""
        return self.to("cpu")

    def cuda(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """The same on a CUDA device."""
        return self.to(*(args or ("cuda",)), **kwargs)

    def double(self) -> PackedSequence:
        """The same with float64 data."""
        return self._replace(data=self.data.double())

    def float(self) -> PackedSequence:
        """The same with float32 data."""
        return self._replace(data=self.data.float())

    def half(self) -> PackedSequence:
        """The same with float16 data."""
        return self._replace(data=self.data.half())

    def byte(self) -> PackedSequence:
        """The same with uint8 data."""
        return self._replace(data=self.data.byte())

    def char(self) -> PackedSequence:
        """The same with int8 data."""
        return self._replace(data=self.data.char())

    def short(self) -> PackedSequence:
        """The same with int16 data."""
        return self._replace(data=self.data.short())

    def int(self) -> PackedSequence:
        """The same with int32 data."""
        return self._replace(data=self.data.int())

    def long(self) -> PackedSequence:
        """The same with int64 data."""
        return self._replace(data=self.data.long())

    def pin_memory(self) -> PackedSequence:
        """The same with its data in memory that a GPU copies faster from."""
        return self._replace(data=self.data.pin_memory())

    def is_pinned(self) -> bool:
        """Whether its data is in such memory."""
        return bool(self.data.is_pinned())

    @property
    def is_cuda(self) -> bool:
        """Whether the data is on a CUDA device."""
        return self.data.is_cuda


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The permutation that undoes `permutation`.

    >>> import facula
    >>> facula.nn.utils.rnn.invert_permutation(facula.tensor([2, 0, 1]))
    tensor([1, 2, 0])
    """
    return None if permutation is None else permutation.argsort()


def _lengths(lengths: Any) -> list[int]:
    values = lengths.tolist() if isinstance(lengths, Tensor) else list(lengths)
    return [int(n) for n in values]


def pack_padded_sequence(
    input: Tensor, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Leave the padding out of a padded batch.

    Shape: (T, N, *) or, with batch_first, (N, T, *); lengths (N). They must fall unless enforce_sorted is False.

    >>> import facula
    >>> from facula.nn.utils.rnn import pack_padded_sequence
    >>> pack_padded_sequence(facula.tensor([[1, 2], [3, 0]]), [2, 1], batch_first=True).data
    tensor([1, 3, 2])
    """
    counts = _lengths(lengths)
    order = None
    if not enforce_sorted:
        ranks = sorted(range(len(counts)), key=lambda i: -counts[i])
        order = tensor(ranks, dtype=int64, device=input.device)
        counts = [counts[i] for i in ranks]
        input = input.index_select(0 if batch_first else 1, order)
    sequence = input.transpose(0, 1) if batch_first else input
    if len(counts) != sequence.shape[1]:
        raise runtime_error(
            f"pack_padded_sequence: Expected `len(lengths)` to be equal to batch_size, got {len(counts)} lengths and "
            f"a batch of {sequence.shape[1]}. Check batch_first."
        )
    if min(counts, default=0) <= 0:
        raise runtime_error(
            "pack_padded_sequence: Length of all samples has to be greater than 0, got an empty one. Leave it out."
        )
    if any(a < b for a, b in itertools.pairwise(counts)):
        raise runtime_error(
            "pack_padded_sequence: `lengths` array must be sorted in decreasing order when `enforce_sorted` is True, "
            f"got {counts}. Pass enforce_sorted=False."
        )
    if counts[0] > sequence.shape[0]:
        raise runtime_error(
            f"pack_padded_sequence: expected lengths up to {sequence.shape[0]}, got {counts[0]}. Check batch_first."
        )
    sizes = [sum(n > t for n in counts) for t in range(counts[0])]
    data = cat([sequence[t, :size] for t, size in enumerate(sizes)])
    return PackedSequence(data, tensor(sizes, dtype=int64), order, None)


def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0, total_length: int | None = None
) -> tuple[Tensor, Tensor]:
    """The padded batch and the lengths behind a PackedSequence.

    Shape: -> (T, N, *) or, with batch_first, (N, T, *), and lengths (N).

    >>> import facula
    >>> from facula.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
    >>> pad_packed_sequence(pack_padded_sequence(facula.tensor([[1, 2], [3, 0]]), [2, 1], True), True)
    (tensor([[1, 2],
            [3, 0]]), tensor([2, 1]))
    """
    sizes = _lengths(sequence.batch_sizes)
    steps = len(sizes)
    if total_length is not None:
        if total_length < steps:
            raise value_error(
                "pad_packed_sequence: Expected total_length to be at least the length of the longest sequence, "
                f"but got total_length={total_length} and max sequence length being {steps}. Use a longer one."
            )
        steps = total_length
    rest = tuple(sequence.data.shape[1:])
    rows = []
    for part, size in zip(sequence.data.split(sizes, 0), sizes, strict=True):
        missing = sizes[0] - size
        rows.append(part if not missing else cat([part, part.new_full((missing, *rest), padding_value)]))
    rows += [sequence.data.new_full((sizes[0], *rest), padding_value)] * (steps - len(sizes))
    padded = cat([row.unsqueeze(0) for row in rows])
    lengths = tensor([sum(size > i for size in sizes) for i in range(sizes[0])], dtype=int64)
    if sequence.unsorted_indices is not None:
        padded = padded.index_select(1, sequence.unsorted_indices)
        lengths = lengths[sequence.unsorted_indices.cpu()]
    return (padded.transpose(0, 1) if batch_first else padded), lengths


def pad_sequence(
    sequences: Iterable[Tensor], batch_first: bool = False, padding_value: float = 0.0, padding_side: str = "right"
) -> Tensor:
    """Stack sequences of unequal length, filling up with `padding_value`.

    Shape: each (L_i, *) -> (max L, N, *) or, with batch_first, (N, max L, *).

    >>> import facula
    >>> from facula.nn.utils.rnn import pad_sequence
    >>> pad_sequence([facula.ones(2), facula.ones(1)], batch_first=True)
    tensor([[1., 1.],
            [1., 0.]])
    """
    if isinstance(sequences, Tensor):
        sequences = sequences.unbind(0)
    parts = list(sequences)
    if not parts:
        raise runtime_error("pad_sequence: expected at least one sequence, got an empty list. Skip empty batches.")
    if padding_side not in ("left", "right"):
        raise value_error(f"pad_sequence: padding_side should be one of 'right' or 'left', got {padding_side!r}.")
    longest = max(part.shape[0] for part in parts)
    padded = []
    for part in parts:
        missing = longest - part.shape[0]
        if missing:
            filling = part.new_full((missing, *part.shape[1:]), padding_value)
            part = cat([part, filling] if padding_side == "right" else [filling, part])
        padded.append(part.unsqueeze(0 if batch_first else 1))
    return cat(padded, 0 if batch_first else 1)


def unpad_sequence(padded_sequences: Tensor, lengths: Tensor, batch_first: bool = False) -> list[Tensor]:
    """The sequences of a padded batch, each at its own length.

    >>> import facula
    >>> padded = facula.tensor([[1, 2, 3], [4, 5, 0]])
    >>> facula.nn.utils.rnn.unpad_sequence(padded, facula.tensor([3, 2]), batch_first=True)
    [tensor([1, 2, 3]), tensor([4, 5])]
    """
    batch = padded_sequences if batch_first else padded_sequences.transpose(0, 1)
    return [row[:length] for row, length in zip(batch, _lengths(lengths), strict=True)]


def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Pack sequences of unequal length.

    >>> import facula
    >>> from facula.nn.utils.rnn import pack_sequence
    >>> pack_sequence([facula.tensor([1, 2, 3]), facula.tensor([4, 5])]).batch_sizes
    tensor([2, 2, 1])
    """
    lengths = [part.shape[0] for part in sequences]
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The sequences behind a PackedSequence.

    >>> import facula
    >>> from facula.nn.utils.rnn import pack_sequence, unpack_sequence
    >>> unpack_sequence(pack_sequence([facula.tensor([1, 2, 3]), facula.tensor([4, 5])]))
    [tensor([1, 2, 3]), tensor([4, 5])]
    """
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
