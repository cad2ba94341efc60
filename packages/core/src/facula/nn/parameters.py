"""Containers of parameters: ParameterList and ParameterDict."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self

from facula.errors import index_error, runtime_error, type_error, value_error
from facula.nn.module import Module, _addindent
from facula.tensors.parameter import Parameter
from facula.tensors.tensor import Tensor


def _as_parameter(value: Any) -> Any:
    """Plain tensors become parameters; everything else is kept as it is."""
    return Parameter(value) if isinstance(value, Tensor) and not isinstance(value, Parameter) else value


def _describe(value: Any) -> str:
    """One line for `repr`: kind, dtype and size of a tensor, or the object itself."""
    if not isinstance(value, Tensor):
        return _addindent(f"Object of type: {type(value).__name__}", 2)
    size = "x".join(str(n) for n in value.shape)
    kind = "Parameter" if isinstance(value, Parameter) else type(value).__name__
    name = str(value.dtype) if isinstance(value, Parameter) else value.dtype
    place = "" if value.device.type == "cpu" else f" ({value.device})"
    return f"{kind} containing: [{name} of size {size}{place}]"


class ParameterList(Module):
    """A list of parameters that are registered with the module.

    >>> import facula
    >>> weights = facula.nn.ParameterList([facula.zeros(2, 2), facula.ones(3)])
    >>> [tuple(p.shape) for p in weights]
    [(2, 2), (3,)]
    """

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        super().__init__()
        self._size = 0
        if values is not None:
            self.extend(values)

    def _position(self, index: int) -> str:
        if not -self._size <= index < self._size:
            raise index_error(f"index {index} is out of range for ParameterList of length {self._size}")
        return str(index % self._size)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return type(self)(list(self)[index])
        return getattr(self, self._position(index))

    def __setitem__(self, index: int, value: Any) -> None:
        setattr(self, self._position(index), _as_parameter(value))

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Any]:
        return iter([getattr(self, str(number)) for number in range(self._size)])

    def __iadd__(self, values: Iterable[Any]) -> Self:
        return self.extend(values)

    def append(self, value: Any) -> Self:
        """Add a value at the end; a plain tensor becomes a Parameter."""
        self._size += 1
        self[-1] = value
        return self

    def extend(self, values: Iterable[Any]) -> Self:
        """Add several values at the end."""
        if not isinstance(values, Iterable) or isinstance(values, Tensor):
            raise type_error(
                f"ParameterList.extend: expected an iterable of values, got {type(values).__name__}. Use append."
            )
        for value in list(values):
            self.append(value)
        return self

    def extra_repr(self) -> str:
        return "\n".join(f"  ({number}): {_describe(value)}" for number, value in enumerate(self))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise runtime_error("ParameterList: expected to be read, got a call. Index it instead.")


class ParameterDict(Module):
    """A dictionary of parameters that are registered with the module.

    >>> import facula
    >>> weights = facula.nn.ParameterDict({"left": facula.zeros(2), "right": facula.ones(3)})
    >>> sorted(weights)
    ['left', 'right']
    """

    def __init__(self, parameters: Any = None) -> None:
        super().__init__()
        self._keys: dict[str, None] = {}
        if parameters is not None:
            self.update(parameters)

    def _check_key(self, key: Any) -> str:
        if not isinstance(key, str):
            raise type_error(f"ParameterDict: expected a str as key, got {type(key).__name__}. Convert it with str().")
        return key

    def __getitem__(self, key: str) -> Any:
        if key not in self._keys:
            raise KeyError(key)
        return getattr(self, self._check_key(key))

    def __setitem__(self, key: str, value: Any) -> None:
        setattr(self, self._check_key(key), _as_parameter(value))
        self._keys[key] = None

    def __delitem__(self, key: str) -> None:
        del self._keys[key]
        delattr(self, key)

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __reversed__(self) -> Iterator[str]:
        return reversed(list(self._keys))

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def copy(self) -> ParameterDict:
        """A new dictionary with the same parameters."""
        return ParameterDict({key: self[key] for key in self._keys})

    def setdefault(self, key: str, default: Any = None) -> Any:
        """The value under `key`, which becomes `default` if there is none."""
        if key not in self._keys:
            self[key] = default
        return self[key]

    def clear(self) -> None:
        """Remove every value."""
        for key in list(self._keys):
            del self[key]

    def pop(self, key: str) -> Any:
        """Remove and return the value under `key`."""
        value = self[key]
        del self[key]
        return value

    def popitem(self) -> tuple[str, Any]:
        """Remove and return the pair that was added last."""
        key = next(reversed(self._keys))
        return key, self.pop(key)

    def get(self, key: str, default: Any = None) -> Any:
        """The value under `key`, or `default`."""
        return self[key] if key in self._keys else default

    def fromkeys(self, keys: Iterable[str], default: Any = None) -> ParameterDict:
        """A new dictionary with `default` under every key."""
        return ParameterDict(dict.fromkeys(keys, default))

    def keys(self) -> Any:
        """The keys, in order of insertion."""
        return self._keys.keys()

    def items(self) -> Any:
        """Pairs of key and value."""
        return ((key, self[key]) for key in self._keys)

    def values(self) -> Any:
        """The values."""
        return (self[key] for key in self._keys)

    def update(self, parameters: Any) -> None:
        """Add the values of a mapping or of pairs."""
        if not isinstance(parameters, Iterable):
            raise type_error(
                f"ParameterDict.update: expected a mapping or pairs of key and value, got {type(parameters).__name__}. "
                "Pass a dict."
            )
        pairs = parameters.items() if isinstance(parameters, (Mapping, ParameterDict)) else parameters
        for number, pair in enumerate(pairs):
            if not isinstance(pair, (tuple, list)) or len(pair) != 2:
                raise value_error(
                    f"ParameterDict.update: expected pairs (key, value), got {pair!r} at {number}. Pass a dict."
                )
            self[pair[0]] = pair[1]

    def extra_repr(self) -> str:
        return "\n".join(f"  ({key}): {_describe(value)}" for key, value in self.items())

    def __or__(self, other: ParameterDict) -> ParameterDict:
        merged = self.copy()
        merged.update(other)
        return merged

    def __ior__(self, other: ParameterDict) -> Self:
        self.update(other)
        return self

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise runtime_error("ParameterDict: expected to be read, got a call. Index it instead.")
