"""Containers of modules: Sequential, ModuleList, ModuleDict and the old Container."""

from __future__ import annotations

import operator
import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self, overload

from facula.errors import assertion_error, index_error, type_error, value_error
from facula.nn.module import Module, _addindent


def _position(owner: Module, index: Any, end: int | None = None) -> int:
    """`index` as a number from 0, or IndexError."""
    length = len(owner._module_names)
    try:
        position = operator.index(index)
    except TypeError:
        raise type_error(
            f"{type(owner).__name__}: expected an integer or a slice, got {type(index).__name__}. Use a number."
        ) from None
    if not -length <= position < length:
        raise index_error(
            f"index {position} is out of range for {type(owner).__name__} of length {length}. Use {-length} to {length - 1}."
        )
    return position % length


def _replace(owner: Module, pairs: Iterable[tuple[str, Any]]) -> None:
    """Make `pairs` the children of `owner`; those whose name is a number are named by their new position."""
    kept = list(pairs)
    members = owner._modules
    for name in list(members):
        del members[name]
    for number, (name, module) in enumerate(kept):
        owner.add_module(str(number) if name.isdigit() else name, module)


class Sequential(Module):
    """Modules called one after the other: `out = last(...second(first(input)))`.

    Takes modules, or one OrderedDict of named modules. An empty Sequential returns its input.

    Shape: that of the first module -> that of the last.

    >>> import facula
    >>> facula.nn.Sequential(facula.nn.Linear(4, 3), facula.nn.ReLU())(facula.ones(2, 4)).shape
    facula.Size([2, 3])
    """

    def __init__(self, *args: Any) -> None:
        super().__init__()
        named = args[0].items() if len(args) == 1 and isinstance(args[0], dict) else enumerate(args)
        for name, module in named:
            self.add_module(str(name), module)

    def forward(self, input: Any) -> Any:
        values = self.__dict__
        for name in self._module_names:
            input = values[name](input)
        return input

    def _name_at(self, index: Any) -> str:
        return list(self._module_names)[_position(self, index)]

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return type(self)(dict(list(self._modules.items())[index]))
        return self._modules[self._name_at(index)]

    def __setitem__(self, index: Any, module: Module) -> None:
        setattr(self, self._name_at(index), module)

    def __delitem__(self, index: Any) -> None:
        names = list(self._module_names)
        for name in names[index] if isinstance(index, slice) else [self._name_at(index)]:
            delattr(self, name)
        _replace(self, list(self._modules.items()))

    def __len__(self) -> int:
        return len(self._module_names)

    def __iter__(self) -> Iterator[Module]:
        return iter(self._modules.values())

    def __add__(self, other: Iterable[Module]) -> Sequential:
        return Sequential(*self, *self._sequence(other))

    def __iadd__(self, other: Iterable[Module]) -> Self:
        return self.extend(self._sequence(other))

    def __mul__(self, times: int) -> Sequential:
        return Sequential(*(list(self) * self._times(times)))

    __rmul__ = __mul__

    def __imul__(self, times: int) -> Self:
        return self.extend(list(self) * (self._times(times) - 1))

    def _sequence(self, other: Any) -> list[Module]:
        if not isinstance(other, Sequential):
            raise value_error(f"Sequential +: expected another Sequential, got {type(other).__name__}. Wrap it first.")
        return list(other)

    def _times(self, times: Any) -> int:
        if not isinstance(times, int):
            raise type_error(
                f"Sequential *: expected an int, got {type(times).__name__}. Repeat a whole number of times."
            )
        if times <= 0:
            raise value_error(f"Sequential *: expected a positive number, got {times}. Repeat at least once.")
        return times

    def append(self, module: Module) -> Self:
        """Add a module at the end."""
        self.add_module(str(len(self)), module)
        return self

    def insert(self, index: int, module: Module) -> Self:
        """Put a module before position `index`; the later ones are renumbered."""
        if not isinstance(module, Module):
            raise assertion_error(f"insert: expected a Module, got {type(module).__name__}. Pass a Module.")
        if not -len(self) <= index <= len(self):
            raise index_error(
                f"insert: index {index} is out of range for Sequential of length {len(self)}. Use append()."
            )
        pairs = list(self._modules.items())
        pairs.insert(index, ("0", module))
        _replace(self, pairs)
        return self

    def extend(self, sequential: Iterable[Module]) -> Self:
        """Add several modules at the end."""
        for module in list(sequential):
            self.append(module)
        return self

    def pop(self, key: int | slice) -> Module:
        """Remove and return the module at `key`."""
        module = self[key]
        del self[key]
        return module


class ModuleList(Module):
    """A list of modules whose parameters are registered; it has no forward of its own.

    >>> import facula
    >>> layers = facula.nn.ModuleList([facula.nn.Linear(2, 2) for _ in range(3)])
    >>> len(layers), len(list(layers.parameters()))
    (3, 6)
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.extend(modules)

    @overload
    def __getitem__(self, index: slice) -> Self: ...
    @overload
    def __getitem__(self, index: int) -> Any: ...
    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return type(self)(list(self)[index])
        return self._modules[str(_position(self, index))]

    def __setitem__(self, index: int, module: Module) -> None:
        setattr(self, str(_position(self, index)), module)

    def __delitem__(self, index: int | slice) -> None:
        kept = list(self._modules.items())
        if not isinstance(index, slice):
            index = _position(self, index)
        del kept[index]
        _replace(self, kept)

    def __len__(self) -> int:
        return len(self._module_names)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._modules.values())

    def __iadd__(self, modules: Iterable[Module]) -> Self:
        return self.extend(modules)

    def __add__(self, other: Iterable[Module]) -> ModuleList:
        return ModuleList([*self, *other])

    def insert(self, index: int, module: Module) -> None:
        """Put a module before position `index`."""
        pairs = list(self._modules.items())
        pairs.insert(index, ("0", module))
        _replace(self, pairs)

    def append(self, module: Module | None) -> Self:
        """Add a module at the end."""
        self.add_module(str(len(self)), module)
        return self

    def pop(self, key: int | slice) -> Any:
        """Remove and return the module at `key`."""
        module = self[key]
        del self[key]
        return module

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add several modules at the end."""
        if not isinstance(modules, Iterable):
            raise type_error(
                f"ModuleList.extend: expected an iterable of modules, got {type(modules).__name__}. Use append for one."
            )
        for module in list(modules):
            self.append(module)
        return self

    def __repr__(self) -> str:
        """Equal neighbours are shown once, with how many there are."""
        groups: list[tuple[int, int, str]] = []
        for number, text in enumerate(repr(module) for module in self):
            if groups and groups[-1][2] == text:
                groups[-1] = (groups[-1][0], number, text)
            else:
                groups.append((number, number, text))
        if not groups:
            return f"{self._get_name()}()"
        lines = []
        for first, last, text in groups:
            where = f"({first})" if first == last else f"({first}-{last})"
            count = "" if first == last else f"{last - first + 1} x "
            lines.append(f"  {where}: {count}{_addindent(text, 2)}\n")
        return f"{self._get_name()}(\n{''.join(lines)})"


class ModuleDict(Module):
    """A dictionary of modules whose parameters are registered.

    >>> import facula
    >>> heads = facula.nn.ModuleDict({"a": facula.nn.Linear(2, 1), "b": facula.nn.Linear(2, 3)})
    >>> heads["b"](facula.ones(4, 2)).shape
    facula.Size([4, 3])
    """

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key: str) -> Any:
        return self._modules[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        del self._modules[key]

    def __len__(self) -> int:
        return len(self._module_names)

    def __iter__(self) -> Iterator[str]:
        return iter(self._module_names)

    def __contains__(self, key: object) -> bool:
        return key in self._module_names

    def clear(self) -> None:
        """Remove every module."""
        self._modules.clear()

    def pop(self, key: str) -> Any:
        """Remove and return the module under `key`."""
        module = self[key]
        del self[key]
        return module

    def keys(self) -> Any:
        """The names."""
        return self._modules.keys()

    def items(self) -> Any:
        """Pairs of name and module."""
        return self._modules.items()

    def values(self) -> Any:
        """The modules."""
        return self._modules.values()

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        """Add the modules of a mapping or of pairs; existing names are replaced."""
        if not isinstance(modules, Iterable):
            raise type_error(
                f"ModuleDict.update: expected a mapping or pairs of name and module, got {type(modules).__name__}. "
                "Pass a dict."
            )
        pairs = modules.items() if isinstance(modules, (Mapping, ModuleDict)) else modules
        for number, pair in enumerate(pairs):
            if not isinstance(pair, (tuple, list)) or len(pair) != 2:
                raise value_error(
                    f"ModuleDict.update: expected pairs (name, module), got {pair!r} at position {number}. Pass a dict."
                )
            self[pair[0]] = pair[1]


class Container(Module):
    """A module made of the given modules by name; deprecated, since every Module holds what is assigned to it.

    Shape: as its subclass says.

    >>> import facula, warnings
    >>> with warnings.catch_warnings(action="ignore"):
    ...     list(dict(facula.nn.Container(first=facula.nn.ReLU()).named_children()))
    ['first']
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__()
        warnings.warn(
            "`nn.Container` is deprecated. All of its functionality is now implemented in `nn.Module`. Subclass that instead.",
            FutureWarning,
            stacklevel=2,
        )
        for name, module in kwargs.items():
            self.add_module(name, module)
