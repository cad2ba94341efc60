"""The sampler of one process of several; see `facula.data.distributed`."""

from facula.data.distributed import DistributedSampler

__all__ = ["DistributedSampler"]
