"""The order in memory of the weights of convolutions: kernels here copy what they read into an order of their own."""

from __future__ import annotations

from typing import Any

from facula.nn.module import Module


def convert_conv2d_weight_memory_format(module: Module, memory_format: Any) -> Module:
    """Accepted for PyTorch's sake: weights of 2d convolutions stay as they are, and the module is returned.

    >>> import facula
    >>> facula.nn.utils.convert_conv2d_weight_memory_format(facula.nn.Conv2d(3, 4, 2), facula.channels_last)
    Conv2d(3, 4, kernel_size=(2, 2), stride=(1, 1))
    """
    return module


def convert_conv3d_weight_memory_format(module: Module, memory_format: Any) -> Module:
    """Accepted for PyTorch's sake: weights of 3d convolutions stay as they are, and the module is returned.

    >>> import facula
    >>> facula.nn.utils.convert_conv3d_weight_memory_format(facula.nn.Conv3d(3, 4, 2), facula.channels_last_3d)
    Conv3d(3, 4, kernel_size=(2, 2, 2), stride=(1, 1, 1))
    """
    return module
