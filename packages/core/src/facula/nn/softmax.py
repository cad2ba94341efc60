"""Softmax and its relatives as layers."""

from __future__ import annotations

from facula.errors import value_error
from facula.nn import functional as F
from facula.nn.module import Module
from facula.tensors.tensor import Tensor


class Softmax(Module):
    """exp(x_i) / sum_j exp(x_j) along dim.

    Shape: (*) -> same shape.

    >>> import facula
    >>> facula.nn.Softmax(dim=0)(facula.zeros(2))
    tensor([0.5000, 0.5000])
    """

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        return F.softmax(input, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class Softmin(Module):
    """exp(-x_i) / sum_j exp(-x_j) along dim.

    Shape: (*) -> same shape.

    >>> import facula
    >>> facula.nn.Softmin(dim=0)(facula.zeros(2))
    tensor([0.5000, 0.5000])
    """

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        return F.softmin(input, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class LogSoftmax(Module):
    """log(exp(x_i) / sum_j exp(x_j)) along dim.

    Shape: (*) -> same shape.

    >>> import facula
    >>> facula.nn.LogSoftmax(dim=0)(facula.zeros(2))
    tensor([-0.6931, -0.6931])
    """

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        return F.log_softmax(input, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class Softmax2d(Module):
    """Softmax over the channels of every place of an image.

    Shape: (N, C, H, W) or (C, H, W) -> same shape.

    >>> import facula
    >>> facula.nn.Softmax2d()(facula.zeros(1, 2, 1, 1)).flatten()
    tensor([0.5000, 0.5000])
    """

    def forward(self, input: Tensor) -> Tensor:
        if input.ndim not in (3, 4):
            raise value_error(
                f"Softmax2d: expected 3D or 4D input, got {input.ndim}D of shape {tuple(input.shape)}. "
                "Use Softmax(dim) instead."
            )
        return F.softmax(input, -3)
