"""The metrics of `facula.metrics`, which add up over batches and processes: simply `self.log("acc", self.acc)`."""

from facula.metrics import *  # noqa: F403
from facula.metrics import __all__ as __all__
