"""Recomputing activations in backward; see `facula.autograd.checkpoint`."""

from facula.autograd.checkpoint import CheckpointError, checkpoint, checkpoint_sequential, noop_context_fn

__all__ = ["CheckpointError", "checkpoint", "checkpoint_sequential", "noop_context_fn"]
