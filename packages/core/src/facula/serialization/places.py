"""Storages, and the devices that they go to: what `map_location` of `load` says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from facula.devices import base as devices
from facula.devices.base import device as Device
from facula.serialization.options import default_restore_location
from facula.serialization.program import Fault


class Storage:
    """A run of elements in memory; what `map_location` functions are given and give back."""

    def __init__(self, array: Any, dtype: Any, place: Device) -> None:
        self.array, self.dtype, self.device = array, dtype, place

    def size(self) -> int:
        """The number of elements."""
        return int(self.array.size)

    def nbytes(self) -> int:
        """The number of bytes."""
        return int(self.array.nbytes)

    def cpu(self) -> Storage:
        """The storage on the CPU."""
        return self.to("cpu")

    def cuda(self, device: Any = None) -> Storage:
        """The storage on a CUDA device."""
        return self.to("cuda" if device is None else device)

    def to(self, device: Any) -> Storage:
        """The storage on a device."""
        place = Device("cuda", device) if isinstance(device, int) else Device(device)
        if place == self.device:
            return self
        array = self.array if place.type == "meta" else devices.move(self.array, place)
        return Storage(array, self.dtype, place)

    def at(self, location: str) -> Storage:
        """The storage on the device that a file names."""
        try:
            place = Device(location)
            there = devices.kind(place.type).is_available()
        except Exception:
            there = False
        if not there:
            hint = "Pass map_location='cpu' to load it to the CPU."
            raise Fault("a device that is available here", f"a storage on {location[:40]!r}", hint)
        return self.to(place)

    def typed(self, dtype: np.dtype[Any]) -> Any:
        """All elements of a type; bytes of no type take the first type asked for."""
        if self.dtype is None:
            return self.array[: self.array.size // dtype.itemsize * dtype.itemsize].view(dtype)
        return self.array


class Places:
    """Where storages go: `map_location` as None, a device, a dict of devices, or a function of storage and location."""

    def __init__(self, map_location: Any) -> None:
        self.rule = map_location
        if map_location is not None and not isinstance(map_location, Mapping) and not callable(map_location):
            self.rule = Device(map_location.decode() if isinstance(map_location, bytes) else map_location)

    def skips(self) -> bool:
        """Whether no data is wanted at all."""
        return isinstance(self.rule, Device) and self.rule.type == "meta"

    def put(self, storage: Storage, location: str) -> Storage:
        """A storage on the device it belongs to."""
        rule: Any = self.rule
        if isinstance(rule, Device):
            return storage.to(rule)
        if isinstance(rule, Mapping):
            return self._named(storage, rule.get(location, location))
        moved = None if rule is None else rule(storage, location)
        return self._named(storage, location) if moved is None else moved

    def _named(self, storage: Storage, location: Any) -> Storage:
        restored: Storage = default_restore_location(storage, str(location))
        return restored
