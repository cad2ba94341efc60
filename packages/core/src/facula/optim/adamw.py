"""PyTorch's module path of `AdamW`; see `facula.optim.adam`."""

from facula.optim.adam import AdamW

__all__ = ["AdamW"]
