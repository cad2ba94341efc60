"""Parameters and buffers, under PyTorch's module path."""

from facula.nn.uninitialized import UninitializedBuffer, UninitializedParameter, UninitializedTensorMixin, is_lazy
from facula.tensors.parameter import Buffer, Parameter

__all__ = [
    "Buffer",
    "Parameter",
    "UninitializedBuffer",
    "UninitializedParameter",
    "UninitializedTensorMixin",
    "is_lazy",
]
