"""CIFAR-10 and CIFAR-100: small colour pictures, published as Python's object files, which are read without running them."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

import facula
from facula_vision.datasets.download import Resource, extract
from facula_vision.datasets.vision import Transform, VisionDataset, missing

__all__ = ["CIFAR10", "CIFAR100"]


def read_objects(path: Path) -> dict[str, Any]:
    """The dict in a file of Python's objects, by the reader of `facula.load`, which knows a closed list and runs nothing.

    RuntimeError, naming the file, for one that is damaged or holds more than containers and arrays.
    """
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:  # the reader takes such a program in the archive of a checkpoint
        file.writestr("cifar/data.pkl", path.read_bytes())
        file.writestr("cifar/version", "3\n")
        file.writestr("cifar/byteorder", "little")
    archive.seek(0)
    try:
        found = facula.load(archive)
    except RuntimeError as error:
        raise RuntimeError(f"read_objects: expected a batch of CIFAR, got {path} ({error}). Fetch it again.") from error
    if not isinstance(found, dict):
        raise RuntimeError(f"read_objects: expected a dict, got {type(found).__name__} in {path}. Fetch it again.")
    return found


class CIFAR10(VisionDataset):
    """60,000 colour pictures, 32 by 32 pixels, in ten classes: 50,000 for training, 10,000 for test.

    Samples: `(image, label)`, a PIL image of mode "RGB" and an int. RuntimeError if files are missing or damaged.
    Source: A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.
    """

    base_folder: ClassVar[str] = "cifar-10-batches-py"
    archive: ClassVar[Resource] = Resource(
        "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz", "c58f30108f718f92721af3b95e74349a"
    )
    train_list: ClassVar[list[list[str]]] = [
        ["data_batch_1", "c99cafc152244af753f735de768cd75f"],
        ["data_batch_2", "d4bba439e000b95fd0a9bffe97cbabec"],
        ["data_batch_3", "54ebc095f3ab1f0389bbae665268c751"],
        ["data_batch_4", "634d18415352ddfa80567beed471001a"],
        ["data_batch_5", "482c414d41f54cd18b22e5b47cb7c3cb"],
    ]
    test_list: ClassVar[list[list[str]]] = [["test_batch", "40351d587109b95175f43aff81a1287e"]]
    meta: ClassVar[dict[str, str]] = {
        "filename": "batches.meta", "key": "label_names", "md5": "5ff9c542aee3614f3951f8cda6e48888",
    }  # fmt: skip

    def __init__(
        self,
        root: str | os.PathLike[str],
        train: bool = True,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        download: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.train = train
        folder = self.folder / self.base_folder
        names = [name for name, _ in (self.train_list if train else self.test_list)]
        if download and not all((folder / name).is_file() for name in [*names, self.meta["filename"]]):
            self.download()
        pixels, self.targets = [], []
        for name in names:
            if not (folder / name).is_file():
                raise missing(type(self).__name__, folder / name)
            batch = read_objects(folder / name)
            pixels.append(batch["data"])
            self.targets.extend(batch["labels"] if "labels" in batch else batch["fine_labels"])
        self.data = np.ascontiguousarray(np.vstack(pixels).reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
        self.classes = read_objects(folder / self.meta["filename"])[self.meta["key"]]
        self.class_to_idx = {name: index for index, name in enumerate(self.classes)}

    def download(self) -> None:
        """Fetch the archive, checked, and unpack it."""
        extract(self.archive.fetch(self.folder), self.folder)

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        from PIL import Image

        return self.apply(Image.fromarray(self.data[index]), self.targets[index])

    def extra_repr(self) -> str:
        return f"Split: {'Train' if self.train else 'Test'}"


class CIFAR100(CIFAR10):
    """60,000 colour pictures, 32 by 32 pixels, in a hundred classes: 50,000 for training, 10,000 for test."""

    base_folder: ClassVar[str] = "cifar-100-python"
    archive: ClassVar[Resource] = Resource(
        "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz", "eb9058c3a382ffc7106e4002c42a8d85"
    )
    train_list: ClassVar[list[list[str]]] = [["train", "16019d7e3df5f24257cddd939b257f8d"]]
    test_list: ClassVar[list[list[str]]] = [["test", "f0ef6b0ae62326f3e7ffdfab6717acfc"]]
    meta: ClassVar[dict[str, str]] = {
        "filename": "meta", "key": "fine_label_names", "md5": "7973b15100ade9c7d40fb424638fde48",
    }  # fmt: skip
