"""Strategies: where the module of a run lives."""

from facula_lightning.strategies.single import SingleDeviceStrategy

__all__ = ["SingleDeviceStrategy"]
