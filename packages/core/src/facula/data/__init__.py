"""Datasets, samplers and the loader; `facula.utils.data` is the same under PyTorch's name."""

from facula.data.collate import default_collate, default_convert
from facula.data.datapipe import IterDataPipe, MapDataPipe
from facula.data.dataset import (
    ChainDataset,
    ConcatDataset,
    Dataset,
    IterableDataset,
    StackDataset,
    Subset,
    TensorDataset,
    random_split,
)
from facula.data.distributed import DistributedSampler
from facula.data.info import WorkerInfo, get_worker_info
from facula.data.loader import DataLoader
from facula.data.sampler import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from facula.data.shard_writer import ShardWriter
from facula.data.shards import ShardDataset, StreamingDataset

__all__ = [
    "BatchSampler", "ChainDataset", "ConcatDataset", "DataLoader", "Dataset", "DistributedSampler", "IterDataPipe",
    "IterableDataset", "MapDataPipe", "RandomSampler", "Sampler", "SequentialSampler", "ShardDataset", "ShardWriter",
    "StackDataset", "StreamingDataset", "Subset", "SubsetRandomSampler", "TensorDataset", "WeightedRandomSampler",
    "WorkerInfo", "default_collate", "default_convert", "get_worker_info", "random_split",
]  # fmt: skip
