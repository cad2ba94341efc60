"""Normalisation inside one sample: LayerNorm, RMSNorm, GroupNorm and the local response norms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from facula.errors import value_error
from facula.nn import functional as F
from facula.nn import init
from facula.nn.module import Module
from facula.nn.uninitialized import new_parameter
from facula.tensors.tensor import Tensor


def _shape_of(normalized_shape: int | Sequence[int]) -> tuple[int, ...]:
    return (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)


class LayerNorm(Module):
    """y = (x - mean) / sqrt(var + eps) * weight + bias, over the last dimensions (Ba, Kiros & Hinton, 2016).

    Shape: (*, normalized_shape) -> same shape.

    >>> import facula
    >>> facula.nn.LayerNorm(10)(facula.ones(2, 5, 10)).shape
    facula.Size([2, 5, 10])
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _shape_of(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        shape = self.normalized_shape
        affine = elementwise_affine
        self.register_parameter("weight", new_parameter(*shape, device=device, dtype=dtype) if affine else None)
        self.register_parameter("bias", new_parameter(*shape, device=device, dtype=dtype) if affine and bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weight 1 and bias 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, "
            f"bias={self.bias is not None}"
        )


class RMSNorm(Module):
    """y = x / sqrt(mean(x^2) + eps) * weight, over the last dimensions (Zhang & Sennrich, 2019).

    Shape: (*, normalized_shape) -> same shape.

    >>> import facula
    >>> facula.nn.RMSNorm(4)(facula.full((1, 4), 2.0)).detach()
    tensor([[1., 1., 1., 1.]])
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _shape_of(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        weight = new_parameter(*self.normalized_shape, device=device, dtype=dtype) if elementwise_affine else None
        self.register_parameter("weight", weight)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weight 1."""
        if self.weight is not None:
            init.ones_(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class GroupNorm(Module):
    """y = (x - mean) / sqrt(var + eps) * weight + bias, over groups of channels (Wu & He, 2018).

    Shape: (N, C, *) -> same shape; C divides by num_groups.

    >>> import facula
    >>> facula.nn.GroupNorm(3, 6)(facula.ones(2, 6, 4, 4)).shape
    facula.Size([2, 6, 4, 4])
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if num_channels % num_groups:
            raise value_error(
                f"GroupNorm: num_channels must be divisible by num_groups, got {num_channels} and {num_groups}. "
                "Change num_groups."
            )
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        make = {"device": device, "dtype": dtype}
        self.register_parameter("weight", new_parameter(num_channels, **make) if affine else None)
        self.register_parameter("bias", new_parameter(num_channels, **make) if affine and bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weight 1 and bias 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, bias={self.bias is not None}"


class LocalResponseNorm(Module):
    """y = x / (k + alpha * mean of x^2 over `size` neighbouring channels)^beta (Krizhevsky et al., 2012).

    Shape: (N, C, *) -> same shape.

    >>> import facula
    >>> facula.nn.LocalResponseNorm(2)(facula.ones(1, 4, 3, 3)).shape
    facula.Size([1, 4, 3, 3])
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, input: Tensor) -> Tensor:
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


class CrossMapLRN2d(Module):
    """y = x / (k + alpha / size * sum of x^2 over `size` neighbouring channels)^beta, for images.

    Shape: (N, C, H, W) -> same shape.

    >>> import facula
    >>> facula.nn.CrossMapLRN2d(2)(facula.ones(1, 4, 3, 3)).shape
    facula.Size([1, 4, 3, 3])
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1) -> None:
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, input: Tensor) -> Tensor:
        before = (self.size - 1) // 2
        squares = F.pad(input * input, (0, 0, 0, 0, before, self.size - 1 - before))
        total = sum(squares[:, i : i + input.shape[1]] for i in range(self.size))
        return input / (self.k + self.alpha / self.size * total) ** self.beta

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
