"""Batch and instance normalisation (lazy ones are in lazy_layers)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from facula.dtypes import int64
from facula.errors import value_error
from facula.nn import functional as F
from facula.nn import init
from facula.nn.module import Module
from facula.nn.uninitialized import new_parameter
from facula.ops import ones, zeros
from facula.tensors.tensor import Tensor


class _NormBase(Module):
    """What normalisations over a batch or an instance hold: scale and shift, and running statistics."""

    _version = 2
    ranks: ClassVar[tuple[int, ...]]
    rank_names: ClassVar[str]

    def _other_layer(self, rank: int) -> str:
        name = re.sub(r"\dd", f"{rank - 2}d", type(self).__name__)
        return f"Use {name}" if 3 <= rank <= 5 and name != type(self).__name__ else "Reshape it"

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        make = {"device": device, "dtype": dtype}
        self.register_parameter("weight", new_parameter(num_features, **make) if affine else None)
        self.register_parameter("bias", new_parameter(num_features, **make) if affine and bias else None)
        track = track_running_stats
        self.register_buffer("running_mean", zeros(num_features, **make) if track else None)
        self.register_buffer("running_var", ones(num_features, **make) if track else None)
        self.register_buffer("num_batches_tracked", zeros((), dtype=int64, device=device) if track else None)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Forget the statistics: mean 0, variance 1."""
        if self.track_running_stats:
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        """Weight 1, bias 0, and no statistics."""
        self.reset_running_stats()
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def _check_input_dim(self, input: Tensor) -> None:
        if input.ndim not in self.ranks:
            raise value_error(
                f"{type(self).__name__}: expected {self.rank_names} input, got {input.ndim}D input "
                f"of shape {tuple(input.shape)}. {self._other_layer(input.ndim)}."
            )

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )

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
        key = prefix + "num_batches_tracked"
        if (local_metadata.get("version") or 0) < 2 and self.track_running_stats and key not in state_dict:
            counted = self.num_batches_tracked  # files from before the counter existed
            state_dict = {**state_dict, key: zeros((), dtype=int64) if counted.is_meta else counted}
        super()._load_from_state_dict(
            state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
        )


class _BatchNorm(_NormBase):
    """Normalisation by the statistics of the batch."""

    def _average_factor(self) -> float:
        """How much the newest batch weighs in the running statistics; counts it first."""
        if not (self.training and self.track_running_stats):
            return 0.0 if self.momentum is None else self.momentum
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if self.momentum is None:
                return 1.0 / float(self.num_batches_tracked.item())
        return 0.0 if self.momentum is None else self.momentum

    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        factor = self._average_factor()
        use_batch = self.training or (self.running_mean is None and self.running_var is None)
        keep = not self.training or self.track_running_stats
        return F.batch_norm(
            input,
            self.running_mean if keep else None,
            self.running_var if keep else None,
            self.weight,
            self.bias,
            use_batch,
            factor,
            self.eps,
        )


class BatchNorm1d(_BatchNorm):
    """y = (x - mean) / sqrt(var + eps) * weight + bias, statistics over the batch (Ioffe & Szegedy, 2015).

    Shape: (N, C) or (N, C, L) -> same shape. In evaluation mode the running statistics are used.

    `momentum` is the share of the new batch in the running statistics (None: their plain average); `affine=False` leaves weight and
    bias out; without `track_running_stats` each batch's own statistics are used in evaluation, too.

    >>> import facula
    >>> facula.nn.BatchNorm1d(3)(facula.ones(4, 3)).abs().sum()
    tensor(0., grad_fn=<SumBackward0>)
    """

    ranks = (2, 3)
    rank_names = "2D or 3D"


class BatchNorm2d(_BatchNorm):
    """y = (x - mean) / sqrt(var + eps) * weight + bias, statistics over batch, height and width.

    Shape: (N, C, H, W) -> same shape. In evaluation mode the running statistics are used (Ioffe & Szegedy, 2015).

    `momentum` is the share of the new batch in the running statistics (None: their plain average); `affine=False` leaves weight and
    bias out; without `track_running_stats` each batch's own statistics are used in evaluation, too.

    >>> import facula
    >>> facula.nn.BatchNorm2d(8)(facula.ones(2, 8, 4, 4)).shape
    facula.Size([2, 8, 4, 4])
    """

    ranks = (4,)
    rank_names = "4D"


class BatchNorm3d(_BatchNorm):
    """y = (x - mean) / sqrt(var + eps) * weight + bias, statistics over batch, depth, height and width.

    Shape: (N, C, D, H, W) -> same shape. In evaluation mode the running statistics are used (Ioffe & Szegedy, 2015).

    `momentum` is the share of the new batch in the running statistics (None: their plain average); `affine=False` leaves weight and
    bias out; without `track_running_stats` each batch's own statistics are used in evaluation, too.

    >>> import facula
    >>> facula.nn.BatchNorm3d(2)(facula.ones(1, 2, 3, 3, 3)).shape
    facula.Size([1, 2, 3, 3, 3])
    """

    ranks = (5,)
    rank_names = "5D"


class _InstanceNorm(_NormBase):
    """Normalisation of every channel of every sample by its own statistics."""

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        channel = input.ndim - self.ranks[0]
        if input.shape[channel] != self.num_features and self.affine:
            raise value_error(
                f"{type(self).__name__}: expected input's size at dim={channel} to match num_features "
                f"({self.num_features}), got {input.shape[channel]}. Change num_features."
            )
        if input.ndim == self.ranks[0]:
            return self._normalised(input.unsqueeze(0)).squeeze(0)
        return self._normalised(input)

    def _normalised(self, input: Tensor) -> Tensor:
        momentum = 0.0 if self.momentum is None else self.momentum
        use_input = self.training or not self.track_running_stats
        return F.instance_norm(
            input, self.running_mean, self.running_var, self.weight, self.bias, use_input, momentum, self.eps
        )


class InstanceNorm1d(_InstanceNorm):
    """y = (x - mean) / sqrt(var + eps), statistics over the length of each channel (Ulyanov et al., 2016).

    Shape: (N, C, L) or (C, L) -> same shape.

    `affine` adds weight and bias of each channel; `track_running_stats` keeps running statistics, with `momentum` as the share of
    the new ones, and uses them in evaluation mode.

    >>> import facula
    >>> facula.nn.InstanceNorm1d(3)(facula.ones(2, 3, 5)).abs().sum()
    tensor(0.)
    """

    ranks = (2, 3)
    rank_names = "2D or 3D"


class InstanceNorm2d(_InstanceNorm):
    """y = (x - mean) / sqrt(var + eps), statistics over height and width of each channel (Ulyanov et al., 2016).

    Shape: (N, C, H, W) or (C, H, W) -> same shape.

    `affine` adds weight and bias of each channel; `track_running_stats` keeps running statistics, with `momentum` as the share of
    the new ones, and uses them in evaluation mode.

    >>> import facula
    >>> facula.nn.InstanceNorm2d(3)(facula.ones(2, 3, 5, 5)).shape
    facula.Size([2, 3, 5, 5])
    """

    ranks = (3, 4)
    rank_names = "3D or 4D"


class InstanceNorm3d(_InstanceNorm):
    """y = (x - mean) / sqrt(var + eps), statistics over depth, height and width of each channel.

    Shape: (N, C, D, H, W) or (C, D, H, W) -> same shape (Ulyanov et al., 2016).

    `affine` adds weight and bias of each channel; `track_running_stats` keeps running statistics, with `momentum` as the share of
    the new ones, and uses them in evaluation mode.

    >>> import facula
    >>> facula.nn.InstanceNorm3d(2)(facula.ones(1, 2, 3, 3, 3)).shape
    facula.Size([1, 2, 3, 3, 3])
    """

    ranks = (4, 5)
    rank_names = "4D or 5D"
