"""What the stack program of a `.pt` file may ask for: tensors over storages, parameters, and classes that the user allowed."""

from __future__ import annotations

from collections import OrderedDict
from typing import IO, Any, cast

import numpy as np

from facula.devices import base as devices
from facula.devices.base import device as Device
from facula.devices.meta import Meta
from facula.serialization import known
from facula.serialization.places import Places, Storage
from facula.serialization.program import Fault, Program, shown
from facula.tensors import layouts
from facula.tensors.parameter import Buffer, Parameter
from facula.tensors.tensor import Tensor, wrap

_SPARSE = {f"torch.{layout}": getattr(layouts, layout) for layout in ("sparse_coo", "sparse_csr", "sparse_csc")}


class Reader:
    """What a program asks its questions of: names, calls, storages."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self.storages: dict[str, Storage] = {}

    def fetch(self, key: str, dtype: Any, count: int) -> Any:
        """The array of a storage that is met for the first time."""
        raise NotImplementedError

    def find(self, name: str) -> Any:
        return known.find(name)

    def storage(self, key: Any) -> Any:
        """The storage of `("storage", type, key, location, count, [part])`."""
        what = key[0] if isinstance(key, tuple) and key and type(key[0]) is str else ""
        if what == "module" and len(key) == 4:  # the source text of a class came along once
            return key[1]
        fine = what == "storage" and len(key) in (5, 6)
        fine = fine and isinstance(key[1], known.StorageType) and isinstance(key[2], str) and isinstance(key[3], str)
        if not fine or type(key[4]) is not int or not 0 <= key[4] < 2**60:
            raise Fault("the description of a storage", shown(key))
        _, kind, name, location, count = key[:5]
        dtype = None if kind.dtype is None else kind.dtype.numpy
        if name not in self.storages:
            plain = np.dtype(np.uint8) if dtype is None else dtype
            array = np.empty(0, plain) if self.places.skips() else self.fetch(name, plain, count)
            self.storages[name] = self._placed(Storage(array, dtype, Device("cpu")), location)
        found = self.storages[name]
        if found.dtype != dtype:
            raise Fault(f"storage {shown(name)} to be of one type", f"{found.dtype} and {dtype}")
        part = key[5] if len(key) == 6 else None
        return found if part is None else self._part(found, part)

    def _placed(self, storage: Storage, location: str) -> Storage:
        placed = self.places.put(storage, location)
        if not isinstance(placed, Storage):
            raise Fault("a storage from map_location", shown(placed), "Give back storage.to(device) or None.")
        return placed

    def _part(self, whole: Storage, part: Any) -> Storage:
        fine = isinstance(part, tuple) and len(part) == 3 and all(type(n) is int and n >= 0 for n in part[1:])
        if not fine or part[1] + part[2] > whole.array.size:
            raise Fault("a part within its storage", shown(part))
        return Storage(whole.array[part[1] : part[1] + part[2]], whole.dtype, whole.device)

    def call(self, function: Any, args: tuple[Any, ...]) -> Any:
        if known.allowed(function):
            return function(*args)
        if id(function) in known.CALLS:
            return known.CALLS[id(function)](args)
        if function is Parameter and 1 <= len(args) <= 2 and isinstance(args[0], Tensor):
            return Parameter(*args)
        if isinstance(function, known.Maker):
            return getattr(self, f"_{function.name}")(*args)
        raise Fault("a function that may be called", f"{type(function).__name__}")

    def make(self, cls: Any, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        if not isinstance(cls, type) or not known.allowed(cls):
            raise Fault("a class that may be made", shown(cls))
        return cls.__new__(cls, *args, **named)

    def grows(self, value: Any) -> bool:
        """Whether items may be put into a value that is no plain container."""
        return known.allowed(type(value))

    def build(self, instance: Any, state: Any) -> None:
        if known.allowed(type(instance)):
            self._restore(instance, state)
        elif isinstance(instance, np.dtype):
            fine = isinstance(state, tuple) and len(state) > 1 and type(state[1]) is str
            if not fine or state[1] not in ("<", "|", "="):
                raise Fault("a NumPy type with its low bytes first", shown(state))
        elif type(instance) is np.ndarray:
            known.set_numpy(instance, state)
        elif type(instance) is OrderedDict:
            if not isinstance(state, dict) or any(not isinstance(k, str) or hasattr(OrderedDict, k) for k in state):
                raise Fault("attributes of an OrderedDict", shown(state))
            instance.__dict__.update(state)
        else:
            raise Fault("an object that may be given a state", type(instance).__name__)

    def _restore(self, instance: Any, state: Any) -> None:
        if hasattr(instance, "__setstate__"):
            instance.__setstate__(state)
            return
        values, slots = state if isinstance(state, tuple) and len(state) == 2 else (state, None)
        instance.__dict__.update(values or {})
        for name, value in (slots or {}).items():
            setattr(instance, name, value)

    def _tensor(self, storage: Any, offset: Any, size: Any, stride: Any) -> Tensor:
        if not isinstance(storage, Storage):
            raise Fault("the storage of a tensor", type(storage).__name__)
        if storage.dtype is None:
            raise Fault("a storage with a type", "one without")
        return wrap(self._strided(storage, storage.dtype, offset, size, stride))

    def _tensor_v2(
        self, storage: Any, offset: Any, size: Any, stride: Any, grad: Any, hooks: Any, metadata: Any = None
    ) -> Tensor:
        return self._finish(self._tensor(storage, offset, size, stride), grad, metadata)

    def _tensor_v3(
        self, storage: Any, offset: Any, size: Any, stride: Any, grad: Any, hooks: Any, dtype: Any, metadata: Any = None
    ) -> Tensor:
        if not isinstance(storage, Storage) or not hasattr(dtype, "is_floating_point"):
            raise Fault("the storage and type of a tensor", shown(dtype))
        return self._finish(wrap(self._strided(storage, dtype.numpy, offset, size, stride)), grad, metadata)

    def _strided(self, storage: Storage, dtype: Any, offset: Any, size: Any, stride: Any) -> Any:
        fine = isinstance(size, tuple) and isinstance(stride, tuple)
        numbers = (offset, *size, *stride) if fine else ()
        if (
            not fine
            or not all(type(n) is int and 0 <= n < 2**60 for n in numbers)
            or len(size) != len(stride)
            or len(size) > 64
        ):
            raise Fault("the offset, shape and strides of a tensor", shown((offset, size, stride)))
        steps = tuple(n * dtype.itemsize for n in stride)
        if storage.device.type == "meta":
            return Meta(size, dtype, steps)
        flat = storage.typed(dtype)
        if 0 in size:
            return devices.kind_of(flat).xp.empty(size, dtype)
        last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
        if last >= flat.size:
            raise Fault(f"a tensor within the {flat.size} elements of its storage", f"one that ends at {last}")
        if type(flat) is np.ndarray:
            return np.ndarray(tuple(size), dtype, flat, offset * dtype.itemsize, steps)
        return devices.kind_of(flat).xp.lib.stride_tricks.as_strided(flat[offset:], tuple(size), steps)

    def _finish(self, tensor: Tensor, grad: Any, metadata: Any) -> Tensor:
        if isinstance(metadata, Tensor) or metadata:
            wrong = set(metadata) - {"conj", "neg"} if isinstance(metadata, dict) else {"no dict"}
            array = tensor.array
            copied = array.base if isinstance(array.base, np.ndarray) else array
            if wrong or array.size > copied.size:
                raise Fault("a tensor that is conjugated or negated at most", shown(metadata))
            array = array.conj() if metadata.get("conj") else array
            tensor = wrap(-array if metadata.get("neg") else array)
        return tensor.requires_grad_() if grad is True else tensor

    def _layout(self, name: Any) -> Any:
        if type(name) is not str or name not in _SPARSE:
            raise Fault(f"a layout among {', '.join(_SPARSE)}", shown(name), "Call to_dense() before saving.")
        return _SPARSE[name]

    def _sparse_tensor(self, layout: Any, data: Any) -> Tensor:
        """Places are given as in torch: a column for each value, or where rows start and the columns."""
        from facula.ops import sparse

        count = 2 if layout is layouts.sparse_coo else 3
        fine = isinstance(layout, layouts.layout) and isinstance(data, tuple) and count < len(data) <= count + 2
        fine = fine and all(isinstance(part, Tensor) for part in data[:count]) and isinstance(data[count], tuple)
        if not fine:
            raise Fault("the places, values and shape of a sparse tensor", shown(data))
        made = getattr(sparse, f"{layout.name}_tensor")(*data[: count + 1])
        return cast(Tensor, made.coalesce() if any(flag is True for flag in data[count + 1 :]) else made)

    def _meta_tensor_no_storage(self, dtype: Any, size: Any, stride: Any, grad: Any) -> Tensor:
        nothing = Storage(None, dtype.numpy, Device("meta"))
        return self._finish(wrap(self._strided(nothing, dtype.numpy, 0, size, stride)), grad, None)

    def _parameter(self, data: Any, grad: Any, hooks: Any) -> Parameter:
        if not isinstance(data, Tensor):
            raise Fault("a tensor in a parameter", type(data).__name__)
        return Parameter(data.detach(), grad is True)

    def _parameter_with_state(self, data: Any, grad: Any, hooks: Any, state: Any) -> Any:
        return self._with_state(self._parameter(data, grad, hooks), state)

    def _from_type_v2(self, function: Any, cls: Any, args: Any, state: Any) -> Any:
        if not isinstance(function, known.Maker) or not function.name.startswith(("tensor", "parameter", "meta")):
            raise Fault("a function that makes tensors", shown(function))
        made = self.call(function, args)
        values = state[0] if isinstance(state, tuple) and state else state
        if cls is Buffer or (cls is Tensor and isinstance(values, dict) and values.get("_is_buffer") is True):
            persistent = values.get("persistent", True) if isinstance(values, dict) else True
            return Buffer(made, persistent=bool(persistent))
        if cls not in (Tensor, Parameter):
            raise Fault("a kind of tensor", shown(cls))
        return self._with_state(made, values)

    def _with_state(self, made: Any, state: Any) -> Any:
        state = {} if state is None else state
        if not isinstance(state, dict) or any(not isinstance(name, str) or hasattr(Tensor, name) for name in state):
            raise Fault("attributes of a tensor", shown(state))
        made.__dict__.update(state)
        return made

    def run(self, stream: IO[bytes], size: int) -> Any:
        """The value of one program."""
        return Program(stream, size, self).run()
