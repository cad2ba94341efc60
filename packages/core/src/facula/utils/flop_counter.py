"""Counting arithmetic; see `facula.profiler.counter`."""

from facula.profiler.counter import FlopCounterMode, register_flop_formula

__all__ = ["FlopCounterMode", "register_flop_formula"]
