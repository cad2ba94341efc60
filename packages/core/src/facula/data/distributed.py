"""The share of a dataset that one process of several visits."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from typing import Any

from facula.data.sampler import Sampler
from facula.devices.generator import Generator
from facula.errors import runtime_error, value_error


class DistributedSampler(Sampler[int]):
    """Every `num_replicas`-th sample, beginning with `rank`, of an order that all processes share.

    Call `set_epoch(epoch)` before each epoch for another order. The number of samples is padded (or, with drop_last, cut)
    so that every process has as many.

    >>> import facula
    >>> list(facula.utils.data.distributed.DistributedSampler(range(5), num_replicas=2, rank=1, shuffle=False))
    [1, 3, 0]
    """

    def __init__(
        self,
        dataset: Any,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        if num_replicas is None or rank is None:
            distributed = sys.modules.get("facula.distributed")  # a program with process groups has imported it
            if distributed is None or not distributed.is_initialized():
                raise runtime_error(
                    "DistributedSampler: expected num_replicas and rank, or an initialized process group, got neither. "
                    "Call facula.distributed.init_process_group() first."
                )
            num_replicas = distributed.get_world_size() if num_replicas is None else num_replicas
            rank = distributed.get_rank() if rank is None else rank
        if not 0 <= rank < num_replicas:
            raise value_error(
                f"DistributedSampler: Invalid rank {rank}, rank should be in the interval [0, {num_replicas - 1}]."
            )
        self.dataset = dataset
        self.num_replicas = num_replicas
        self.rank = rank
        self.epoch = 0
        self.drop_last = drop_last
        count = len(dataset)
        if drop_last and count % num_replicas:
            self.num_samples = math.ceil((count - num_replicas) / num_replicas)
        else:
            self.num_samples = math.ceil(count / num_replicas)
        self.total_size = self.num_samples * num_replicas
        self.shuffle = shuffle
        self.seed = seed

    def __iter__(self) -> Iterator[int]:
        count = len(self.dataset)
        if self.shuffle:
            order = Generator().manual_seed(self.seed + self.epoch).rng.permutation(count).tolist()
        else:
            order = list(range(count))
        if not self.drop_last and count:
            missing = self.total_size - count
            order += (order * math.ceil(missing / count))[:missing]
        return iter(order[self.rank : self.total_size : self.num_replicas])

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of an epoch, the same in all processes."""
        self.epoch = epoch
