"""Module, the base of every layer and network: its state is its attributes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any, Self

from facula.dtypes import dtype as DType
from facula.errors import located, not_implemented_error, runtime_error, type_error, value_error
from facula.nn import hooks as _hooks
from facula.nn.conversion import move_module, parse_to
from facula.nn.failure import name_failure
from facula.nn.members import Members
from facula.nn.state import IncompatibleKeys, StateDict, load_own_state, load_state, own_layout, save_own_state
from facula.tensors.parameter import Buffer, Parameter
from facula.tensors.tensor import Tensor

_Named = Iterator[tuple[str, Any]]


class Module:
    """Base class of layers and networks; parameters, buffers and children are found by assignment.

    A subclass calls `super().__init__()`, assigns its parts as attributes and defines `forward`. Calling the module
    runs its hooks and `forward`; an error raised inside names the path of the module that failed.

    >>> import facula
    >>> class Twice(facula.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.inner = facula.nn.Linear(3, 2)
    ...     def forward(self, input):
    ...         return 2 * self.inner(input)
    >>> [name for name, _ in Twice().named_parameters()]
    ['inner.weight', 'inner.bias']
    """

    training: bool
    _version: int = 1
    _hooked: bool = False  # set on the instance (or for all, by global hooks) when a call must look for hooks

    def __init__(self) -> None:
        state = self.__dict__
        state["training"] = True
        state["_parameter_names"] = {}
        state["_buffer_names"] = {}
        state["_module_names"] = {}
        state["_non_persistent_buffers_set"] = set()
        for table in (
            "_forward_hooks",
            "_forward_pre_hooks",
            "_backward_hooks",
            "_backward_pre_hooks",
            "_state_dict_hooks",
            "_state_dict_pre_hooks",
            "_load_state_dict_pre_hooks",
            "_load_state_dict_post_hooks",
        ):
            state[table] = {}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(own_layout(state))

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the module's output; every subclass defines it."""
        raise not_implemented_error(
            f"{type(self).__name__}.forward: expected the class to define it, got none. Define forward(self, input)."
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            if self._hooked:
                return _hooks.call_with_hooks(self, args, kwargs)
            return self.forward(*args, **kwargs)
        except Exception as error:
            name_failure(error, self)
            raise

    @property
    def _parameters(self) -> Members[Any]:
        return Members(self, self.__dict__["_parameter_names"])

    @property
    def _buffers(self) -> Members[Any]:
        return Members(self, self.__dict__["_buffer_names"])

    @property
    def _modules(self) -> Members[Any]:
        return Members(self, self.__dict__["_module_names"])

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(
            f"'{type(self).__name__}' object has no attribute '{name}'. Assign it in __init__.", name=name, obj=self
        )

    def __setattr__(self, name: str, value: Any) -> None:
        state = self.__dict__
        if isinstance(value, Parameter):
            self._forget(name, "_buffer_names", "_module_names")
            self.register_parameter(name, value)
        elif isinstance(value, Module):
            self._forget(name, "_parameter_names", "_buffer_names")
            state["_module_names"][name] = None
            for hook in _hooks.global_hooks.module_registration.values():
                replaced = hook(self, name, value)
                value = value if replaced is None else replaced
            state[name] = value
        elif isinstance(value, Buffer) and name not in state.get("_buffer_names", ()):
            self._forget(name, "_parameter_names", "_module_names")
            self.register_buffer(name, value, getattr(value, "persistent", True))
        elif name in state.get("_parameter_names", ()):
            self._check_slot(name, value, "parameter", "facula.nn.Parameter", value is None)
            state[name] = None
        elif name in state.get("_module_names", ()):
            self._check_slot(name, value, "child module", "facula.nn.Module", value is None)
            state[name] = None
        elif name in state.get("_buffer_names", ()):
            self._check_slot(name, value, "buffer", "facula.Tensor", value is None or isinstance(value, Tensor))
            for hook in _hooks.global_hooks.buffer_registration.values():
                replaced = hook(self, name, value)
                value = value if replaced is None else replaced
            state[name] = value
        else:
            object.__setattr__(self, name, value)

    def _forget(self, name: str, *kinds: str) -> None:
        """Drop `name` from other kinds of member before it is registered as a new one."""
        state = self.__dict__
        if "_parameter_names" not in state:
            raise located(
                AttributeError(
                    f"{type(self).__name__}: cannot assign '{name}' before Module.__init__() has run. "
                    "Call super().__init__() first."
                )
            )
        for kind in kinds:
            state[kind].pop(name, None)
        state["_non_persistent_buffers_set"].discard(name)
        if name not in state["_parameter_names"] and name not in state["_module_names"]:
            state.pop(name, None)

    def _check_slot(self, name: str, value: Any, kind: str, wanted: str, allowed: bool) -> None:
        if not allowed:
            fix = (
                f"Wrap it: {wanted}(tensor)"
                if isinstance(value, Tensor)
                else f"Use another name, or assign None to '{name}'"
            )
            raise type_error(
                f"{type(self).__name__}: cannot assign '{type(value).__name__}' as {kind} '{name}', expected {wanted} or None. {fix}."
            )

    def __delattr__(self, name: str) -> None:
        for kind in ("_parameter_names", "_buffer_names", "_module_names"):
            self.__dict__[kind].pop(name, None)
        self._non_persistent_buffers_set.discard(name)
        object.__delattr__(self, name)

    def _check_new_name(self, name: Any, members: MutableMapping[str, Any], kind: str) -> None:
        if "_parameter_names" not in self.__dict__:
            raise located(
                AttributeError(f"cannot assign {kind} before Module.__init__() call. Call super().__init__() first.")
            )
        if not isinstance(name, str):
            raise type_error(f"{kind} name: expected a string, got {type(name).__name__}. Pass a str.")
        if "." in name:
            raise located(KeyError(f"{kind} name can't contain a dot, got {name}. Register it on the child itself."))
        if name == "":
            raise located(KeyError(f"{kind} name can't be empty. Give it a name."))
        if hasattr(self, name) and name not in members:
            raise located(KeyError(f"{type(self).__name__}: attribute '{name}' already exists. Choose another name."))

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter under `name`; None reserves the name (it is skipped by `parameters()`)."""
        members = self._parameters if "_parameter_names" in self.__dict__ else {}
        self._check_new_name(name, members, "parameter")
        if param is not None and not isinstance(param, Parameter):
            raise type_error(
                f"register_parameter: expected facula.nn.Parameter or None for '{name}', got {type(param).__name__}. "
                "Wrap it in Parameter(...)."
            )
        if param is not None and not param.is_leaf:
            raise value_error(
                f"register_parameter: expected a leaf for '{name}', got the result of {param.grad_fn}. "
                "Compute it in forward() instead."
            )
        for hook in _hooks.global_hooks.parameter_registration.values():
            replaced = hook(self, name, param)
            param = param if replaced is None else replaced
        members[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that is state but not trained; only persistent buffers enter the `state_dict`."""
        members = self._buffers if "_buffer_names" in self.__dict__ else {}
        self._check_new_name(name, members, "buffer")
        if tensor is not None and not isinstance(tensor, Tensor):
            raise type_error(
                f"register_buffer: expected a Tensor or None for '{name}', got {type(tensor).__name__}. "
                "Make it with facula.tensor(...)."
            )
        for hook in _hooks.global_hooks.buffer_registration.values():
            replaced = hook(self, name, tensor)
            tensor = tensor if replaced is None else replaced
        members[name] = tensor
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def add_module(self, name: str, module: Module | None) -> None:
        """Add a child module under `name`."""
        if module is not None and not isinstance(module, Module):
            raise type_error(
                f"add_module: expected a Module or None for '{name}', got {type(module).__name__}. "
                "Derive its class from facula.nn.Module."
            )
        members = self._modules if "_module_names" in self.__dict__ else {}
        self._check_new_name(name, members, "module")
        for hook in _hooks.global_hooks.module_registration.values():
            replaced = hook(self, name, module)
            module = module if replaced is None else replaced
        members[name] = module

    def register_module(self, name: str, module: Module | None) -> None:
        """The same as `add_module`."""
        self.add_module(name, module)

    def get_submodule(self, target: str) -> Module:
        """The module at a dotted path, e.g. `encoder.layers.0`; the module itself for the empty path."""
        module: Module = self
        for part in target.split(".") if target else ():
            if not hasattr(module, part):
                raise AttributeError(f"{type(module).__name__} has no attribute `{part}` (looking for '{target}')")
            module = getattr(module, part)
            if not isinstance(module, Module):
                raise AttributeError(f"`{part}` is not an nn.Module (looking for '{target}')")
        return module

    def set_submodule(self, target: str, module: Module, strict: bool = False) -> None:
        """Replace the module at a dotted path; with `strict` it must exist."""
        if not target:
            raise value_error("set_submodule: expected a non-empty path, got ''. Name the child to replace.")
        parent_path, _, name = target.rpartition(".")
        parent = self.get_submodule(parent_path)
        if strict and not hasattr(parent, name):
            raise AttributeError(f"{type(parent).__name__} has no attribute `{name}` (looking for '{target}')")
        if not isinstance(module, Module):
            raise value_error(f"set_submodule: expected a Module, got {type(module).__name__}. Pass a Module.")
        if hasattr(parent, name) and not isinstance(getattr(parent, name), Module):
            raise AttributeError(f"`{name}` is not an nn.Module (looking for '{target}')")
        setattr(parent, name, module)

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at a dotted path."""
        return self._get_tensor(target, "_parameter_names", "nn.Parameter")  # type: ignore[return-value]

    def get_buffer(self, target: str) -> Tensor:
        """The buffer at a dotted path."""
        return self._get_tensor(target, "_buffer_names", "buffer")

    def _get_tensor(self, target: str, kind: str, title: str) -> Tensor:
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if not hasattr(module, name):
            raise AttributeError(f"{type(module).__name__} has no attribute `{name}` (looking for '{target}')")
        if name not in module.__dict__[kind]:
            raise AttributeError(f"`{name}` is not an {title}" if title[0] in "n" else f"`{name}` is not a {title}")
        return module.__dict__[name]

    def get_extra_state(self) -> Any:
        """State beyond tensors that a subclass wants in the `state_dict`; define it with `set_extra_state`."""
        raise runtime_error(
            f"get_extra_state: expected {type(self).__name__} to define it, got the default. Define both methods."
        )

    def set_extra_state(self, state: Any) -> None:
        """Take back what `get_extra_state` gave."""
        raise runtime_error(
            f"set_extra_state: expected {type(self).__name__} to define it, got the default. Define both methods."
        )

    def _named_members(
        self,
        get_members: Callable[[Module], Any],
        prefix: str = "",
        recurse: bool = True,
        remove_duplicate: bool = True,
    ) -> _Named:
        seen: set[int] = set()
        modules = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate) if recurse else [(prefix, self)]
        for path, module in modules:
            for name, value in get_members(module):
                if value is None or id(value) in seen:
                    continue
                if remove_duplicate:
                    seen.add(id(value))
                yield (f"{path}.{name}" if path else name), value

    def named_parameters(self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True) -> _Named:
        """Pairs of dotted name and parameter; each parameter once unless `remove_duplicate` is False."""
        return self._named_members(lambda module: module._parameters.items(), prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The parameters, each once; what an optimizer is given."""
        for _, parameter in self.named_parameters(recurse=recurse):
            yield parameter

    def named_buffers(self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True) -> _Named:
        """Pairs of dotted name and buffer."""
        return self._named_members(lambda module: module._buffers.items(), prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """The buffers, each once."""
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Pairs of name and immediate child, each child once."""
        seen: set[int] = set()
        for name, module in self._modules.items():
            if module is not None and id(module) not in seen:
                seen.add(id(module))
                yield name, module

    def children(self) -> Iterator[Module]:
        """The immediate children, each once."""
        for _, module in self.named_children():
            yield module

    def named_modules(
        self, memo: set[Any] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Any]]:
        """Pairs of dotted name and module, this one first (under the empty name) and then depth first."""
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        values = self.__dict__
        for name in tuple(self._module_names):
            module = values.get(name)
            if module is not None:
                yield from module.named_modules(memo, f"{prefix}.{name}" if prefix else name, remove_duplicate)

    def modules(self) -> Iterator[Module]:
        """This module and all below it, each once."""
        for _, module in self.named_modules():
            yield module

    def train(self, mode: bool = True) -> Self:
        """Set training mode (dropout drops, batch norm uses the batch) here and below."""
        if not isinstance(mode, bool):
            raise value_error(f"train: training mode is expected to be boolean, got {mode!r}. Pass True or False.")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self) -> Self:
        """Set evaluation mode here and below."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Freeze or unfreeze all parameters."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters, or fill them with zeros."""
        for parameter in self.parameters():
            if set_to_none or parameter.grad is None:
                parameter.grad = None
            else:
                parameter.grad = parameter.grad.detach()
                parameter.grad.zero_()

    def apply(self, fn: Callable[[Module], None]) -> Self:
        """Call `fn` on every module below and then on this one; typical for initialisation."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        move_module(self, fn, recurse)
        return self

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Move to a device and, floating-point members, to a dtype: `to(device)`, `to(dtype)`, `to(tensor)`."""
        device, dtype = parse_to(args, kwargs)

        def convert(tensor: Tensor) -> Tensor:
            wanted = dtype if tensor.is_floating_point() or tensor.is_complex() else None
            return tensor.to(device=device, dtype=wanted)

        return self._apply(convert)

    def to_empty(self, *, device: Any, recurse: bool = True) -> Self:
        """Move to a device without the values, e.g. from `meta`; fill them afterwards."""
        from facula.ops import empty_like

        return self._apply(lambda tensor: empty_like(tensor, device=device), recurse)

    def cpu(self) -> Self:
        """Move to the CPU."""
        return self.to("cpu")

    def cuda(self, device: Any = None) -> Self:
        """Move to a CUDA device (the current one by default)."""
        return self.to("cuda" if device is None else f"cuda:{device}" if isinstance(device, int) else device)

    def type(self, dst_type: DType) -> Self:
        """Convert every parameter and buffer to `dst_type`."""
        return self._apply(lambda tensor: tensor.to(dst_type))

    def _to_floating(self, wanted: str) -> Self:
        from facula import dtypes

        target = getattr(dtypes, wanted)
        return self._apply(lambda tensor: tensor.to(target) if tensor.is_floating_point() else tensor)

    def float(self) -> Self:
        """Convert floating-point members to float32."""
        return self._to_floating("float32")

    def double(self) -> Self:
        """Convert floating-point members to float64."""
        return self._to_floating("float64")

    def half(self) -> Self:
        """Convert floating-point members to float16."""
        return self._to_floating("float16")

    def bfloat16(self) -> Self:
        """Convert floating-point members to bfloat16."""
        return self._to_floating("bfloat16")

    def share_memory(self) -> Self:
        """Move all members to memory that other processes can share."""
        return self._apply(lambda tensor: tensor.share_memory_())

    def state_dict(self, *, destination: Any = None, prefix: str = "", keep_vars: bool = False) -> Any:
        """All parameters and persistent buffers by dotted name, sharing memory with the module."""
        if destination is None:
            destination = StateDict()
            destination._metadata = type(destination)()
        local_metadata = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = local_metadata
        for hook in self._state_dict_pre_hooks.values():
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        for hook, may_replace in self._state_dict_hooks.values():
            replaced = hook(self, destination, prefix, local_metadata)
            if replaced is not None and not may_replace:
                raise runtime_error("state_dict post-hook: expected None, got a value. Edit the state dict in place.")
            destination = destination if replaced is None else replaced
        return destination

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        save_own_state(self, destination, prefix, keep_vars)

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> IncompatibleKeys:
        """Copy values from `state_dict` (or, with `assign`, take its tensors themselves).

        Raises RuntimeError that lists every size mismatch and, with `strict`, every missing and unexpected key.
        """
        return load_state(self, state_dict, strict, assign)

    def _load_from_state_dict(
        self,
        state_dict: Mapping[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        load_own_state(self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)

    register_forward_pre_hook = _hooks.register_forward_pre_hook
    register_forward_hook = _hooks.register_forward_hook
    register_full_backward_pre_hook = _hooks.register_full_backward_pre_hook
    register_full_backward_hook = _hooks.register_full_backward_hook
    register_backward_hook = _hooks.register_backward_hook
    register_state_dict_pre_hook = _hooks.register_state_dict_pre_hook
    register_state_dict_post_hook = _hooks.register_state_dict_post_hook
    _register_state_dict_hook = _hooks.register_state_dict_hook
    register_load_state_dict_pre_hook = _hooks.register_load_state_dict_pre_hook
    _register_load_state_dict_pre_hook = _hooks.register_raw_load_state_dict_pre_hook
    register_load_state_dict_post_hook = _hooks.register_load_state_dict_post_hook

    def _get_name(self) -> str:
        return type(self).__name__

    def extra_repr(self) -> str:
        """The settings that `repr` shows between the parentheses."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        settings = extra.split("\n") if extra else []
        children = [f"({name}): {_addindent(repr(module), 2)}" for name, module in self._modules.items()]
        if len(settings) <= 1 and not children:
            return f"{self._get_name()}({extra})"
        body = "".join(f"  {line}\n" for line in (*settings, *children))
        return f"{self._get_name()}(\n{body})"

    def __dir__(self) -> list[str]:
        return sorted(name for name in super().__dir__() if not name[:1].isdigit())


def _addindent(text: str, columns: int) -> str:
    """Push every line but the first to the right."""
    return text.replace("\n", "\n" + " " * columns)
