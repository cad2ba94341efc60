"""Optimizer: parameter groups, per-parameter state, hooks, and the step that every optimizer shares."""

from __future__ import annotations

import copy
import functools
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import numpy as np

from facula.autograd import enable_grad, no_grad
from facula.autograd.tape import RemovableHandle
from facula.errors import not_implemented_error, runtime_error, type_error, value_error
from facula.optim import differentiable
from facula.tensors.inplace import bump
from facula.tensors.tensor import Tensor, wrap

ParamsT: TypeAlias = Iterable[Tensor] | Iterable[dict[str, Any]] | Iterable[tuple[str, Tensor]]
Closure: TypeAlias = Callable[[], Any]
State: TypeAlias = dict[str, Any]


class _Required:
    def __repr__(self) -> str:
        return "<required parameter>"


required = _Required()
_global_pre_hooks: dict[int, Any] = {}
_global_post_hooks: dict[int, Any] = {}


def register_optimizer_step_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(optimizer, args, kwargs)` before the step of every optimizer."""
    return RemovableHandle(_global_pre_hooks, hook)


def register_optimizer_step_post_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(optimizer, args, kwargs)` after the step of every optimizer."""
    return RemovableHandle(_global_post_hooks, hook)


def _with_hooks(step: Callable[..., Any]) -> Callable[..., Any]:
    """A class's own `step`, with the hooks around it; also remembers for schedulers that it ran."""
    if getattr(step, "_runs_hooks", False):
        return step

    @functools.wraps(step)
    def hooked(self: Optimizer, *args: Any, **kwargs: Any) -> Any:
        self._opt_called = True
        if not (_global_pre_hooks or _global_post_hooks or self._step_pre_hooks or self._step_post_hooks):
            return step(self, *args, **kwargs)
        for hook in (*_global_pre_hooks.values(), *self._step_pre_hooks.values()):
            replaced = hook(self, args, kwargs)
            if replaced is not None:
                if not (isinstance(replaced, tuple) and len(replaced) == 2):
                    raise runtime_error(
                        f"{type(self).__name__}.step: pre-hook must return None or a tuple of (new_args, new_kwargs), "
                        f"but got {replaced}. Return both."
                    )
                args, kwargs = replaced
        result = step(self, *args, **kwargs)
        for hook in (*self._step_post_hooks.values(), *_global_post_hooks.values()):
            hook(self, args, kwargs)
        return result

    hooked._runs_hooks = True  # type: ignore[attr-defined]
    return hooked


class Optimizer:
    """Base of all optimizers: keeps groups of parameters with their settings, and a state for each parameter.

    A subclass passes its settings as `defaults` and defines `_start(p, state, group)`, which fills an empty state, and
    `_update(p, grad, state, group)`, which works on the raw arrays; or it defines `step` itself.

    Settings that PyTorch's optimizers share: `maximize` follows the gradient upwards; `foreach`, `fused` and `capturable` choose
    kernels there and change nothing here; `differentiable` records the step, so that gradients pass through it.

    >>> import facula
    >>> class Descent(facula.optim.Optimizer):
    ...     def __init__(self, params, lr):
    ...         super().__init__(params, {"lr": lr})
    ...     def _update(self, p, grad, state, group):
    ...         p.array -= group["lr"] * grad
    >>> p = facula.nn.Parameter(facula.ones(2))
    >>> optimizer = Descent([p], lr=0.5)
    >>> p.sum().backward()
    >>> optimizer.step()
    >>> p.detach()
    tensor([0.5000, 0.5000])
    """

    _opt_called: bool = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "step" in cls.__dict__:
            cls.step = _with_hooks(cls.__dict__["step"])  # type: ignore[method-assign]

    def __init__(self, params: ParamsT, defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self._hook_tables()
        for other in ("differentiable", "foreach"):
            if defaults.get("fused") and defaults.get(other):
                raise runtime_error(
                    f"{type(self).__name__}: `fused` and `{other}` cannot be `True` together, got both. Leave one out."
                )
        if isinstance(params, Tensor):
            raise type_error(
                f"{type(self).__name__}: params argument given to the optimizer should be an iterable of Tensors or "
                "dicts, but got a single Tensor. Pass [tensor]."
            )
        self.state: defaultdict[Any, State] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        listed: list[Any] = list(params)
        if not listed:
            raise value_error(
                f"{type(self).__name__}: optimizer got an empty parameter list. Pass model.parameters() of a model "
                "that has some."
            )
        for group in listed if isinstance(listed[0], dict) else [{"params": listed}]:
            self.add_param_group(group)

    def _hook_tables(self) -> None:
        self._step_pre_hooks: dict[int, Any] = {}
        self._step_post_hooks: dict[int, Any] = {}
        self._state_dict_pre_hooks: dict[int, Any] = {}
        self._state_dict_post_hooks: dict[int, Any] = {}
        self._load_state_dict_pre_hooks: dict[int, Any] = {}
        self._load_state_dict_post_hooks: dict[int, Any] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._hook_tables()
        self.defaults.setdefault("differentiable", False)

    def __repr__(self) -> str:
        text = f"{type(self).__name__} ("
        for number, group in enumerate(self.param_groups):
            text += f"\nParameter Group {number}\n"
            text += "".join(f"    {key}: {group[key]}\n" for key in sorted(group) if key != "params")
        return text + ")"

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` before each step; it may return new args and kwargs."""
        return RemovableHandle(self._step_pre_hooks, hook)

    def register_step_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` after each step."""
        return RemovableHandle(self._step_post_hooks, hook)

    def register_state_dict_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(optimizer)` before the state dict is made."""
        return _add(self._state_dict_pre_hooks, hook, prepend)

    def register_state_dict_post_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(optimizer, state_dict)` afterwards; it may return another."""
        return _add(self._state_dict_post_hooks, hook, prepend)

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(optimizer, state_dict)` before loading; it may return another."""
        return _add(self._load_state_dict_pre_hooks, hook, prepend)

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(optimizer)` after loading."""
        return _add(self._load_state_dict_post_hooks, hook, prepend)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with settings of their own; what is not set comes from the defaults."""
        if not isinstance(param_group, dict):
            raise type_error(
                f"add_param_group: param_group must be a dict, but got {type(param_group).__name__}. Pass {{'params': ...}}."
            )
        params = param_group["params"]
        if isinstance(params, (set, frozenset)):
            raise type_error(
                "add_param_group: optimizer parameters need to be organized in ordered collections, but the ordering "
                "of tensors in sets will change between runs. Please use a list instead."
            )
        listed = [params] if isinstance(params, Tensor) else list(params)
        names = [item[0] for item in listed if isinstance(item, tuple)]
        if names:
            if len(names) != len(listed):
                raise value_error(
                    "add_param_group: all optimizer params should be with/without names. Name all or none."
                )
            param_group["param_names"] = names
            listed = [item[1] for item in listed]
        for param in listed:
            if not isinstance(param, Tensor):
                raise type_error(
                    f"add_param_group: can only optimize Tensors, but one of the params is {type(param).__name__}. Pass model.parameters()."
                )
            if not self.defaults.get("differentiable") and not (param.is_leaf or param.retains_grad):
                raise value_error(
                    "add_param_group: can't optimize a non-leaf Tensor, got a computed one. Pass the leaf."
                )
        param_group["params"] = listed
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise value_error(
                    f"add_param_group: group didn't specify a value of required optimization parameter {name}. Add it to the group."
                )
            param_group.setdefault(name, default)
        if len({id(p) for p in listed}) != len(listed):
            warnings.warn("add_param_group: a parameter group has duplicate parameters", stacklevel=3)
        known = {id(p) for group in self.param_groups for p in group["params"]}
        if any(id(p) in known for p in listed):
            raise value_error(
                "add_param_group: some parameters appear in more than one parameter group. Leave them out of one."
            )
        if self.param_groups and ("param_names" in param_group) != ("param_names" in self.param_groups[0]):
            raise value_error(
                "add_param_group: all optimizer param groups should be with/without names. Name all or none."
            )
        self.param_groups.append(param_group)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters, or fill them with zeros."""
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none:
                    p.grad = None
                elif p.grad is not None:
                    p.grad = p.grad.detach()
                    p.grad.zero_()

    def step(self, closure: Closure | None = None) -> Any:
        """Update every parameter that has a gradient; `closure`, if given, computes the loss first."""
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        writer = type(self).__name__ + ".step"
        update, states = self._update, self.state
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = states.get(p)
                if not state:
                    state = {}
                    self._start(p, state, group)
                    if state:
                        states[p] = state
                if group.get("differentiable"):
                    differentiable.step(self, p, self.state[p], group)
                    continue
                update(p, self._gradient(p), state, group)
                bump(p, writer)
        return loss

    def _gradient(self, p: Tensor) -> Any:
        """The raw gradient, in the parameter's dtype."""
        if p.grad.is_sparse:  # type: ignore[union-attr]
            name = type(self).__name__
            raise runtime_error(
                f"{name}: {name} does not support sparse gradients, expected a dense one. Please consider SparseAdam instead."
            )
        g = p.grad.array  # type: ignore[union-attr]
        return g if g.dtype == p.array.dtype else g.astype(p.array.dtype)

    def _start(self, p: Tensor, state: State, group: dict[str, Any]) -> None:
        """Fill the empty state of a parameter at its first step."""

    def _update(self, p: Tensor, grad: Any, state: State, group: dict[str, Any]) -> None:
        """Write the new value into `p.array`."""
        raise not_implemented_error(
            f"{type(self).__name__}._update: expected the optimizer to define it or step(), got neither. Define one."
        )

    def state_dict(self) -> dict[str, Any]:
        """The state of each parameter by its number, and the groups with their settings."""
        for hook in self._state_dict_pre_hooks.values():
            hook(self)
        numbers: dict[int, int] = {}
        for group in self.param_groups:
            for p in group["params"]:
                numbers.setdefault(id(p), len(numbers))
        groups = [
            {**{k: v for k, v in group.items() if k != "params"}, "params": [numbers[id(p)] for p in group["params"]]}
            for group in self.param_groups
        ]
        state = {(numbers[id(p)] if isinstance(p, Tensor) else p): s for p, s in self.state.items()}
        packed: dict[str, Any] = {"state": state, "param_groups": groups}
        for hook in self._state_dict_post_hooks.values():
            replaced = hook(self, packed)
            packed = packed if replaced is None else replaced
        return packed

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take settings and state from what `state_dict` returned; parameters are matched by their order."""
        loaded = dict(state_dict)
        for hook in self._load_state_dict_pre_hooks.values():
            replaced = hook(self, loaded)
            loaded = loaded if replaced is None else replaced
        saved_groups = copy.deepcopy(loaded["param_groups"])
        if len(saved_groups) != len(self.param_groups):
            raise value_error(
                f"load_state_dict: loaded state dict has a different number of parameter groups, expected "
                f"{len(self.param_groups)}, got {len(saved_groups)}. Build the optimizer as it was saved."
            )
        params: dict[Any, Tensor] = {}
        for number, (group, saved) in enumerate(zip(self.param_groups, saved_groups, strict=True)):
            if len(group["params"]) != len(saved["params"]):
                raise value_error(
                    "load_state_dict: loaded state dict contains a parameter group that doesn't match the size of "
                    f"optimizer's group, expected {len(group['params'])} parameters in group {number}, "
                    f"got {len(saved['params'])}. Build the optimizer as it was saved."
                )
            params.update(zip(saved["params"], group["params"], strict=True))
        with no_grad():
            self.state = defaultdict(dict)
            for key, state in loaded["state"].items():
                p = params.get(key)
                self.state[key if p is None else p] = _adopt(p, state)
        for group, saved in zip(self.param_groups, saved_groups, strict=True):
            listed = group["params"]
            group.update(saved)
            group["params"] = listed
        for hook in self._load_state_dict_post_hooks.values():
            hook(self)

    step = _with_hooks(step)


def _add(table: dict[int, Any], hook: Any, prepend: bool) -> RemovableHandle:
    rest = dict(table) if prepend else {}
    if prepend:
        table.clear()
    handle = RemovableHandle(table, hook)
    table.update(rest)
    return handle


def _adopt(p: Tensor | None, value: Any, key: str = "") -> Any:
    """A copy of loaded state in the parameter's dtype and on its device; `step` stays as it is."""
    if isinstance(value, Tensor):
        if p is None or key == "step":
            return value.detach().clone()
        dtype = p.dtype if p.is_floating_point() and value.is_floating_point() else value.dtype
        return value.detach().to(device=p.device, dtype=dtype, copy=True)
    if isinstance(value, dict):
        return {k: _adopt(p, v, str(k)) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)([_adopt(p, v, key) for v in value])
    if key == "step" and isinstance(value, (int, float)):
        return counter(value)
    return copy.copy(value)


def counter(value: float = 0.0) -> Tensor:
    """A number of the state as PyTorch keeps it: a float32 tensor without dimensions, on the CPU."""
    return wrap(np.array(value, np.float32))


def advance(state: State) -> float:
    """Count a step, and return its number."""
    step = state["step"].array
    step += 1
    return float(step)


def sparse_parts(grad: Any) -> tuple[tuple[Any, ...], Any]:
    """The places of a sparse gradient, each once, as an index into the parameter, and its values there."""
    whole = grad.coalesce()
    return tuple(whole._indices().array), whole._values().array


def like(p: Tensor, value: float = 0.0) -> Tensor:
    """State of the parameter's shape, filled with one value."""
    return wrap(np.full_like(p.array, value) if value else np.zeros_like(p.array))


def number(value: Any) -> float:
    """A setting that may be a tensor of one element, as a float."""
    if not isinstance(value, Tensor):
        return value
    if value.numel() != 1:
        raise value_error(
            f"number: a Tensor lr (or other setting) must be 1-element, got shape {tuple(value.shape)}. Pass one number."
        )
    return float(value.item())


def check_settings(name: str, **bounds: tuple[Any, str, bool]) -> None:
    """Raise ValueError for the first setting that is out of its range: `lr=(value, "at least 0", value >= 0)`."""
    for setting, (value, rule, holds) in bounds.items():
        if not holds:
            raise value_error(f"{name}: Invalid {setting} value: expected {rule}, got {value}. Change {setting}.")
