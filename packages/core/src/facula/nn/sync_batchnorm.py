"""Batch normalisation over the batches of all processes."""

from __future__ import annotations

import sys
from typing import Any

from facula.autograd.function import Function
from facula.errors import value_error
from facula.nn.batchnorm import _BatchNorm
from facula.nn.module import Module
from facula.ops import cat, zeros
from facula.tensors.tensor import Tensor


class _AllReduce(Function):
    """The sum over all processes; its gradient is summed over them as well."""

    @staticmethod
    def forward(ctx: Any, distributed: Any, group: Any, input: Tensor) -> Tensor:
        ctx.distributed, ctx.group = distributed, group
        total = input.clone()
        distributed.all_reduce(total, group=group)
        return total

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        total = g.clone()
        ctx.distributed.all_reduce(total, group=ctx.group)
        return None, None, total


class SyncBatchNorm(_BatchNorm):
    """Batch normalisation whose statistics are those of all processes of `process_group` together.

    Shape: (N, C, ...) -> same shape. In one process, or in evaluation mode, it is plain batch normalisation.

    >>> import facula
    >>> facula.nn.SyncBatchNorm(3)(facula.ones(4, 3, 5)).shape
    facula.Size([4, 3, 5])
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        process_group: Any = None,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)
        self.process_group = process_group

    def _check_input_dim(self, input: Tensor) -> None:
        if input.ndim < 2:
            raise value_error(
                f"SyncBatchNorm: expected at least 2D input, got {input.ndim}D input of shape {tuple(input.shape)}. "
                "Add the batch dimension."
            )

    def forward(self, input: Tensor) -> Tensor:
        distributed = sys.modules.get("facula.distributed")  # a program with process groups has imported it
        use_batch = self.training or self.running_mean is None
        if distributed is None or not use_batch or not distributed.is_initialized():
            return super().forward(input)
        if distributed.get_world_size(self.process_group) == 1:
            return super().forward(input)
        self._check_input_dim(input)
        return self._synchronised(input, distributed, self._average_factor())

    def _synchronised(self, input: Tensor, distributed: Any, factor: float) -> Tensor:
        axes = (0, *range(2, input.ndim))
        shape = (1, -1, *[1] * (input.ndim - 2))
        own_count = zeros(1, dtype=input.dtype, device=input.device) + input.numel() / input.shape[1]
        sums = cat([input.sum(axes), (input * input).sum(axes), own_count])
        total = _AllReduce.apply(distributed, self.process_group, sums)
        count, channels = total[-1], self.num_features
        mean = total[:channels] / count
        var = (total[channels : 2 * channels] / count - mean * mean).clamp(min=0)
        if self.training and self.track_running_stats:
            unbiased = var.detach() * (count.detach() / (count.detach() - 1))
            self.running_mean.mul_(1 - factor).add_(mean.detach() * factor)
            self.running_var.mul_(1 - factor).add_(unbiased * factor)
        out = (input - mean.reshape(shape)) / (var.reshape(shape) + self.eps).sqrt()
        if self.weight is not None:
            out = out * self.weight.reshape(shape)
        return out if self.bias is None else out + self.bias.reshape(shape)

    @classmethod
    def convert_sync_batchnorm(cls, module: Module, process_group: Any = None) -> Module:
        """Replace every batch normalisation below `module` by a synchronised one with the same state."""
        converted = module
        if isinstance(module, _BatchNorm):
            converted = cls(
                module.num_features, module.eps, module.momentum, module.affine, module.track_running_stats,
                process_group,
            )  # fmt: skip
            for name in ("weight", "bias"):
                setattr(converted, name, getattr(module, name))
            for name in ("running_mean", "running_var", "num_batches_tracked"):
                setattr(converted, name, getattr(module, name))
            converted.training = module.training
        for name, child in module.named_children():
            converted.add_module(name, cls.convert_sync_batchnorm(child, process_group))
        return converted
