"""Recomputing activations in backward; see `facula.autograd.checkpoint`."""

from facula.autograd.checkpoint import checkpoint, checkpoint_sequential, noop_context_fn

__all__ = ["checkpoint", "checkpoint_sequential", "noop_context_fn"]
