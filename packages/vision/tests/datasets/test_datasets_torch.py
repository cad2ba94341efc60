"""Every dataset beside torchvision's on the same files."""

import importlib.util
import inspect
from pathlib import Path

import pytest

import facula
from facula_vision import datasets

torch = pytest.importorskip("torch")
torchvision = pytest.importorskip("torchvision")
spec = importlib.util.spec_from_file_location("files", Path(__file__).with_name("files.py"))
files = importlib.util.module_from_spec(spec)
spec.loader.exec_module(files)


@pytest.mark.parametrize(
    ("name", "write", "options"), files.CASES, ids=[f"{n}-{i}" for i, (n, *_) in enumerate(files.CASES)]
)
def test_samples(tmp_path, monkeypatch, name, write, options):
    reference = getattr(torchvision.datasets, name)
    for module in ("cifar", "svhn", "stl10", "caltech", "celeba", "lfw", "usps", "semeion", "flowers102"):
        for check in ("check_integrity", "_check_integrity"):  # its checksums are those of the published files
            if hasattr(getattr(torchvision.datasets, module), check):
                monkeypatch.setattr(getattr(torchvision.datasets, module), check, lambda path, *_: Path(path).exists())
    for kind in ("CelebA", "Caltech101", "SEMEION", "Omniglot"):
        monkeypatch.setattr(getattr(torchvision.datasets, kind), "_check_integrity", lambda self: True)
    monkeypatch.setattr(torchvision.datasets.lfw._LFW, "_check_integrity", lambda self: True)
    write(tmp_path)
    args, kwargs = files.arguments(name, tmp_path, options)
    if name in ("CocoDetection", "CocoCaptions"):
        pytest.importorskip("pycocotools")
    extra = {"download": False} if name == "SEMEION" else {}
    expected, found = reference(*args, **kwargs, **extra), getattr(datasets, name)(*args, **kwargs)
    assert len(found) == len(expected) > 0
    if name in ("SUN397", "Omniglot"):  # torchvision takes files in the order that the disk has them, Facula sorts
        pictures = [
            sorted(str(files.told(sample[0], facula.Tensor)) for sample in map(data.__getitem__, range(len(data))))
            for data in (found, expected)
        ]
        assert pictures[0] == pictures[1]
        return
    for index in range(len(expected)):
        assert files.told(found[index], facula.Tensor) == files.told(expected[index], torch.Tensor), (name, index)
    for fact in ("classes", "class_to_idx", "categories", "attr_names", "targets"):
        if isinstance(getattr(expected, fact, None), (list, dict)):
            assert list(getattr(found, fact)) == list(getattr(expected, fact)), fact


def test_signatures():
    for name in datasets.__all__:
        if name in ("Digits", "VisionDataset", "Kinetics") or not hasattr(torchvision.datasets, name):
            continue
        own, theirs = (
            list(inspect.signature(getattr(room, name)).parameters) for room in (datasets, torchvision.datasets)
        )
        assert own == theirs, name
