"""Collectives: every process of the group calls them with a tensor of the same shape and type.

With `async_op=True` they return a `Work` at once; the tensors belong to the call until its `wait()` has returned.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from facula.devices import base as devices
from facula.distributed.group import ProcessGroup, ReduceOp, resolve
from facula.distributed.work import Work, started
from facula.errors import runtime_error
from facula.tensors.inplace import bump
from facula.tensors.tensor import Tensor


def _host(t: Tensor) -> np.ndarray[Any, Any]:
    return np.ascontiguousarray(devices.to_host(t.array))


def _store(t: Tensor, array: np.ndarray[Any, Any], writer: str, sent: Any = None) -> None:
    """Put a result into its tensor; `sent` is what MPI has read until now."""
    t.array[...] = array if t.is_cpu else devices.move(array, t.device)
    bump(t, writer)


def _store_each(tensors: list[Tensor], arrays: np.ndarray[Any, Any], writer: str, sent: Any) -> None:
    for t, array in zip(tensors, arrays, strict=True):
        _store(t, array, writer)


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
) -> Work | None:
    """Replace `tensor` on every process by the sum (or another `op`) over all processes."""
    g = resolve(group, "all_reduce")
    _check_same(g, tensor, "all_reduce")
    send = _host(tensor).copy()
    receive = np.empty_like(send)
    request = g.communicator.Iallreduce(send, receive, _operation(op))
    return started(request, lambda: _store(tensor, _mean(g, receive, op), "all_reduce", send), "all_reduce", async_op)


def _operation(op: ReduceOp) -> Any:
    from mpi4py import MPI

    return getattr(MPI, "SUM" if op is ReduceOp.AVG else op.value)


def _mean(g: ProcessGroup, total: Any, op: ReduceOp) -> Any:
    return total / g.size() if op is ReduceOp.AVG else total


def broadcast(tensor: Tensor, src: int = 0, group: ProcessGroup | None = None, async_op: bool = False) -> Work | None:
    """Replace `tensor` on every process by that of process `src`."""
    g = resolve(group, "broadcast")
    _check_same(g, tensor, "broadcast")
    buffer = _host(tensor).copy()
    request = g.communicator.Ibcast(buffer, root=src)
    return started(request, lambda: _store(tensor, buffer, "broadcast"), "broadcast", async_op)


def barrier(
    group: ProcessGroup | None = None, async_op: bool = False, device_ids: Any = None, timeout: Any = None
) -> Work | None:
    """Wait until every process is here."""
    g = resolve(group, "barrier")
    work = Work(g.communicator.Ibarrier(), lambda: None, "barrier")
    if async_op:
        return work
    work.wait(timeout)
    return None


def all_gather(
    tensor_list: list[Tensor], tensor: Tensor, group: ProcessGroup | None = None, async_op: bool = False
) -> Work | None:
    """Fill `tensor_list` on every process with the tensors of all processes, by rank."""
    g = resolve(group, "all_gather")
    _check_same(g, tensor, "all_gather")
    send = _host(tensor).copy()
    receive = np.empty((g.size(), *send.shape), send.dtype)
    request = g.communicator.Iallgather(send, receive)
    return started(request, lambda: _store_each(tensor_list, receive, "all_gather", send), "all_gather", async_op)


def reduce(
    tensor: Tensor,
    dst: int = 0,
    op: ReduceOp = ReduceOp.SUM,
    group: ProcessGroup | None = None,
    async_op: bool = False,
) -> Work | None:
    """`all_reduce` whose result only process `dst` gets."""
    g = resolve(group, "reduce")
    _check_same(g, tensor, "reduce")
    send = _host(tensor).copy()
    receive = np.empty_like(send) if g.rank() == dst else None
    request = g.communicator.Ireduce(send, receive, _operation(op), root=dst)

    def finish() -> None:
        if receive is not None:
            _store(tensor, _mean(g, receive, op), "reduce", send)

    return started(request, finish, "reduce", async_op)


def gather(
    tensor: Tensor,
    gather_list: list[Tensor] | None = None,
    dst: int = 0,
    group: ProcessGroup | None = None,
    async_op: bool = False,
) -> Work | None:
    """Fill `gather_list` on process `dst` with the tensors of all processes, by rank."""
    g = resolve(group, "gather")
    _check_same(g, tensor, "gather")
    send = _host(tensor).copy()
    receive = np.empty((g.size(), *send.shape), send.dtype) if g.rank() == dst else None
    request = g.communicator.Igather(send, receive, root=dst)

    def finish() -> None:
        if receive is not None:
            _store_each(gather_list or [], receive, "gather", send)

    return started(request, finish, "gather", async_op)


def scatter(
    tensor: Tensor,
    scatter_list: list[Tensor] | None = None,
    src: int = 0,
    group: ProcessGroup | None = None,
    async_op: bool = False,
) -> Work | None:
    """Replace `tensor` on each process by its part of `scatter_list` of process `src`."""
    g = resolve(group, "scatter")
    _check_same(g, tensor, "scatter")
    send = np.stack([_host(t) for t in scatter_list or []]) if g.rank() == src else None
    receive = np.empty_like(_host(tensor))
    request = g.communicator.Iscatter(send, receive, root=src)
    return started(request, lambda: _store(tensor, receive, "scatter", send), "scatter", async_op)


def isend(tensor: Tensor, dst: int, group: ProcessGroup | None = None, tag: int = 0) -> Work:
    """Begin to send `tensor` to process `dst`."""
    buffer = _host(tensor).copy()
    request = resolve(group, "isend").communicator.Isend(buffer, dest=dst, tag=tag)
    return Work(request, lambda: buffer, "isend")


def irecv(tensor: Tensor, src: int | None = None, group: ProcessGroup | None = None, tag: int = 0) -> Work:
    """Begin to receive into `tensor` from process `src`, or from any."""
    from mpi4py import MPI

    buffer = np.empty_like(_host(tensor))
    source = MPI.ANY_SOURCE if src is None else src
    request = resolve(group, "irecv").communicator.Irecv(buffer, source=source, tag=tag)
    return Work(request, lambda: _store(tensor, buffer, "irecv"), "irecv")


def send(tensor: Tensor, dst: int, group: ProcessGroup | None = None, tag: int = 0) -> None:
    """Send `tensor` to process `dst`."""
    resolve(group, "send").communicator.Send(_host(tensor), dest=dst, tag=tag)


def recv(tensor: Tensor, src: int | None = None, group: ProcessGroup | None = None, tag: int = 0) -> int:
    """Receive into `tensor` from process `src`, or from any, and return the sender's rank."""
    from mpi4py import MPI

    buffer, status = np.empty_like(_host(tensor)), MPI.Status()
    source = MPI.ANY_SOURCE if src is None else src
    resolve(group, "recv").communicator.Recv(buffer, source=source, tag=tag, status=status)
    _store(tensor, buffer, "recv")
    return int(status.Get_source())


def all_gather_object(object_list: list[Any], obj: Any, group: ProcessGroup | None = None) -> None:
    """Fill `object_list` with each process's plain object (what JSON holds: numbers, strings, lists, dicts)."""
    object_list[:] = [
        json.loads(text) for text in resolve(group, "all_gather_object").communicator.allgather(json.dumps(obj))
    ]


def broadcast_object_list(object_list: list[Any], src: int = 0, group: ProcessGroup | None = None) -> None:
    """Replace the plain objects (what JSON holds) on every process by those of process `src`."""
    g = resolve(group, "broadcast_object_list")
    object_list[:] = json.loads(g.communicator.bcast(json.dumps(object_list) if g.rank() == src else None, root=src))
