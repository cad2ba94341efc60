"""Pooling to a given output size: adaptive and fractional."""

from __future__ import annotations

from typing import Any

from facula.errors import value_error
from facula.nn import functional as F
from facula.nn.module import Module
from facula.nn.sizes import _pair, _triple
from facula.tensors.tensor import Tensor

Target = int | None | tuple[int | None, ...]


class _AdaptiveAvgPoolNd(Module):
    def __init__(self, output_size: Target) -> None:
        super().__init__()
        self.output_size = output_size

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_AdaptiveAvgPoolNd):
    """Means over windows chosen so that `output_size` numbers remain.

    Shape: (N, C, L) or (C, L) -> (N, C, output_size).

    >>> import facula
    >>> facula.nn.AdaptiveAvgPool1d(2)(facula.tensor([[[1.0, 3.0, 2.0, 0.0]]]))
    tensor([[[2., 1.]]])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.adaptive_avg_pool1d(input, self.output_size)


class AdaptiveAvgPool2d(_AdaptiveAvgPoolNd):
    """Means over windows chosen so that `output_size` places remain; None keeps a dimension.

    Shape: (N, C, H, W) or (C, H, W) -> (N, C, *output_size).

    >>> import facula
    >>> facula.nn.AdaptiveAvgPool2d((5, None))(facula.ones(1, 4, 8, 9)).shape
    facula.Size([1, 4, 5, 9])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.adaptive_avg_pool2d(input, self.output_size)


class AdaptiveAvgPool3d(_AdaptiveAvgPoolNd):
    """Means over windows chosen so that `output_size` places remain; None keeps a dimension.

    Shape: (N, C, D, H, W) or (C, D, H, W) -> (N, C, *output_size).

    >>> import facula
    >>> facula.nn.AdaptiveAvgPool3d(2)(facula.ones(1, 4, 8, 9, 7)).shape
    facula.Size([1, 4, 2, 2, 2])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.adaptive_avg_pool3d(input, self.output_size)


class _AdaptiveMaxPoolNd(Module):
    def __init__(self, output_size: Target, return_indices: bool = False) -> None:
        super().__init__()
        self.output_size = output_size
        self.return_indices = return_indices

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveMaxPool1d(_AdaptiveMaxPoolNd):
    """The largest numbers of windows chosen so that `output_size` remain.

    Shape: (N, C, L) or (C, L) -> (N, C, output_size).

    >>> import facula
    >>> facula.nn.AdaptiveMaxPool1d(2)(facula.tensor([[[1.0, 3.0, 2.0, 0.0]]]))
    tensor([[[3., 2.]]])
    """

    def forward(self, input: Tensor) -> Any:
        return F.adaptive_max_pool1d(input, self.output_size, self.return_indices)


class AdaptiveMaxPool2d(_AdaptiveMaxPoolNd):
    """The largest numbers of windows chosen so that `output_size` places remain; None keeps a dimension.

    Shape: (N, C, H, W) or (C, H, W) -> (N, C, *output_size).

    >>> import facula
    >>> facula.nn.AdaptiveMaxPool2d((5, None))(facula.ones(1, 4, 8, 9)).shape
    facula.Size([1, 4, 5, 9])
    """

    def forward(self, input: Tensor) -> Any:
        return F.adaptive_max_pool2d(input, self.output_size, self.return_indices)


class AdaptiveMaxPool3d(_AdaptiveMaxPoolNd):
    """The largest numbers of windows chosen so that `output_size` places remain; None keeps a dimension.

    Shape: (N, C, D, H, W) or (C, D, H, W) -> (N, C, *output_size).

    >>> import facula
    >>> facula.nn.AdaptiveMaxPool3d(2)(facula.ones(1, 4, 8, 9, 7)).shape
    facula.Size([1, 4, 2, 2, 2])
    """

    def forward(self, input: Tensor) -> Any:
        return F.adaptive_max_pool3d(input, self.output_size, self.return_indices)


def _check_target(name: str, output_size: Any, output_ratio: Any) -> None:
    if output_size is None and output_ratio is None:
        raise value_error(f"{name}: expected output_size or output_ratio, got neither. Pass one of them.")
    if output_size is not None and output_ratio is not None:
        raise value_error(f"{name}: expected only one of output_size and output_ratio, got both. Drop one.")
    if output_ratio is not None and not all(0 < ratio < 1 for ratio in output_ratio):
        raise value_error(f"{name}: expected output_ratio between 0 and 1, got {output_ratio}. Use e.g. 0.5.")


class FractionalMaxPool2d(Module):
    """Max pooling over windows placed at random so that the output has the wanted size (Graham, 2014).

    Shape: (N, C, H, W) or (C, H, W) -> (N, C, *output_size).

    >>> import facula
    >>> facula.nn.FractionalMaxPool2d(3, output_size=(5, 4))(facula.ones(1, 2, 12, 9)).shape
    facula.Size([1, 2, 5, 4])
    """

    def __init__(
        self,
        kernel_size: int | tuple[int, ...],
        output_size: int | tuple[int, ...] | None = None,
        output_ratio: float | tuple[float, ...] | None = None,
        return_indices: bool = False,
        _random_samples: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size = _pair(kernel_size)
        self.return_indices = return_indices
        self.register_buffer("_random_samples", _random_samples)
        self.output_size = None if output_size is None else _pair(output_size)
        self.output_ratio = None if output_ratio is None else _pair(output_ratio)
        _check_target(type(self).__name__, self.output_size, self.output_ratio)

    def forward(self, input: Tensor) -> Any:
        return F.fractional_max_pool2d(
            input, self.kernel_size, self.output_size, self.output_ratio, self.return_indices, self._random_samples
        )


class FractionalMaxPool3d(Module):
    """Max pooling over windows placed at random so that the output has the wanted size (Graham, 2014).

    Shape: (N, C, D, H, W) or (C, D, H, W) -> (N, C, *output_size).

    >>> import facula
    >>> facula.nn.FractionalMaxPool3d(2, output_ratio=0.5)(facula.ones(1, 2, 8, 8, 8)).shape
    facula.Size([1, 2, 4, 4, 4])
    """

    def __init__(
        self,
        kernel_size: int | tuple[int, ...],
        output_size: int | tuple[int, ...] | None = None,
        output_ratio: float | tuple[float, ...] | None = None,
        return_indices: bool = False,
        _random_samples: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size = _triple(kernel_size)
        self.return_indices = return_indices
        self.register_buffer("_random_samples", _random_samples)
        self.output_size = None if output_size is None else _triple(output_size)
        self.output_ratio = None if output_ratio is None else _triple(output_ratio)
        _check_target(type(self).__name__, self.output_size, self.output_ratio)

    def forward(self, input: Tensor) -> Any:
        return F.fractional_max_pool3d(
            input, self.kernel_size, self.output_size, self.output_ratio, self.return_indices, self._random_samples
        )
