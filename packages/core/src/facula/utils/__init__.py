"""PyTorch's module paths for rooms that have another name here."""

from facula.utils import checkpoint, data, hooks

__all__ = ["checkpoint", "data", "hooks"]
