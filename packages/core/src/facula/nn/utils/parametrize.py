"""Tensors of a module that are functions of other tensors: `module.weight = parametrization(original)`, computed when read."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from facula.autograd.state import no_grad
from facula.errors import runtime_error, value_error
from facula.nn.container import ModuleDict, ModuleList
from facula.nn.module import Module
from facula.tensors.parameter import Parameter
from facula.tensors.tensor import Tensor

__all__ = [
    "ParametrizationList", "cached", "is_parametrized", "register_parametrization", "remove_parametrizations",
    "transfer_parametrizations_and_params", "type_before_parametrizations",
]  # fmt: skip

_cache: dict[tuple[int, str], Any] = {}
_caching = 0


@contextmanager
def cached() -> Iterator[None]:
    """Compute each parametrized tensor once inside `with cached():`, e.g. for a recurrent cell that reads it each step.

    >>> import facula
    >>> from facula.nn.utils import parametrize
    >>> with parametrize.cached():
    ...     pass
    """
    global _caching
    _caching += 1
    try:
        yield
    finally:
        _caching -= 1
        if not _caching:
            _cache.clear()


def _register(module: Module, name: str, tensor: Tensor) -> None:
    if isinstance(tensor, Parameter):
        module.register_parameter(name, tensor)
    else:
        module.register_buffer(name, tensor)


def _check_alike(what: str, found: Any, wanted: Tensor) -> None:
    if not isinstance(found, Tensor):
        raise value_error(
            f"{what} must return a tensor, expected one like the original, got {type(found).__name__}. Return a Tensor."
        )
    if found.dtype is not wanted.dtype:
        raise value_error(
            f"{what} may not change the dtype of the tensor, expected {wanted.dtype}, got {found.dtype}. Pass unsafe=True to allow it."
        )
    if found.shape != wanted.shape:
        raise value_error(
            f"{what} may not change the shape of the tensor, expected {tuple(wanted.shape)}, got {tuple(found.shape)}. "
            "Pass unsafe=True to allow it."
        )


class ParametrizationList(ModuleList):
    """The functions that make one tensor, in order, and the original tensor (or tensors) they begin with.

    The last function's `right_inverse`, if it has one, is asked first for what gives the present value.

    >>> import facula
    >>> from facula.nn.utils import parametrizations, parametrize
    >>> layer = parametrizations.weight_norm(facula.nn.Linear(2, 3))
    >>> type(layer.parametrizations.weight).__name__, layer.parametrizations.weight.is_tensor
    ('ParametrizationList', False)
    """

    original: Tensor

    def __init__(self, modules: Sequence[Module], original: Tensor | Parameter, unsafe: bool = False) -> None:
        if not modules:
            raise value_error("ParametrizationList requires one or more modules, got none. Pass at least one.")
        super().__init__(modules)
        self.unsafe = unsafe
        wanted = original.detach()
        with no_grad():
            new: Any = original
            for module in reversed(list(self)):
                if hasattr(module, "right_inverse"):
                    try:
                        new = module.right_inverse(new)
                    except NotImplementedError:
                        continue  # the parametrization begins at the present value
        if not isinstance(new, (Tensor, Sequence)):
            raise value_error(
                f"'right_inverse' must return a Tensor or a Sequence of tensors, got {type(new).__name__}. Return one of these."
            )
        self.is_tensor = isinstance(new, Tensor)
        self.ntensors = 1 if self.is_tensor else len(new)
        if isinstance(new, Tensor):
            if new.dtype is not original.dtype:
                raise value_error(
                    "When `right_inverse` outputs one tensor, it may not change the dtype, expected "
                    f"{original.dtype}, got {new.dtype}. Convert it back."
                )
            original.data = new.detach()
            _register(self, "original", original)
        else:
            for i, part in enumerate(new):
                _register(self, f"original{i}", self._part(part, original))
        if not unsafe:
            _check_alike("A parametrization", self(), wanted)

    @staticmethod
    def _part(part: Any, original: Tensor) -> Tensor:
        if not isinstance(part, Tensor):
            raise value_error(
                f"'right_inverse' must return a Tensor or a Sequence of tensors, got one of {type(part).__name__}. Return tensors."
            )
        part = part.detach()
        return Parameter(part, original.requires_grad) if isinstance(original, Parameter) else part

    def _originals(self) -> list[Tensor]:
        if self.is_tensor:
            return [self.original]
        return [getattr(self, f"original{i}") for i in range(self.ntensors)]

    def right_inverse(self, value: Tensor) -> None:
        """Write into the originals what makes the parametrized tensor equal to `value`."""
        with no_grad():
            found: Any = value
            for module in reversed(list(self)):
                if not hasattr(module, "right_inverse"):
                    raise runtime_error(
                        f"parametrization {type(module).__name__} does not implement right_inverse, expected it for an "
                        "assignment. Define it, or write to the original."
                    )
                found = module.right_inverse(found)
            parts = [found] if self.is_tensor else found
            if not isinstance(parts, Sequence) or len(parts) != self.ntensors:
                raise value_error(
                    f"'right_inverse' must return a sequence of {self.ntensors} tensors, got {type(found).__name__}. Return as many "
                    "as at registration."
                )
            for target, part in zip(self._originals(), parts, strict=True):
                if not isinstance(part, Tensor) or part.dtype is not target.dtype:
                    raise value_error(
                        f"'right_inverse' must return tensors of dtype {target.dtype}, got {getattr(part, 'dtype', type(part))}. "
                        "Convert them."
                    )
                target.data = part.detach().clone()

    def forward(self) -> Any:
        modules = list(self)
        value = modules[0](*self._originals())
        for module in modules[1:]:
            value = module(value)
        return value


def _value_of(name: str) -> property:
    """What reading and assigning a parametrized tensor does."""

    def read(self: Any) -> Any:
        made = self.parametrizations[name]
        if not _caching:
            return made()
        key = (id(self), name)
        if key not in _cache:
            _cache[key] = made()
        return _cache[key]

    def assign(self: Any, value: Tensor) -> None:
        self.parametrizations[name].right_inverse(value)

    return property(read, assign)


def _with_own_class(module: Module) -> None:
    """Give a module a class of its own, where its parametrized tensors become properties."""
    base = type(module)

    def deepcopy(self: Any, memo: dict[int, Any]) -> Any:
        twin = object.__new__(base)
        memo[id(self)] = twin
        twin.__dict__.update(copy.deepcopy(self.__dict__, memo))
        _with_own_class(twin)
        for name in twin.parametrizations:
            setattr(type(twin), name, _value_of(name))
        return twin

    def reduced(self: Any, protocol: int) -> Any:
        raise runtime_error(
            "Serialization of parametrized modules is only supported through state_dict(), got the module. Save its state_dict()."
        )

    object.__setattr__(
        module,
        "__class__",
        type(f"Parametrized{base.__name__}", (base,), {"__deepcopy__": deepcopy, "__reduce_ex__": reduced}),
    )


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether a module has parametrizations (of one tensor).

    >>> import facula
    >>> from facula.nn.utils import parametrizations, parametrize
    >>> layer = parametrizations.weight_norm(facula.nn.Linear(2, 3))
    >>> parametrize.is_parametrized(layer), parametrize.is_parametrized(layer, "bias")
    (True, False)
    """
    found = getattr(module, "parametrizations", None)
    if not isinstance(found, ModuleDict):
        return False
    return len(found) > 0 if tensor_name is None else tensor_name in found


def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """Let `module.<tensor_name>` be `parametrization(original)` from now on; a second one is applied to the first's result.

    If the parametrization has a `right_inverse`, the value stays what it was and may be assigned to. Unless `unsafe`, shape
    and dtype may not change.

    >>> import facula
    >>> from facula.nn.utils import parametrize
    >>> class Symmetric(facula.nn.Module):
    ...     def forward(self, x):
    ...         return x.triu() + x.triu(1).transpose(-1, -2)
    >>> layer = parametrize.register_parametrization(facula.nn.Linear(3, 3), "weight", Symmetric())
    >>> facula.equal(layer.weight, layer.weight.t())
    True
    >>> list(layer.state_dict())
    ['bias', 'parametrizations.weight.original']
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        made: Any = module.parametrizations[tensor_name]
        if not unsafe:
            present = getattr(module, tensor_name)
            _check_alike("A parametrization", parametrization(present), present)
            if hasattr(parametrization, "right_inverse"):
                _check_alike("right_inverse", parametrization.right_inverse(parametrization(present)), present)
        made.append(parametrization)
        made.unsafe |= unsafe
    elif tensor_name in module._buffers or tensor_name in module._parameters:
        made = ParametrizationList([parametrization], getattr(module, tensor_name), unsafe)
        delattr(module, tensor_name)
        if not is_parametrized(module):
            _with_own_class(module)
            module.parametrizations = ModuleDict()
        module.parametrizations[tensor_name] = made
        setattr(type(module), tensor_name, _value_of(tensor_name))
    else:
        raise value_error(
            f"Module '{module}' does not have a parameter, a buffer, or a parametrized element with name '{tensor_name}'. "
            "Register it first."
        )
    return module


def remove_parametrizations(module: Module, tensor_name: str, leave_parametrized: bool = True) -> Module:
    """Make a parametrized tensor an ordinary one again: with its present value, or with the original's.

    >>> import facula
    >>> from facula.nn.utils import parametrizations, parametrize
    >>> layer = parametrizations.weight_norm(facula.nn.Linear(2, 3))
    >>> list(parametrize.remove_parametrizations(layer, "weight").state_dict())
    ['bias', 'weight']
    """
    if not is_parametrized(module, tensor_name):
        raise value_error(
            f"Module {module} does not have a parametrization on {tensor_name}, expected one. Check the name."
        )
    table: Any = module.parametrizations
    made = table[tensor_name]
    if made.is_tensor:
        original = made.original
        if leave_parametrized:
            with no_grad():
                original.data = getattr(module, tensor_name).detach().clone()
    elif leave_parametrized:
        value = getattr(module, tensor_name)
        original = Parameter(value.detach().clone()) if value.requires_grad else value
    else:
        raise value_error(
            "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is parametrized in terms of a sequence of "
            "tensors. Leave it parametrized."
        )
    delattr(type(module), tensor_name)
    del table[tensor_name]
    _register(module, tensor_name, original)
    if not is_parametrized(module):
        del module.parametrizations
        object.__setattr__(module, "__class__", type(module).__bases__[0])
    return module


def type_before_parametrizations(module: Module) -> type:
    """The class that a module had before parametrizations gave it its own.

    >>> import facula
    >>> from facula.nn.utils import parametrizations, parametrize
    >>> layer = parametrizations.weight_norm(facula.nn.Linear(2, 3))
    >>> parametrize.type_before_parametrizations(layer).__name__
    'Linear'
    """
    return type(module).__bases__[0] if is_parametrized(module) else type(module)


def transfer_parametrizations_and_params(
    from_module: Module, to_module: Module, tensor_name: str | None = None
) -> Module:
    """Give `to_module` the parametrizations of `from_module` and copies of the originals behind them.

    >>> import facula
    >>> from facula.nn.utils import parametrizations, parametrize
    >>> layer = parametrizations.weight_norm(facula.nn.Linear(2, 3))
    >>> other = parametrize.transfer_parametrizations_and_params(layer, facula.nn.Linear(2, 3))
    >>> facula.equal(other.weight, layer.weight)
    True
    """
    if not is_parametrized(from_module):
        return to_module
    assert isinstance(from_module.parametrizations, ModuleDict)
    names = list(from_module.parametrizations) if tensor_name is None else [tensor_name]
    for name in names:
        if not hasattr(to_module, name):
            setattr(to_module, name, Parameter(getattr(from_module, name).detach().clone()))
        source: Any = from_module.parametrizations[name]
        for function in source:
            register_parametrization(to_module, name, function, unsafe=source.unsafe)
        target: Any = to_module.parametrizations[name]
        for mine, other in zip(target._originals(), source._originals(), strict=True):
            mine.data = other.detach().clone()
    return to_module
