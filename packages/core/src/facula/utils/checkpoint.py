"""PyTorch's path to `facula.autograd.checkpoint`."""

from __future__ import annotations

from facula.autograd.checkpoint import CheckpointError, checkpoint, checkpoint_sequential, noop_context_fn

__all__ = ["CheckpointError", "checkpoint", "checkpoint_sequential", "noop_context_fn"]
