"""What a device is: `Device`, the protocol of a kind of hardware, and `device`, the user's name for a place ("cuda:1")."""

from __future__ import annotations

from typing import Any

import numpy as np

from facula.errors import runtime_error, type_error


class Device:
    """One kind of hardware. The array type alone tells where a tensor lives, so there is one `Device` per array type.

    A third party subclasses this, sets the four attributes and registers it with the `facula_register_devices` hook.
    """

    name: str = ""  # what `facula.device(name)` takes
    array_type: type = object  # arrays of exactly this type live here
    xp: Any = None  # the array module that forwards compute with (NumPy's interface)
    count: int = 1

    def is_available(self) -> bool:
        """Whether this machine has the device."""
        return True

    def to_device(self, array: np.ndarray[Any, Any], index: int) -> Any:
        """Copy a NumPy array to device number `index`."""
        raise NotImplementedError

    def to_host(self, array: Any) -> np.ndarray[Any, Any]:
        """Copy an array of this device to NumPy."""
        raise NotImplementedError

    def index_of(self, array: Any) -> int | None:
        """The number of the device that holds `array`; None for a device that has no numbers."""
        return None

    def synchronize(self, index: int | None = None) -> None:
        """Wait until all work of the device is done."""


class device:
    """A place for tensors: `device("cpu")`, `device("cuda:1")`, `device("cuda", 1)`; also a context manager for new tensors.

    >>> import facula
    >>> facula.device("cuda", 1)
    device(type='cuda', index=1)
    """

    __slots__ = ("index", "type")

    type: str
    index: int | None

    def __new__(cls, type: Any, index: int | None = None) -> device:
        if isinstance(type, device):
            return type
        self = object.__new__(cls)
        if isinstance(type, int):
            type, index = "cuda", type
        if not isinstance(type, str):
            raise type_error(
                f"device: expected a string such as 'cpu' or 'cuda:0', got {type!r}. Pass the name of the device."
            )
        name, _, number = type.partition(":")
        if number:
            if index is not None or not number.isdigit():
                raise runtime_error(
                    f"device: Invalid device string, expected 'name' or 'name:index', got {type!r}. Write e.g. 'cuda:0'."
                )
            index = int(number)
        if name not in _LOADED and name not in _BUILTIN:
            _check_known(name)
        self.type, self.index = name, index
        return self

    def __eq__(self, other: object) -> bool:
        return isinstance(other, device) and self.type == other.type and self.index == other.index

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __repr__(self) -> str:
        return (
            f"device(type={self.type!r})" if self.index is None else f"device(type={self.type!r}, index={self.index})"
        )

    def __reduce__(self) -> Any:
        return device, (str(self),)

    def __enter__(self) -> device:
        _default.append(self)
        return self

    def __exit__(self, *exc: object) -> None:
        _default.pop()


_LOADED: dict[str, Device] = {}
_BY_TYPE: dict[type, Device] = {}
_BUILTIN = {
    "cpu": "facula.devices.cpu:CPU",
    "meta": "facula.devices.meta:MetaDevice",
    "cuda": "facula.devices.cuda:CUDA",
}
_default: list[device] = []


def _check_known(name: str) -> None:
    """A name is known before its device is loaded, so that a program may speak of hardware that is not there."""
    from facula.plugins import tables

    if name not in tables.devices.names():
        known = ", ".join(tables.devices.names())
        raise runtime_error(
            f"device: Expected one of {known} device type at start of device string: {name}. Use 'cuda' for a GPU, 'cpu' otherwise."
        )


def kind(name: str) -> Device:
    """The `Device` of a name, loaded on first use: built-in, or registered by a plugin."""
    if name not in _LOADED:
        import importlib

        if name in _BUILTIN:
            module, attribute = _BUILTIN[name].split(":")
            cls = getattr(importlib.import_module(module), attribute)
        else:
            from facula.plugins import tables

            _check_known(name)
            cls = tables.devices.get(name)
        register(cls())
    return _LOADED[name]


def register(d: Device) -> Device:
    """Make a device known by its name and array type."""
    _LOADED[d.name] = _BY_TYPE[d.array_type] = d
    return d


def kind_of(array: Any) -> Device:
    """The `Device` whose arrays are of this array's type."""
    found = _BY_TYPE.get(type(array))
    if found is None:
        for name in ("cpu", "meta", "cuda") if type(array).__module__.startswith("cupy") else ("cpu", "meta"):
            if kind(name).array_type is type(array):
                return kind(name)
        for candidate in _LOADED.values():
            if isinstance(array, candidate.array_type) and not isinstance(array, np.ndarray):
                return candidate
        if isinstance(array, np.ndarray):
            return kind("cpu")
        if hasattr(array, "stands_for"):  # one lane of a batch is where the batch is
            return kind_of(array.stands_for)
        raise type_error(
            f"device: expected an array of a known device, got {type(array).__name__}. Register its device with a plugin."
        )
    return found


_CPU = object.__new__(device)
_CPU.type, _CPU.index = "cpu", None


def device_of(array: Any) -> device:
    """Where an array lives."""
    if type(array) is np.ndarray:
        return _CPU
    d = kind_of(array)
    return device(d.name, d.index_of(array))


def default() -> device:
    """Where new tensors go: the innermost `with device:`, else `set_default_device`, else the CPU."""
    return _default[-1] if _default else _CPU


def set_default(d: Any) -> None:
    """Put new tensors on this device from now on."""
    _default[:] = [] if d is None else [device(d)]


def to_host(array: Any) -> np.ndarray[Any, Any]:
    """Any device's array as a NumPy array."""
    return array if type(array) is np.ndarray else kind_of(array).to_host(array)


def move(array: Any, to: device) -> Any:
    """An array on another device; the same array if it is there already."""
    if type(array) is np.ndarray and to.type == "cpu":
        return array
    source, target = kind_of(array), kind(to.type)
    if source is target and (to.index is None or to.index == source.index_of(array)):
        return array
    if to.type == "meta":
        return target.to_device(array, 0)
    host = array if type(array) is np.ndarray else source.to_host(array)
    return host if to.type == "cpu" else target.to_device(host, to.index or 0)
