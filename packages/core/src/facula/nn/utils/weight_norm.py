"""The older `weight_norm`, which computes the weight before each forward; see `parametrizations.weight_norm`."""

from __future__ import annotations

import warnings
from typing import Any

from facula.errors import runtime_error, value_error
from facula.nn.module import Module
from facula.nn.utils.parametrizations import norm_except
from facula.tensors.parameter import Parameter
from facula.tensors.tensor import Tensor


class WeightNorm:
    """The hook that sets `<name>` to g * v / norm(v) of the parameters `<name>_g` and `<name>_v`."""

    def __init__(self, name: str, dim: int | None) -> None:
        self.name, self.dim = name, -1 if dim is None else dim

    def compute_weight(self, module: Module) -> Tensor:
        g, v = (getattr(module, f"{self.name}_{letter}") for letter in "gv")
        return v * (g / norm_except(v, self.dim))

    @staticmethod
    def apply(module: Module, name: str, dim: int | None) -> WeightNorm:
        if hook_of(module, WeightNorm, name) is not None:
            raise runtime_error(
                f"weight_norm: Cannot register two weight_norm hooks on the same parameter {name}, "
                "expected none there. Remove the first."
            )
        hook = WeightNorm(name, dim)
        weight = module._parameters.pop(name)
        module.register_parameter(f"{name}_g", Parameter(norm_except(weight.detach(), hook.dim)))
        module.register_parameter(f"{name}_v", Parameter(weight.detach()))
        setattr(module, name, hook.compute_weight(module))
        module.register_forward_pre_hook(hook)
        return hook

    def remove(self, module: Module) -> None:
        weight = self.compute_weight(module)
        for place in (self.name, f"{self.name}_g", f"{self.name}_v"):
            delattr(module, place)
        module.register_parameter(self.name, Parameter(weight.detach()))

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module))


def hook_of(module: Module, kind: type[Any], name: str) -> tuple[int, Any] | None:
    """The number and the hook of `kind` that looks after the parameter `name`."""
    for number, entry in module._forward_pre_hooks.items():
        if isinstance(entry.call, kind) and entry.call.name == name:
            return number, entry.call
    return None


def remove_hook(module: Module, kind: type[Any], title: str, name: str) -> Module:
    """Take the hook away and make the weight that it computes an ordinary parameter."""
    found = hook_of(module, kind, name)
    if found is None:
        raise value_error(f"{title} of '{name}' not found in {module}, expected one. Apply {title} first.")
    found[1].remove(module)
    del module._forward_pre_hooks[found[0]]
    return module


def weight_norm(module: Any, name: str = "weight", dim: int | None = 0) -> Any:
    """Learn length and direction of a weight apart: w = g * v / norm(v), with parameters `<name>_g` and `<name>_v`.

    Deprecated: `parametrizations.weight_norm` does it without hooks. The norm is over all dimensions but `dim`; over all
    for None. Source: Salimans and Kingma, Weight Normalization, 2016.

    >>> import facula, warnings
    >>> with warnings.catch_warnings(action="ignore"):
    ...     layer = facula.nn.utils.weight_norm(facula.nn.Linear(2, 3))
    >>> list(layer.state_dict())
    ['bias', 'weight_g', 'weight_v']
    """
    warnings.warn(
        "weight_norm: `nn.utils.weight_norm` is deprecated in favor of `nn.utils.parametrizations.weight_norm`.",
        FutureWarning,
        stacklevel=2,
    )
    WeightNorm.apply(module, name, dim)
    return module


def remove_weight_norm(module: Any, name: str = "weight") -> Any:
    """Make a weight of `weight_norm` an ordinary parameter again.

    Errors: ValueError where there is none.

    >>> import facula, warnings
    >>> with warnings.catch_warnings(action="ignore"):
    ...     layer = facula.nn.utils.weight_norm(facula.nn.Linear(2, 3))
    >>> list(facula.nn.utils.remove_weight_norm(layer).state_dict())
    ['bias', 'weight']
    """
    return remove_hook(module, WeightNorm, "weight_norm", name)
