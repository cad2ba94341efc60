"""Putting samples together: numbers, arrays and tensors are stacked, and the structure around them is kept."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

import numpy as np

from facula.autograd.state import state
from facula.errors import runtime_error, type_error
from facula.ops import as_tensor, stack, tensor
from facula.tensors.tensor import Tensor, wrap


def default_convert(data: Any) -> Any:
    """NumPy arrays as tensors, inside any structure; all else as it is.

    >>> import facula, numpy
    >>> facula.utils.data.default_convert([numpy.array([0, 1]), "text"])
    [tensor([0, 1]), 'text']
    """
    if isinstance(data, Tensor):
        return data
    if isinstance(data, (np.ndarray, np.generic)):
        return data if data.dtype.kind in "SUO" else as_tensor(data)
    return _mapped(data, default_convert)


def _mapped(data: Any, convert: Callable[[Any], Any]) -> Any:
    """`convert` on every member of a mapping or sequence, in one of the same kind if that can be built."""
    if isinstance(data, Mapping):
        return _same_mapping(data, {key: convert(data[key]) for key in data})
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*(convert(item) for item in data))
    if isinstance(data, tuple):
        return [convert(item) for item in data]
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        return _same_sequence(data, [convert(item) for item in data])
    return data


def _same_mapping(like: Mapping[Any, Any], values: dict[Any, Any]) -> Any:
    if type(like) is dict:
        return values
    try:
        if isinstance(like, MutableMapping):
            clone = copy.copy(like)
            clone.update(values)
            return clone
        return type(like)(values)  # type: ignore[call-arg]
    except TypeError:
        return values


def _same_sequence(like: Sequence[Any], values: list[Any]) -> Any:
    if type(like) is list or isinstance(like, range):
        return values
    try:
        if isinstance(like, MutableSequence):
            clone = copy.copy(like)
            for place, value in enumerate(values):
                clone[place] = value
            return clone
        return type(like)(values)  # type: ignore[call-arg]
    except TypeError:
        return values


def default_collate(batch: Sequence[Any]) -> Any:
    """Samples as one batch: tensors, arrays and numbers are stacked along a new first dimension.

    Mappings and sequences are kept and their members stacked; text stays a list.

    >>> import facula
    >>> facula.utils.data.default_collate([{"x": 1, "name": "a"}, {"x": 2, "name": "b"}])
    {'x': tensor([1, 2]), 'name': ['a', 'b']}
    """
    first = batch[0]
    if isinstance(first, Tensor):
        return _stacked(batch)
    if isinstance(first, (np.ndarray, np.generic)):
        if first.dtype.kind in "SUO":
            raise type_error(_unknown(f"an array of {first.dtype}"))
        return wrap(np.stack([np.asarray(item) for item in batch]))
    if isinstance(first, float):
        return wrap(np.array(batch, np.float64))
    if isinstance(first, (int, complex)):
        return tensor(batch if isinstance(batch, list) else list(batch))
    if isinstance(first, (str, bytes)):
        return batch
    if isinstance(first, Mapping):
        return _same_mapping(first, {key: default_collate([item[key] for item in batch]) for key in first})
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return type(first)(*(default_collate(column) for column in zip(*batch, strict=True)))
    if isinstance(first, Sequence):
        if any(len(item) != len(first) for item in batch):
            raise runtime_error(
                f"default_collate: each element in list of batch should be of equal size, got lengths "
                f"{sorted({len(item) for item in batch})}. Pad them in a collate_fn."
            )
        columns = [default_collate(column) for column in zip(*batch, strict=True)]
        return columns if isinstance(first, tuple) else _same_sequence(first, columns)
    raise type_error(_unknown(type(first).__name__))


def _stacked(batch: Sequence[Tensor]) -> Tensor:
    """Straight to NumPy where no gradient and no other device is involved."""
    if all(type(item) is Tensor and type(item.array) is np.ndarray for item in batch) and (
        not state.grad or not any(item.requires_grad for item in batch)
    ):
        shape = batch[0].array.shape
        if all(item.array.shape == shape for item in batch):
            return wrap(np.stack([item.array for item in batch]))
    shapes = {tuple(item.shape) for item in batch}
    if len(shapes) > 1:
        raise runtime_error(
            f"default_collate: stack expects each tensor to be equal size, but got {sorted(shapes)}. "
            "Resize the samples, or pad them in a collate_fn."
        )
    return stack(list(batch))


def _unknown(found: str) -> str:
    return (
        f"default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {found}. "
        "Pass a collate_fn of your own."
    )
