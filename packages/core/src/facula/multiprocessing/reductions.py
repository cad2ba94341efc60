"""How tensors travel between processes: as the descriptor of their memory, and where in it they lie."""

from __future__ import annotations

from multiprocessing import reduction
from multiprocessing.context import get_spawning_popen
from typing import Any

from facula import dtypes
from facula.autograd.tape import Leaf
from facula.devices import shared
from facula.errors import assertion_error, runtime_error
from facula.tensors.parameter import Buffer, Parameter
from facula.tensors.tensor import Tensor, rebuild

_STRATEGIES = frozenset({"file_descriptor", "file_system"})
_strategy = ["file_descriptor"]


def get_all_sharing_strategies() -> set[str]:
    """The names that `set_sharing_strategy` takes.

    >>> import facula
    >>> sorted(facula.multiprocessing.get_all_sharing_strategies())
    ['file_descriptor', 'file_system']
    """
    return set(_STRATEGIES)


def get_sharing_strategy() -> str:
    """What `set_sharing_strategy` was told.

    >>> import facula
    >>> facula.multiprocessing.get_sharing_strategy()
    'file_descriptor'
    """
    return _strategy[0]


def set_sharing_strategy(new_strategy: str) -> None:
    """Accepted for PyTorch's sake: memory is always shared by descriptor, and small tensors have one in common.

    So there are few descriptors, and no file with a name that could stay behind.
    """
    if new_strategy not in _STRATEGIES:
        raise assertion_error(
            f"set_sharing_strategy: expected one of {sorted(_STRATEGIES)}, got {new_strategy!r}. Choose one of them."
        )
    _strategy[0] = new_strategy


def _reduce(tensor: Tensor) -> Any:
    """A tensor on its way: its memory is moved to where it can be shared, unless it is there; a view is copied there."""
    if tensor.requires_grad and type(tensor.node) is not Leaf:
        raise runtime_error(
            "multiprocessing: expected a leaf or a tensor without gradient, got a computed one, whose history cannot cross "
            "processes. Send tensor.detach()."
        )
    if not tensor.is_cpu:
        raise runtime_error(
            f"multiprocessing: expected a tensor on the CPU, got one on {tensor.device}. Send tensor.cpu()."
        )
    if shared.place_of(tensor.array) is None:
        if tensor.root is None:
            tensor.share_memory_()
            array = tensor.array
        else:
            array = shared.empty(tensor.array.shape, tensor.array.dtype)
            array[...] = tensor.array
    else:
        array = tensor.array
    segment, offset = shared.place_of(array)  # type: ignore[misc]
    handle = _sent(segment.handle)
    kind = dtypes.of(array.dtype).name
    known = (type(tensor), tensor.node is not None, dict(tensor.__dict__))
    return _rebuild, (handle, kind, array.shape, array.strides, offset, *known)


def _sent(handle: int) -> Any:
    """What becomes a descriptor again in the other process; a process that is being started gets each one once."""
    starting: Any = get_spawning_popen()
    if starting is None:
        return reduction.DupFd(handle)
    sent = vars(starting).setdefault("facula_handles", {})
    if handle not in sent:
        sent[handle] = reduction.DupFd(handle)
    return sent[handle]


def _rebuild(
    handle: Any, kind: str, shape: Any, strides: Any, offset: int, cls: Any, requires_grad: bool, extra: Any
) -> Tensor:
    array = shared.attach(handle.detach()).array(shape, dtypes.by_name(kind).numpy, strides, offset)
    return rebuild(cls, array, requires_grad, extra)


def init_reductions() -> None:
    """Let queues, pipes and arguments of processes carry tensors by reference, where descriptors can be sent."""
    if reduction.HAVE_SEND_HANDLE and hasattr(reduction, "DupFd"):
        for cls in (Tensor, Parameter, Buffer):
            reduction.ForkingPickler.register(cls, _reduce)
