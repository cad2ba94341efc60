"""Strategies: where the module of a run lives."""

from facula_lightning.strategies.ddp import DDPStrategy
from facula_lightning.strategies.single import SingleDeviceStrategy

__all__ = ["DDPStrategy", "SingleDeviceStrategy"]
