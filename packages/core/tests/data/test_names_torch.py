"""The public names of torch.utils.data and torch.multiprocessing, and the arguments of what they name."""

import inspect

import pytest

import facula.multiprocessing
import facula.utils.data

torch = pytest.importorskip("torch")
pytest.importorskip("torch.multiprocessing")

WITHOUT = {
    "functional forms of data pipes, which PyTorch itself no longer develops": """
        DFIterDataPipe DataChunk argument_validation functional_datapipe guaranteed_datapipes_determinism non_deterministic
        runtime_validation runtime_validation_disabled
    """,
    "how PyTorch's loader is made inside": "_DatasetKind",
}
CLASSES = """
    BatchSampler ChainDataset ConcatDataset DataLoader DistributedSampler RandomSampler SequentialSampler StackDataset Subset
    SubsetRandomSampler TensorDataset WeightedRandomSampler default_collate default_convert get_worker_info random_split
""".split()


def test_names_of_data_are_here_or_explained():
    explained = {name for names in WITHOUT.values() for name in names.split()}
    missing = {name for name in torch.utils.data.__all__ if not hasattr(facula.utils.data, name)}
    assert missing == explained


def test_names_of_multiprocessing_are_here():
    names = [*torch.multiprocessing.__all__, "spawn", "start_processes", "ProcessContext", "SpawnContext"]
    assert [name for name in names if not hasattr(facula.multiprocessing, name)] == []


def arguments(function):
    return [
        (p.name, p.kind, p.default)
        for p in inspect.signature(function).parameters.values()
        if p.name not in ("collate_fn_map", "snapshot_every_n_steps")
    ]


@pytest.mark.parametrize("name", CLASSES)
def test_arguments_are_theirs(name):
    theirs, ours = arguments(getattr(torch.utils.data, name)), arguments(getattr(facula.utils.data, name))
    if name == "random_split":
        theirs = [(n, k, None if n == "generator" else d) for n, k, d in theirs]
    assert ours == theirs


@pytest.mark.parametrize("name", ["spawn", "start_processes"])
def test_arguments_of_spawn_are_theirs(name):
    assert arguments(getattr(facula.multiprocessing, name)) == arguments(getattr(torch.multiprocessing, name))
