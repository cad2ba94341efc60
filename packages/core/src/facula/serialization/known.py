"""The names that a `.pt` file may use: what tensors and the containers around them need, and what the user has allowed."""

from __future__ import annotations

import re
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any

import numpy as np

from facula import dtypes
from facula.devices.base import device as Device
from facula.errors import type_error
from facula.serialization.program import Fault, Keys, shown
from facula.tensors.parameter import Buffer, Parameter
from facula.tensors.tensor import Size, Tensor

_STORAGES = {
    "float64": "DoubleStorage", "float32": "FloatStorage", "float16": "HalfStorage", "bfloat16": "BFloat16Storage",
    "int64": "LongStorage", "int32": "IntStorage", "int16": "ShortStorage", "int8": "CharStorage", "uint8": "ByteStorage",
    "bool": "BoolStorage", "complex64": "ComplexFloatStorage", "complex128": "ComplexDoubleStorage",
}  # fmt: skip
UNTYPED = "torch.storage.UntypedStorage"


class StorageType:
    """The name of a kind of storage; `dtype` is None for bytes of no type."""

    def __init__(self, name: str, dtype: dtypes.dtype | None) -> None:
        self.name, self.dtype = name, dtype


STORAGE_OF = {name: f"torch.{title}" for name, title in _STORAGES.items()}  # by the type's name
_allowed: dict[str, Any] = {}


def _named(entry: Any) -> tuple[str, Any]:
    if isinstance(entry, tuple) and len(entry) == 2 and isinstance(entry[1], str):
        return entry[1], entry[0]
    module, name = getattr(entry, "__module__", None), getattr(entry, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(name, str):
        raise type_error(
            f"add_safe_globals: expected a class, a function or a pair (object, 'module.name'), got {type(entry).__name__}. "
            "Give the name beside it."
        )
    return f"{module}.{name}", entry


def add_safe_globals(safe_globals: Iterable[Any]) -> None:
    """Let files call these classes and functions from now on; a pair `(object, "module.name")` gives another name.

    A file may then call them with any arguments it likes, so allow only what is harmless whatever it is given.

    >>> from facula import serialization
    >>> from fractions import Fraction
    >>> serialization.add_safe_globals([Fraction])
    >>> serialization.get_safe_globals()
    [<class 'fractions.Fraction'>]
    >>> serialization.clear_safe_globals()
    """
    _allowed.update(map(_named, safe_globals))


def get_safe_globals() -> list[Any]:
    """What `add_safe_globals` has allowed.

    >>> from facula import serialization
    >>> serialization.get_safe_globals()
    []
    """
    return list(_allowed.values())


def clear_safe_globals() -> None:
    """Forbid all that `add_safe_globals` has allowed.

    >>> from facula import serialization
    >>> serialization.add_safe_globals([complex])
    >>> serialization.clear_safe_globals()
    >>> serialization.get_safe_globals()
    []
    """
    _allowed.clear()


class safe_globals:
    """Allow classes and functions inside `with safe_globals([...]):` only.

    >>> from facula import serialization
    >>> with serialization.safe_globals([complex]):
    ...     len(serialization.get_safe_globals())
    1
    """

    def __init__(self, safe_globals: Iterable[Any]) -> None:
        self._entries = dict(map(_named, safe_globals))

    def __enter__(self) -> None:
        self._before = dict(_allowed)
        _allowed.update(self._entries)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _allowed.clear()
        _allowed.update(self._before)


def allowed(value: Any) -> bool:
    """Whether the user has allowed exactly this object."""
    return any(value is known for known in _allowed.values())


def _expect(fine: bool, expected: str, args: Any) -> None:
    if not fine:
        raise Fault(expected, shown(args))


def _ordered(args: tuple[Any, ...]) -> Any:
    pairs = args[0] if args else []
    _expect(
        len(args) <= 1 and isinstance(pairs, list) and all(isinstance(p, (list, tuple)) and len(p) == 2 for p in pairs),
        "pairs for an OrderedDict",
        type(pairs).__name__,
    )
    key = _keys_of(pairs)
    return OrderedDict((key(pair[0]), pair[1]) for pair in pairs)


def _items(args: tuple[Any, ...]) -> list[Any]:
    _expect(len(args) <= 1 and all(isinstance(a, (list, tuple)) for a in args), "one list", [type(a) for a in args])
    items = args[0] if args else ()
    return list(map(_keys_of(items), items))


def _keys_of(items: Any) -> Callable[[Any], Any]:
    """The check for keys that come in one list; what they may cost follows from its length."""
    left = 64 * (len(items) + 1)

    def spend(count: int) -> None:
        nonlocal left
        left -= count
        _expect(left >= 0, "small keys", f"one of {count} items")

    return Keys(spend).check


def _counter(args: tuple[Any, ...]) -> Any:
    _expect(len(args) == 1 and type(args[0]) is dict, "a dict for a Counter", [type(a).__name__ for a in args])
    made: Counter[Any] = Counter()
    dict.update(made, args[0])
    return made


def _size(args: tuple[Any, ...]) -> Any:
    fine = len(args) == 1 and isinstance(args[0], (tuple, list)) and all(type(n) is int for n in args[0])
    _expect(fine, "whole numbers for a Size", args)
    return Size(args[0])


def _device(args: tuple[Any, ...]) -> Any:
    fine = 1 <= len(args) <= 2 and type(args[0]) is str and all(type(n) is int for n in args[1:])
    _expect(fine, "the name of a device", args)
    return Device(*args)


def _encode(args: tuple[Any, ...]) -> bytes:
    fine = len(args) == 2 and type(args[0]) is type(args[1]) is str and args[1] in ("latin1", "latin-1")
    _expect(fine, "text of bytes in latin1", args[1:])
    return bytes(args[0], "latin1")


def _bytes(args: tuple[Any, ...]) -> bytes:
    _expect(not args, "empty bytes", [type(a).__name__ for a in args])
    return b""


def _bytearray(args: tuple[Any, ...]) -> bytearray:
    if len(args) == 2:
        return bytearray(_encode(args))
    _expect(not args or (len(args) == 1 and type(args[0]) is bytes), "bytes", [type(a).__name__ for a in args])
    return bytearray(*args)


def _complex(args: tuple[Any, ...]) -> complex:
    _expect(len(args) <= 2 and all(isinstance(a, (int, float)) for a in args), "two numbers", args)
    return complex(*args)


def _numpy_dtype(args: tuple[Any, ...]) -> Any:
    fine = bool(args) and type(args[0]) is str and re.fullmatch(r"[?]|b1|[biufc](1|2|4|8|16)", args[0]) is not None
    _expect(fine, "a NumPy type of numbers", args)
    return np.dtype(args[0])


def _is_numbers(dtype: Any) -> bool:
    return isinstance(dtype, np.dtype) and dtype.kind in "biufc"


def _numpy_scalar(args: tuple[Any, ...]) -> Any:
    fine = len(args) == 2 and _is_numbers(args[0]) and isinstance(args[1], bytes) and len(args[1]) == args[0].itemsize
    _expect(fine, "a NumPy type and its bytes", args)
    return np.frombuffer(args[1], args[0])[0]


def _numpy_array(args: tuple[Any, ...]) -> Any:
    _expect(len(args) == 3 and args[0] is np.ndarray, "a NumPy array", args)
    return np.empty(0, np.uint8)


def set_numpy(array: Any, state: Any) -> None:
    """Give an empty array the shape, type and bytes of its state."""
    if (
        isinstance(state, tuple) and len(state) == 5 and isinstance(state[4], str)
    ):  # Python 2's bytes, if they read as text
        state = (*state[:4], state[4].encode("utf-8", "surrogatepass"))
    fine = isinstance(state, tuple) and len(state) == 5 and _is_numbers(state[2]) and isinstance(state[4], bytes)
    _expect(fine, "the five parts of a NumPy array", type(state).__name__)
    _, shape, dtype, _, data = state
    fine = isinstance(shape, tuple) and len(shape) <= 32 and all(type(n) is int and 0 <= n < 2**48 for n in shape)
    _expect(fine, "a shape", shape)
    count = 1
    for n in shape:
        count *= n
    _expect(count * dtype.itemsize == len(data), f"{count * dtype.itemsize} bytes for a NumPy array", len(data))
    array.__setstate__(state)


class Maker:
    """A function of torch that the reader itself does the work of."""

    def __init__(self, name: str) -> None:
        self.name = name


def _table() -> tuple[dict[str, Any], dict[int, Callable[[tuple[Any, ...]], Any]]]:
    names: dict[str, Any] = {}
    calls: dict[int, Callable[[tuple[Any, ...]], Any]] = {}

    def add(places: str, value: Any, call: Callable[[tuple[Any, ...]], Any] | None = None) -> None:
        for place in places.split():
            names[place] = value
        if call is not None:
            calls[id(value)] = call

    for dtype in dtypes.ALL:
        add(f"torch.{dtype.name}", dtype)
        if dtype.name in _STORAGES:
            title = _STORAGES[dtype.name]
            add(f"torch.{title} torch.cuda.{title}", StorageType(title, dtype))
    add(UNTYPED, StorageType("UntypedStorage", None))
    for name in "tensor tensor_v2 tensor_v3 parameter parameter_with_state meta_tensor_no_storage".split():
        add(f"torch._utils._rebuild_{name}", Maker(name))
    add("torch._tensor._rebuild_from_type_v2", Maker("from_type_v2"))
    add("torch._utils._rebuild_sparse_tensor torch._utils._rebuild_sparse_csr_tensor", Maker("sparse_tensor"))
    add("torch.serialization._get_layout", Maker("layout"))
    add("torch.Tensor", Tensor)
    add("torch.nn.parameter.Parameter torch.nn.Parameter", Parameter)
    add("torch.nn.parameter.Buffer facula.tensors.parameter.Buffer", Buffer)
    add("torch.Size", Size, _size)
    add("torch.device", Device, _device)
    add("collections.OrderedDict", OrderedDict, _ordered)
    add("collections.Counter", Counter, _counter)
    add("builtins.set", set, lambda args: set(_items(args)))
    add("builtins.frozenset", frozenset, lambda args: frozenset(_items(args)))
    add("builtins.bytes", bytes, _bytes)
    add("builtins.bytearray", bytearray, _bytearray)
    add("builtins.complex", complex, _complex)
    add("_codecs.encode", Maker("encode"), _encode)
    add("numpy.dtype", np.dtype, _numpy_dtype)
    add("numpy.ndarray", np.ndarray)
    for number in (
        "Bool",
        "Int8",
        "Int16",
        "Int32",
        "Int64",
        "UInt8",
        "UInt16",
        "UInt32",
        "UInt64",
        "Float16",
        "Float32",
        "Float64",
    ):
        add(f"numpy.dtypes.{number}DType", type(np.dtype(number.lower())))
    for core in ("numpy.core", "numpy._core"):
        add(f"{core}.multiarray.scalar", names.get("numpy.core.multiarray.scalar", Maker("scalar")), _numpy_scalar)
        rebuilt = names.get("numpy.core.multiarray._reconstruct", Maker("reconstruct"))
        add(f"{core}.multiarray._reconstruct", rebuilt, _numpy_array)
    return names, calls


NAMES, CALLS = _table()


def find(name: str) -> Any:
    """The object behind a name, if it is known or allowed."""
    name = name.replace("__builtin__.", "builtins.", 1) if name.startswith("__builtin__.") else name
    if name in _allowed:
        return _allowed[name]
    if name in NAMES:
        return NAMES[name]
    if name.startswith("torch."):
        for value in _allowed.values():
            if _is_twin(value, name):
                return value
        for part, kind in _STRANGE.items():
            if part in name:
                raise Fault(
                    "tensors of the kinds that facula has", f"{kind} ({name[:200]})", "Convert them before saving."
                )
    raise Fault(
        "names that tensors and containers need",
        f"the global {name[:200]!r}, which could run any code",
        f"If you trust it, allow it: facula.serialization.add_safe_globals([{name.rpartition('.')[2][:80]}]), or "
        "`with safe_globals([...]):` around load.",
    )


_STRANGE = {
    "_rebuild_qtensor": "a quantized tensor", "torch.QU": "a quantized tensor", "torch.QI": "a quantized tensor",
    "_rebuild_nested_tensor": "a nested tensor", "torch.float8": "8-bit floating-point numbers", "torch.complex32": "complex32",
    "torch.ComplexHalf": "complex32", "_rebuild_wrapper_subclass": "a tensor subclass", "torch.bits": "untyped bits",
}  # fmt: skip


def _is_twin(value: Any, name: str) -> bool:
    """Whether an object of ours stands for one of torch's: the same name in the same room."""
    module, title = str(getattr(value, "__module__", "")), getattr(value, "__qualname__", None)
    room = name.split(".")[1]
    return module.startswith(f"facula.{room}.") and title == name.rpartition(".")[2]
