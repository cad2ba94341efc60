"""Lazy modules: layers that learn their input size from the first call, then become the ordinary layer."""

from __future__ import annotations

from typing import Any

from facula.errors import not_implemented_error, runtime_error
from facula.nn.module import Module
from facula.nn.uninitialized import is_lazy


class LazyModuleMixin(Module):
    """What makes a layer lazy: a pre-hook that reads the first input, and loading that accepts any shape.

    A subclass names the class it turns into (`cls_to_become`) and defines `initialize_parameters(*input)`.
    """

    cls_to_become: type[Module] | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._initialize_hook = self.register_forward_pre_hook(_initialize_from_input, with_kwargs=True)
        self._load_hook = self._register_load_state_dict_pre_hook(_accept_any_state, with_module=True)

    def has_uninitialized_params(self) -> bool:
        """Whether a parameter or buffer still lacks its shape."""
        return any(is_lazy(value) for value in (*self._parameters.values(), *self._buffers.values()))

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Give parameters and buffers the shapes that follow from the input."""
        raise not_implemented_error(
            f"{type(self).__name__}.initialize_parameters: expected the lazy class to define it, got none. Define it."
        )

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        for name, value in (*self._parameters.items(), *self._buffers.items()):
            if value is not None:
                destination[prefix + name] = value if is_lazy(value) or keep_vars else value.detach()

    def _replicate_for_data_parallel(self) -> None:
        raise runtime_error("lazy module: expected to be initialized before it is replicated. Call it once first.")


def _initialize_from_input(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    module.initialize_parameters(*args, **kwargs)
    if module.has_uninitialized_params():
        raise runtime_error(
            f"{type(module).__name__}: expected initialize_parameters to set every parameter, got one without. "
            "Materialize them all."
        )
    module._initialize_hook.remove()
    module._load_hook.remove()
    del module._initialize_hook, module._load_hook
    if not module._forward_pre_hooks and not module._forward_hooks:
        vars(module).pop("_hooked", None)  # calls take the short way from now on
    if module.cls_to_become is not None:
        module.__class__ = module.cls_to_become


def _accept_any_state(module: Any, state_dict: Any, prefix: str, *rest: Any) -> None:
    """A lazy parameter takes its shape from the state dict; a lazy entry of the state dict is left alone."""
    for name, value in (*module._parameters.items(), *module._buffers.items()):
        saved = state_dict.get(prefix + name)
        if saved is None or not is_lazy(value):
            continue
        if not is_lazy(saved):
            value.materialize(saved.shape)
