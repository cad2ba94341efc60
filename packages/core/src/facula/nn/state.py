"""Saving and loading a module's state: walking the tree, matching keys and saying everything that does not fit."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from facula.autograd import no_grad
from facula.errors import runtime_error, type_error
from facula.nn.uninitialized import is_lazy
from facula.tensors.parameter import Parameter
from facula.tensors.tensor import Tensor

if TYPE_CHECKING:
    from facula.nn.module import Module

EXTRA_STATE = "_extra_state"


class StateDict(OrderedDict[str, Any]):
    """A module's state by name; `_metadata` holds the version of each module that wrote into it."""

    _metadata: OrderedDict[str, dict[str, Any]]


class IncompatibleKeys(NamedTuple):
    """What `load_state_dict` found to differ: keys the module lacks, and keys it did not expect."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"_IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"


def has_extra_state(module: Module, method: str) -> bool:
    """Whether the module's class defines `get_extra_state` or `set_extra_state` of its own."""
    from facula.nn.module import Module as Base

    return getattr(type(module), method) is not getattr(Base, method)


def save_own_state(module: Module, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
    """Write the module's own parameters, persistent buffers and extra state, without its children."""
    values = vars(module)
    persistent = [name for name in module._buffer_names if name not in module._non_persistent_buffers_set]
    for name in (*module._parameter_names, *persistent):
        value = values[name]
        if value is not None:
            destination[prefix + name] = value if keep_vars else value.detach()
    if has_extra_state(module, "get_extra_state"):
        destination[prefix + EXTRA_STATE] = module.get_extra_state()


def load_own_state(
    module: Module,
    state_dict: Mapping[str, Any],
    prefix: str,
    local_metadata: dict[str, Any],
    strict: bool,
    missing_keys: list[str],
    unexpected_keys: list[str],
    error_msgs: list[str],
) -> None:
    """Read the module's own parameters and buffers; problems are collected, not raised."""
    for hook, with_module in module._load_state_dict_pre_hooks.values():
        arguments = (state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)
        hook(*((module, *arguments) if with_module else arguments))
    values = vars(module)
    persistent = [name for name in module._buffer_names if name not in module._non_persistent_buffers_set]
    own = {name: values[name] for name in (*module._parameter_names, *persistent) if values[name] is not None}
    assign = local_metadata.get("assign_to_params_buffers", False)
    for name, target in own.items():
        key = prefix + name
        if key in state_dict:
            problem = _load_value(module, name, key, target, state_dict[key], assign)
            if problem:
                error_msgs.append(problem)
        elif strict:
            missing_keys.append(key)
    _load_extra_state(module, state_dict, prefix, strict, missing_keys, unexpected_keys)
    if strict:
        unexpected_keys.extend(_unexpected(module, state_dict, prefix, own))


def _load_value(module: Module, name: str, key: str, target: Any, value: Any, assign: bool) -> str:
    """Copy (or assign) one value; the answer is the problem met, or nothing."""
    if not isinstance(value, Tensor):
        return f"{key}: expected a Tensor in the state dict, got {type(value).__name__}."
    lazy = is_lazy(target)
    if not lazy and target.ndim == 0 and value.ndim == 1 and value.numel() == 1:
        value = value[0]  # checkpoints from before 0-dim tensors
    if not lazy and tuple(value.shape) != tuple(target.shape):
        return (
            f"size mismatch for {key}: copying a param with shape {value.shape} from checkpoint, "
            f"the shape in current model is {target.shape}."
        )
    if assign:
        if isinstance(target, Parameter) and not isinstance(value, Parameter):
            value = Parameter(value, requires_grad=target.requires_grad)
        setattr(module, name, value)
        return ""
    if lazy:
        target.materialize(value.shape)
    try:
        with no_grad():
            target.copy_(value)
    except Exception as error:
        return f"{key}: could not be copied from shape {value.shape}, dtype {value.dtype}: {error}"
    return ""


def _load_extra_state(
    module: Module,
    state_dict: Mapping[str, Any],
    prefix: str,
    strict: bool,
    missing_keys: list[str],
    unexpected_keys: list[str],
) -> None:
    key = prefix + EXTRA_STATE
    if has_extra_state(module, "set_extra_state"):
        if key in state_dict:
            module.set_extra_state(state_dict[key])
        elif strict:
            missing_keys.append(key)
    elif strict and key in state_dict:
        unexpected_keys.append(key)


def _unexpected(module: Module, state_dict: Mapping[str, Any], prefix: str, own: dict[str, Any]) -> list[str]:
    found = []
    for key in state_dict:
        if not key.startswith(prefix) or key == prefix + EXTRA_STATE:
            continue
        head, dot, _ = key[len(prefix) :].partition(".")
        if head not in (module._module_names if dot else own):
            found.append(key)
    return found


def own_layout(state: dict[str, Any]) -> dict[str, Any]:
    """A module's attributes as we keep them, from ours or from those of torch, which has tables of members and of hooks."""
    if "_parameters" not in state:
        return state
    from facula.nn.module import Module

    own: dict[str, Any] = dict(vars(Module()))
    for kind in ("parameter", "buffer", "module"):
        members = state[f"_{kind}s"]
        own[f"_{kind}_names"] = dict.fromkeys(members)
        own.update(members)
    tables = ("_parameters", "_buffers", "_modules", "_is_full_backward_hook")
    for name, value in state.items():
        if name.startswith("_") and "_hooks" in name:
            if value:
                raise runtime_error(
                    f"Module: expected no hooks in a module that torch saved, got {name.strip('_')}. Remove them before saving."
                )
        elif name not in tables:
            own[name] = value
    return own


def _part(values: Any, prefix: str = "") -> Any:
    """The entries below a prefix, for hooks to edit; checkpoints that read on demand give a part of themselves."""
    part = getattr(values, "part", None)
    return part(prefix) if part else StateDict((k, v) for k, v in values.items() if k.startswith(prefix))


def load_state(module: Module, state_dict: Mapping[str, Any], strict: bool, assign: bool) -> IncompatibleKeys:
    """Load `state_dict` into the whole tree below `module`; raise one error that lists every problem."""
    if not isinstance(state_dict, Mapping):
        raise type_error(
            f"load_state_dict: expected a mapping of names to tensors, got {type(state_dict).__name__}. "
            "Pass what state_dict() or facula.load() returned."
        )
    metadata = getattr(state_dict, "_metadata", None)
    missing: list[str] = []
    unexpected: list[str] = []
    problems: list[str] = []

    def load(child: Module, values: Any, prefix: str) -> None:
        local = {} if metadata is None else dict(metadata.get(prefix[:-1], {}))
        if assign:
            local["assign_to_params_buffers"] = True
        child._load_from_state_dict(values, prefix, local, True, missing, unexpected, problems)
        for name, grandchild in child._modules.items():
            if grandchild is not None:
                below = f"{prefix}{name}."
                load(grandchild, _part(values, below), below)
        keys = IncompatibleKeys(missing, unexpected)
        for hook in child._load_state_dict_post_hooks.values():
            if hook(child, keys) is not None:
                raise runtime_error("load_state_dict post-hook: expected None, got a value. Edit the lists in place.")

    load(module, _part(state_dict), "")
    if strict:
        for title, keys in (("Unexpected", unexpected), ("Missing", missing)):
            if keys:
                names = ", ".join(f'"{key}"' for key in keys)
                problems.insert(0, f"{title} key(s) in state_dict: {names}.")
    if problems:
        listed = "\n\t".join(problems)
        raise runtime_error(
            f"load_state_dict: Error(s) in loading state_dict for {type(module).__name__}:\n\t{listed}\n{_remedy(missing, unexpected)}."
        )
    return IncompatibleKeys(missing, unexpected)


def _remedy(missing: list[str], unexpected: list[str]) -> str:
    """The one thing to do about keys or sizes that do not fit."""
    for key in unexpected:
        prefix, _, rest = key.partition(".")
        if rest in missing:
            return f"Remove '{prefix}.' from the keys"
    return "Load with strict=False to leave them out" if missing or unexpected else "Build the module as it was saved"


def consume_prefix_in_state_dict_if_present(state_dict: dict[str, Any], prefix: str) -> None:
    """Drop `prefix` from the names in a state dict, in place, e.g. the "module." that `DataParallel` puts before them.

    >>> import facula
    >>> state = {"module.weight": 1}
    >>> facula.nn.modules.utils.consume_prefix_in_state_dict_if_present(state, "module.")
    >>> state
    {'weight': 1}
    """
    for key in list(state_dict):
        if key.startswith(prefix):
            state_dict[key.removeprefix(prefix)] = state_dict.pop(key)
    metadata = getattr(state_dict, "_metadata", None)
    for key in list(metadata or ()):
        if metadata and key and (key == prefix[:-1] or key.startswith(prefix)):
            metadata[key[len(prefix) :]] = metadata.pop(key)
