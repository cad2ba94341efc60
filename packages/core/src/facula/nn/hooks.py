"""Hooks of modules: handles that remove them, the call that runs them, and the tape nodes behind backward hooks."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from facula.autograd.tape import RemovableHandle
from facula.errors import runtime_error
from facula.nn.backward_taps import BackwardTaps, Hook

if TYPE_CHECKING:
    from facula.nn.module import Module


class HookEntry:
    """A hook and how it wants to be called."""

    __slots__ = ("always_call", "call", "with_kwargs")

    def __init__(self, call: Hook, with_kwargs: bool = False, always_call: bool = False) -> None:
        self.call, self.with_kwargs, self.always_call = call, with_kwargs, always_call


def add_hook(table: dict[int, Any], entry: Any, prepend: bool = False) -> RemovableHandle:
    """Put `entry` into `table` (first with `prepend`) and return the handle that removes it."""
    before = dict(table) if prepend else {}
    if prepend:
        table.clear()
    handle = RemovableHandle(table, entry)
    table.update(before)
    return handle


class GlobalHooks:
    """Hooks that run for every module of the process."""

    def __init__(self) -> None:
        self.forward_pre: dict[int, HookEntry] = {}
        self.forward: dict[int, HookEntry] = {}
        self.backward_pre: dict[int, Hook] = {}
        self.backward: dict[int, Hook] = {}
        self.parameter_registration: dict[int, Hook] = {}
        self.buffer_registration: dict[int, Hook] = {}
        self.module_registration: dict[int, Hook] = {}

    def any_call_hook(self) -> bool:
        """Whether a module's call must take the slower way through the hooks."""
        return bool(self.forward_pre or self.forward or self.backward_pre or self.backward)


global_hooks = GlobalHooks()


def call_with_hooks(module: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run pre-hooks, `forward`, hooks and the taps of backward hooks, in PyTorch's order."""
    finished: set[int] = set()
    try:
        args, kwargs = _run_pre_hooks(module, args, kwargs)
        backward_pre = [*global_hooks.backward_pre.values(), *module._backward_pre_hooks.values()]
        backward = [*global_hooks.backward.values(), *module._backward_hooks.values()]
        taps = BackwardTaps(module, backward_pre, backward) if backward_pre or backward else None
        if taps is not None:
            args = taps.tap_inputs(args)
        result = module.forward(*args, **kwargs)
        for number, entry in _forward_hooks(module):
            finished.add(number)
            replaced = _call_forward_hook(entry, module, args, kwargs, result)
            result = result if replaced is None else replaced
        return result if taps is None else taps.tap_outputs(result)
    except Exception:
        for number, entry in _forward_hooks(module):
            if entry.always_call and number not in finished:
                _call_after_failure(entry, module, args, kwargs)
        raise


def _forward_hooks(module: Module) -> list[tuple[int, HookEntry]]:
    return [*global_hooks.forward.items(), *module._forward_hooks.items()]


def _call_forward_hook(entry: HookEntry, module: Module, args: Any, kwargs: dict[str, Any], result: Any) -> Any:
    if entry.with_kwargs:
        return entry.call(module, args, kwargs, result)
    return entry.call(module, args, result)


def _call_after_failure(entry: HookEntry, module: Module, args: Any, kwargs: dict[str, Any]) -> None:
    """An `always_call` hook sees None as the result; its own failure must not hide the first one."""
    try:
        _call_forward_hook(entry, module, args, kwargs, None)
    except Exception as error:
        warnings.warn(f"forward hook with always_call=True raised {error!r} after the forward had failed", stacklevel=4)


def _run_pre_hooks(module: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    for entry in [*global_hooks.forward_pre.values(), *module._forward_pre_hooks.values()]:
        if entry.with_kwargs:
            replaced = entry.call(module, args, kwargs)
            if replaced is None:
                continue
            if not (isinstance(replaced, tuple) and len(replaced) == 2):
                raise runtime_error(
                    f"forward pre-hook with_kwargs: expected None or a pair (args, kwargs), got {replaced!r}. "
                    "Return (args, kwargs)."
                )
            args, kwargs = replaced
        else:
            replaced = entry.call(module, args)
            if replaced is not None:
                args = replaced if isinstance(replaced, tuple) else (replaced,)
    return args, kwargs


def register_forward_pre_hook(
    self: Module, hook: Hook, *, prepend: bool = False, with_kwargs: bool = False
) -> RemovableHandle:
    """Call `hook(module, args)` (or `hook(module, args, kwargs)`) before `forward`; it may return new inputs."""
    self.__dict__["_hooked"] = True
    return add_hook(self._forward_pre_hooks, HookEntry(hook, with_kwargs), prepend)


def register_forward_hook(
    self: Module, hook: Hook, *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """Call `hook(module, args, output)` after `forward`; it may return a new output.

    With `with_kwargs` it is called as `hook(module, args, kwargs, output)`; with `always_call` also
    when `forward` raises.
    """
    self.__dict__["_hooked"] = True
    return add_hook(self._forward_hooks, HookEntry(hook, with_kwargs, always_call), prepend)


def register_full_backward_pre_hook(self: Module, hook: Hook, prepend: bool = False) -> RemovableHandle:
    """Call `hook(module, grad_output)` when the output's gradient is known; it may return a new one."""
    self.__dict__["_hooked"] = True
    return add_hook(self._backward_pre_hooks, hook, prepend)


def register_full_backward_hook(self: Module, hook: Hook, prepend: bool = False) -> RemovableHandle:
    """Call `hook(module, grad_input, grad_output)` when the inputs' gradients are known; it may return new ones."""
    self.__dict__["_hooked"] = True
    return add_hook(self._backward_hooks, hook, prepend)


def register_backward_hook(self: Module, hook: Hook) -> RemovableHandle:
    """The older name of `register_full_backward_hook`, with what that one gives."""
    return register_full_backward_hook(self, hook)


def register_state_dict_pre_hook(self: Module, hook: Hook) -> RemovableHandle:
    """Call `hook(module, prefix, keep_vars)` before the module's state is collected."""
    return add_hook(self._state_dict_pre_hooks, hook)


def register_state_dict_post_hook(self: Module, hook: Hook) -> RemovableHandle:
    """Call `hook(module, state_dict, prefix, local_metadata)` afterwards; it edits the state dict in place."""
    return add_hook(self._state_dict_hooks, (hook, False))


def register_state_dict_hook(self: Module, hook: Hook) -> RemovableHandle:
    """Call `hook(module, state_dict, prefix, local_metadata)` afterwards; it may return another state dict."""
    return add_hook(self._state_dict_hooks, (hook, True))


def register_load_state_dict_pre_hook(self: Module, hook: Hook) -> RemovableHandle:
    """Call `hook(module, state_dict, prefix, local_metadata, strict, missing, unexpected, errors)` before loading."""
    return add_hook(self._load_state_dict_pre_hooks, (hook, True))


def register_raw_load_state_dict_pre_hook(self: Module, hook: Hook, with_module: bool = False) -> RemovableHandle:
    """The same hook without the module as its first argument, unless `with_module`."""
    return add_hook(self._load_state_dict_pre_hooks, (hook, with_module))


def register_load_state_dict_post_hook(self: Module, hook: Hook) -> RemovableHandle:
    """Call `hook(module, incompatible_keys)` after loading; it edits the lists in place."""
    return add_hook(self._load_state_dict_post_hooks, hook)


def _update_global_flag() -> None:
    from facula.nn.module import Module

    Module._hooked = global_hooks.any_call_hook()


class _GlobalHandle(RemovableHandle):
    """The handle of a hook on all modules: without any, calls take the short way again."""

    def remove(self) -> None:
        super().remove()
        _update_global_flag()


def _add_global_hook(table: dict[int, Any], entry: Any) -> RemovableHandle:
    handle = _GlobalHandle(table, entry)
    _update_global_flag()
    return handle


def register_module_forward_pre_hook(hook: Hook) -> RemovableHandle:
    """Call `hook(module, args)` before the `forward` of every module."""
    return _add_global_hook(global_hooks.forward_pre, HookEntry(hook))


def register_module_forward_hook(
    hook: Hook, *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """Call `hook(module, args, output)` after the `forward` of every module."""
    return _add_global_hook(global_hooks.forward, HookEntry(hook, with_kwargs, always_call))


def register_module_full_backward_pre_hook(hook: Hook) -> RemovableHandle:
    """Call `hook(module, grad_output)` for every module when backward reaches its output."""
    return _add_global_hook(global_hooks.backward_pre, hook)


def register_module_full_backward_hook(hook: Hook) -> RemovableHandle:
    """Call `hook(module, grad_input, grad_output)` for every module when backward leaves it."""
    return _add_global_hook(global_hooks.backward, hook)


def register_module_backward_hook(hook: Hook) -> RemovableHandle:
    """The older name of `register_module_full_backward_hook`, with what that one gives."""
    return register_module_full_backward_hook(hook)


def register_module_parameter_registration_hook(hook: Hook) -> RemovableHandle:
    """Call `hook(module, name, parameter)` whenever a parameter is registered; it may return another."""
    return _add_global_hook(global_hooks.parameter_registration, hook)


def register_module_buffer_registration_hook(hook: Hook) -> RemovableHandle:
    """Call `hook(module, name, buffer)` whenever a buffer is registered; it may return another."""
    return _add_global_hook(global_hooks.buffer_registration, hook)


def register_module_module_registration_hook(hook: Hook) -> RemovableHandle:
    """Call `hook(module, name, child)` whenever a child is registered; it may return another."""
    return _add_global_hook(global_hooks.module_registration, hook)
