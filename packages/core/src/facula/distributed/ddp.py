"""`DistributedDataParallel`: the same model on every process, gradients averaged after each backward."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from facula.autograd.state import no_grad, state
from facula.devices import base as devices
from facula.distributed.collectives import broadcast
from facula.distributed.group import ProcessGroup, resolve
from facula.errors import runtime_error
from facula.nn.module import Module


class DistributedDataParallel(Module):
    """Wrap a module so that all processes of a group train it together, each on its share of the batch.

    Parameters and buffers start as those of rank 0. At the end of each backward all gradients travel in buckets of `bucket_cap_mb`
    and are averaged, so that equal shares give the gradient of the mean loss over the global batch. A parameter that a rank did
    not use counts as zero there.
    """

    def __init__(
        self,
        module: Module,
        device_ids: Any = None,
        output_device: Any = None,
        dim: int = 0,
        broadcast_buffers: bool = True,
        process_group: ProcessGroup | None = None,
        bucket_cap_mb: float = 25,
        find_unused_parameters: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        self.module = module
        self.process_group = resolve(process_group, "DistributedDataParallel")
        self.broadcast_buffers, self.bucket_bytes = broadcast_buffers, int(bucket_cap_mb * 2**20)
        self._parameters_in_order = [p for p in module.parameters() if p.requires_grad]
        if not self._parameters_in_order:
            raise runtime_error(
                "DistributedDataParallel: expected a module with a parameter that requires a gradient, got none. Use the module itself."
            )
        self._check_structure()
        with no_grad():
            for t in [*module.parameters(), *module.buffers()]:
                broadcast(t, 0, self.process_group)
        self._synchronize = True
        for p in self._parameters_in_order:
            p.register_post_accumulate_grad_hook(self._on_gradient)

    def _check_structure(self) -> None:
        mine = [tuple(p.shape) for p in self.module.parameters()]
        if any(other != mine for other in self.process_group.communicator.allgather(mine)):
            raise runtime_error(
                "DistributedDataParallel: expected the same parameters on all ranks, got different shapes. Build the same model everywhere."
            )

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        if self.broadcast_buffers and self.module.training and self._synchronize:
            with no_grad():
                for b in self.module.buffers():
                    broadcast(b, 0, self.process_group)
        return self.module(*args, **kwargs)

    @contextlib.contextmanager
    def no_sync(self) -> Iterator[None]:
        """Let gradients accumulate without communication; the first backward outside sends their sum."""
        before, self._synchronize = self._synchronize, False
        try:
            yield
        finally:
            self._synchronize = before

    def _on_gradient(self, parameter: Any) -> None:
        if self._synchronize and self.reduce_gradients not in state.after_backward:
            state.after_backward.append(self.reduce_gradients)

    def reduce_gradients(self) -> None:
        """Average `.grad` of all parameters over the processes (called by itself after a backward)."""
        bucket: list[Any] = []
        size = 0
        for p in reversed(self._parameters_in_order):
            if p.grad is None:
                p.grad = p.new_zeros(p.shape)
            if bucket and (size + p.nbytes > self.bucket_bytes or bucket[0].grad.dtype != p.grad.dtype):
                self._reduce(bucket)
                bucket, size = [], 0
            bucket.append(p)
            size += p.nbytes
        if bucket:
            self._reduce(bucket)

    def _reduce(self, bucket: list[Any]) -> None:
        from mpi4py import MPI

        flat = np.concatenate([devices.to_host(p.grad.array).reshape(-1) for p in bucket])
        total = np.empty_like(flat)
        self.process_group.communicator.Allreduce(flat, total, MPI.SUM)
        total /= self.process_group.size()
        start = 0
        for p in bucket:
            part = total[start : start + p.numel()].reshape(p.shape)
            p.grad.array[...] = part if p.is_cpu else devices.move(part, p.device)
            start += p.numel()
