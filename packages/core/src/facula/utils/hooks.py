"""Handles of hooks; see `facula.autograd.tape`."""

from facula.autograd.tape import RemovableHandle

__all__ = ["RemovableHandle"]
