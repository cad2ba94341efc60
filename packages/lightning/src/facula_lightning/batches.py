"""What the loops know of a batch: how to count its samples and how to bring it to a device."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import facula


def first_tensor(batch: Any) -> Any | None:
    """The first tensor in nested containers, or None."""
    if isinstance(batch, facula.Tensor):
        return batch
    found: list[Any] = []

    def note(value: Any) -> Any:
        found.append(value)
        return value

    map_tensors(note, batch)
    return next((value for value in found if isinstance(value, facula.Tensor)), None)


def batch_size(batch: Any) -> int:
    """The length of the first tensor's first dimension; 1 where there is none."""
    found = first_tensor(batch[0] if isinstance(batch, list | tuple) and batch else batch)
    found = first_tensor(batch) if found is None else found
    return 1 if found is None or found.dim() == 0 else int(found.shape[0])


def map_tensors(function: Callable[[Any], Any], batch: Any) -> Any:
    """The same nested containers with `function` applied to every tensor, and to whatever else has a `to` method."""
    if isinstance(batch, facula.Tensor):
        return function(batch)
    if isinstance(batch, Mapping):
        pairs = {key: map_tensors(function, value) for key, value in batch.items()}
        return pairs if type(batch) is dict else type(batch)(pairs)  # type: ignore[call-arg]
    if isinstance(batch, tuple) and hasattr(batch, "_fields"):
        return type(batch)(*[map_tensors(function, value) for value in batch])
    if isinstance(batch, list | tuple):
        return type(batch)([map_tensors(function, value) for value in batch])
    if dataclasses.is_dataclass(batch) and not isinstance(batch, type):
        names = [field.name for field in dataclasses.fields(batch) if field.init]
        return dataclasses.replace(batch, **{name: map_tensors(function, getattr(batch, name)) for name in names})
    return function(batch) if hasattr(batch, "to") else batch


def to_device(batch: Any, device: Any) -> Any:
    """The batch with all its tensors on `device`."""
    return map_tensors(lambda value: value.to(device), batch)
