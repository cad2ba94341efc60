"""Modules as functions of their parameters: `functional_call` and `stack_module_state`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from facula.errors import runtime_error, value_error
from facula.nn import Module
from facula.nn.batchnorm import _BatchNorm
from facula.ops import stack
from facula.tensors.tensor import Tensor


def _tied(module: Module) -> dict[str, list[str]]:
    """For each name of a parameter or buffer, all names of the same tensor."""
    groups: dict[int, list[str]] = {}
    names = [
        *module.named_parameters(remove_duplicate=False),
        *module.named_buffers(remove_duplicate=False),
    ]
    for name, t in names:
        groups.setdefault(id(t), []).append(name)
    return {name: group for group in groups.values() for name in group}


@contextlib.contextmanager
def _swapped(module: Module, tensors: dict[str, Tensor]) -> Iterator[None]:
    """The module with other tensors in the places of its parameters and buffers."""
    before: list[tuple[dict[str, Any], str, Any]] = []
    try:
        for name, t in tensors.items():
            path, _, last = name.rpartition(".")
            members = module.get_submodule(path).__dict__
            before.append((members, last, members[last]))
            members[last] = t
        yield
    finally:
        for members, last, t in reversed(before):
            members[last] = t


def functional_call(
    module: Module,
    parameter_and_buffer_dicts: Any,
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Call `module` with the given tensors in the places of its parameters and buffers; what is not given stays.

    tie_weights: a tensor given for one name stands for all names that share it. strict: the names must be exactly the
    module's.

    >>> import facula
    >>> layer = facula.nn.Linear(2, 1, bias=False)
    >>> facula.func.functional_call(layer, {"weight": facula.ones(1, 2)}, facula.tensor([3., 4.]))
    tensor([7.])
    """
    if isinstance(parameter_and_buffer_dicts, dict):
        given = dict(parameter_and_buffer_dicts)
    elif isinstance(parameter_and_buffer_dicts, Sequence) and all(
        isinstance(d, dict) for d in parameter_and_buffer_dicts
    ):
        names = [name for d in parameter_and_buffer_dicts for name in d]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise value_error(
                f"functional_call: {repeated} appeared in multiple dictionaries; behavior of functional call is ambiguous. Give each name once."
            )
        given = {name: t for d in parameter_and_buffer_dicts for name, t in d.items()}
    else:
        raise value_error(
            f"functional_call: Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, but got "
            f"{type(parameter_and_buffer_dicts)}. Pass dict(module.named_parameters())."
        )
    tied = _tied(module)
    unexpected = sorted(given.keys() - tied.keys())
    if unexpected:
        raise (RuntimeError if strict else AttributeError)(
            f"functional_call: Unexpected key(s): {', '.join(unexpected)}. {type(module).__name__} has {', '.join(tied) or 'none'}."
        )
    if tie_weights:
        for name, t in list(given.items()):
            for other in tied[name]:
                if other in given and given[other] is not t:
                    raise value_error(
                        f"functional_call: functional_call got multiple values for keys {[name, other]}, which are tied. Consider using tie_weights=False."
                    )
                given.setdefault(other, t)
    if strict and (missing := sorted(tied.keys() - given.keys())):
        raise runtime_error(
            f"functional_call: Missing key(s): {', '.join(missing)}. Give a tensor for each, or strict=False."
        )
    positional = () if args is None else args if isinstance(args, tuple) else (args,)
    with _swapped(module, given):
        return module(*positional, **(kwargs or {}))


def stack_module_state(models: Sequence[Module]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The parameters and the buffers of modules of one kind, each stacked along a new first dimension, for an ensemble by vmap.

    >>> import facula
    >>> parameters, buffers = facula.func.stack_module_state([facula.nn.Linear(2, 3) for _ in range(4)])
    >>> parameters["weight"].shape
    facula.Size([4, 3, 2])
    """
    if not models:
        raise runtime_error("stack_module_state: Expected at least one model, got 0. Pass a list of modules.")
    if len({m.training for m in models}) > 1:
        raise runtime_error(
            "stack_module_state: Expected all models to have the same training/eval mode, got both. Call .eval() or .train() on all."
        )
    if len({type(m) for m in models}) > 1:
        raise runtime_error(
            f"stack_module_state: Expected all models to be of the same class, got {sorted({type(m).__name__ for m in models})}. Stack them apart."
        )
    parameters = {
        name: _stacked([dict(m.named_parameters())[name] for m in models], name)
        for name, _ in models[0].named_parameters()
    }
    buffers = {
        name: _stacked([dict(m.named_buffers())[name] for m in models], name) for name, _ in models[0].named_buffers()
    }
    return parameters, buffers


def _stacked(tensors: list[Tensor], name: str) -> Tensor:
    wanted = {t.requires_grad for t in tensors}
    if len(wanted) > 1:
        raise runtime_error(
            f"stack_module_state: Expected {name!r} from each model to have the same .requires_grad, got both. Freeze all or none."
        )
    return stack([t.detach() for t in tensors]).requires_grad_(wanted.pop())


def replace_all_batch_norm_modules_(root: Module) -> Module:
    """Let all batch norms below `root` (and itself) use the statistics of each batch and keep none, so that `vmap` can map them.

    >>> import facula
    >>> model = facula.func.replace_all_batch_norm_modules_(facula.nn.Sequential(facula.nn.BatchNorm1d(2)))
    >>> model[0].running_mean is None
    True
    """
    for module in root.modules():
        if isinstance(module, _BatchNorm):
            module.running_mean = module.running_var = module.num_batches_tracked = None
            module.track_running_stats = False
    return root
