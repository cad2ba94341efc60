"""Collectives: every process of the group calls them with a tensor of the same shape and type."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from facula.devices import base as devices
from facula.distributed.group import ProcessGroup, ReduceOp, resolve
from facula.errors import runtime_error
from facula.tensors.inplace import bump
from facula.tensors.tensor import Tensor


def _host(t: Tensor) -> np.ndarray[Any, Any]:
    return np.ascontiguousarray(devices.to_host(t.array))


def _store(t: Tensor, array: np.ndarray[Any, Any], writer: str) -> None:
    t.array[...] = array if t.is_cpu else devices.move(array, t.device)
    bump(t, writer)


def _check_same(g: ProcessGroup, t: Tensor, name: str) -> None:
    """All ranks must bring one shape and type: a mismatch would hang or corrupt, so it is an error on every rank."""
    mine = (tuple(t.array.shape), t.array.dtype.str)
    everyone = g.communicator.allgather(mine)
    if any(other != mine for other in everyone):
        listed = "; ".join(f"rank {i}: {s} {d}" for i, (s, d) in enumerate(everyone))
        raise runtime_error(
            f"{name}: expected the same shape and dtype on all ranks, got {listed}. Pad or convert them first."
        )


def all_reduce(
    tensor: Tensor, op: ReduceOp = ReduceOp.SUM, group: ProcessGroup | None = None, async_op: bool = False
) -> None:
    """Replace `tensor` on every process by the sum (or another `op`) over all processes."""
    g = resolve(group, "all_reduce")
    _check_same(g, tensor, "all_reduce")
    _all_reduce_array(g, tensor, op)


def _all_reduce_array(g: ProcessGroup, tensor: Tensor, op: ReduceOp) -> None:
    from mpi4py import MPI

    send = _host(tensor)
    receive = np.empty_like(send)
    g.communicator.Allreduce(send, receive, getattr(MPI, "SUM" if op is ReduceOp.AVG else op.value))
    _store(tensor, receive / g.size() if op is ReduceOp.AVG else receive, "all_reduce")


def broadcast(tensor: Tensor, src: int = 0, group: ProcessGroup | None = None, async_op: bool = False) -> None:
    """Replace `tensor` on every process by that of process `src`."""
    g = resolve(group, "broadcast")
    _check_same(g, tensor, "broadcast")
    buffer = _host(tensor).copy()
    g.communicator.Bcast(buffer, root=src)
    _store(tensor, buffer, "broadcast")


def barrier(group: ProcessGroup | None = None) -> None:
    """Wait until every process is here."""
    resolve(group, "barrier").communicator.Barrier()


def all_gather(tensor_list: list[Tensor], tensor: Tensor, group: ProcessGroup | None = None) -> None:
    """Fill `tensor_list` on every process with the tensors of all processes, by rank."""
    g = resolve(group, "all_gather")
    _check_same(g, tensor, "all_gather")
    send = _host(tensor)
    receive = np.empty((g.size(), *send.shape), send.dtype)
    g.communicator.Allgather(send, receive)
    for t, array in zip(tensor_list, receive, strict=True):
        _store(t, array, "all_gather")


def reduce(tensor: Tensor, dst: int = 0, op: ReduceOp = ReduceOp.SUM, group: ProcessGroup | None = None) -> None:
    """`all_reduce` whose result only process `dst` gets."""
    from mpi4py import MPI

    g = resolve(group, "reduce")
    _check_same(g, tensor, "reduce")
    send = _host(tensor)
    receive = np.empty_like(send) if g.rank() == dst else None
    g.communicator.Reduce(send, receive, getattr(MPI, "SUM" if op is ReduceOp.AVG else op.value), root=dst)
    if receive is not None:
        _store(tensor, receive / g.size() if op is ReduceOp.AVG else receive, "reduce")


def gather(
    tensor: Tensor, gather_list: list[Tensor] | None = None, dst: int = 0, group: ProcessGroup | None = None
) -> None:
    """Fill `gather_list` on process `dst` with the tensors of all processes, by rank."""
    g = resolve(group, "gather")
    _check_same(g, tensor, "gather")
    send = _host(tensor)
    receive = np.empty((g.size(), *send.shape), send.dtype) if g.rank() == dst else None
    g.communicator.Gather(send, receive, root=dst)
    if receive is not None:
        for t, array in zip(gather_list or [], receive, strict=True):
            _store(t, array, "gather")


def scatter(
    tensor: Tensor, scatter_list: list[Tensor] | None = None, src: int = 0, group: ProcessGroup | None = None
) -> None:
    """Replace `tensor` on each process by its part of `scatter_list` of process `src`."""
    g = resolve(group, "scatter")
    _check_same(g, tensor, "scatter")
    send = np.stack([_host(t) for t in scatter_list or []]) if g.rank() == src else None
    receive = np.empty_like(_host(tensor))
    g.communicator.Scatter(send, receive, root=src)
    _store(tensor, receive, "scatter")


def send(tensor: Tensor, dst: int, group: ProcessGroup | None = None, tag: int = 0) -> None:
    """Send `tensor` to process `dst`."""
    resolve(group, "send").communicator.Send(_host(tensor), dest=dst, tag=tag)


def recv(tensor: Tensor, src: int = 0, group: ProcessGroup | None = None, tag: int = 0) -> int:
    """Receive into `tensor` from process `src`, and return that rank."""
    buffer = np.empty_like(_host(tensor))
    resolve(group, "recv").communicator.Recv(buffer, source=src, tag=tag)
    _store(tensor, buffer, "recv")
    return src


def all_gather_object(object_list: list[Any], obj: Any, group: ProcessGroup | None = None) -> None:
    """Fill `object_list` with each process's plain object (what JSON holds: numbers, strings, lists, dicts)."""
    object_list[:] = [
        json.loads(text) for text in resolve(group, "all_gather_object").communicator.allgather(json.dumps(obj))
    ]


def broadcast_object_list(object_list: list[Any], src: int = 0, group: ProcessGroup | None = None) -> None:
    """Replace the plain objects (what JSON holds) on every process by those of process `src`."""
    g = resolve(group, "broadcast_object_list")
    object_list[:] = json.loads(g.communicator.bcast(json.dumps(object_list) if g.rank() == src else None, root=src))
