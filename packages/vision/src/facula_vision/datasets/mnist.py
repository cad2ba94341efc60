"""MNIST and the datasets published in its form: four IDX files, images and labels for training and for test."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, ClassVar

import facula
from facula_vision.datasets.download import Resource
from facula_vision.datasets.idx import read_idx
from facula_vision.datasets.vision import Transform, VisionDataset

__all__ = ["MNIST", "FashionMNIST"]


class MNIST(VisionDataset):
    """70,000 handwritten digits, 28 by 28 pixels: 60,000 for training, 10,000 for test.

    The files, compressed or not, are looked for in `root/MNIST/raw` and in `root`; `download=True` fetches what is
    missing into the first. Samples: `(image, label)`, a PIL image of mode "L" and an int.

    RuntimeError if files are missing or damaged.
    Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits", 1998.
    """

    classes: ClassVar[list[str]] = [
        "0 - zero", "1 - one", "2 - two", "3 - three", "4 - four",
        "5 - five", "6 - six", "7 - seven", "8 - eight", "9 - nine",
    ]  # fmt: skip
    mirror: ClassVar[str] = "https://ossci-datasets.s3.amazonaws.com/mnist/"
    checksums: ClassVar[dict[str, str]] = {
        "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    }
    system_folders: ClassVar[tuple[str, ...]] = ()

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
        part = "train" if train else "t10k"
        images, labels = f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte"
        if download:
            self.download()
        self.data, self.targets = self._read(images, 3), self._read(labels, 1).to(facula.int64)
        if len(self.data) != len(self.targets):
            raise RuntimeError(
                f"{type(self).__name__}: expected as many labels as images, got {len(self.targets)} labels and "
                f"{len(self.data)} images in {self.raw_folder}. Fetch the files again."
            )

    @classmethod
    def resources(cls) -> list[Resource]:
        """The four published files."""
        return [Resource(cls.mirror + name, sha256) for name, sha256 in cls.checksums.items()]

    @property
    def raw_folder(self) -> Path:
        """Where downloaded files are kept."""
        return Path(self.root or ".") / type(self).__name__ / "raw"

    @property
    def class_to_idx(self) -> dict[str, int]:
        """The label of each class."""
        return {name: index for index, name in enumerate(self.classes)}

    def download(self) -> None:
        """Fetch the files that are missing, each checked against its SHA-256."""
        for resource in self.resources():
            if self._find(resource.filename.removesuffix(".gz")) is None:
                resource.fetch(self.raw_folder)

    def _find(self, name: str) -> Path | None:
        folders = [self.raw_folder, Path(self.root or "."), *map(Path, self.system_folders)]
        paths = (folder / file for folder in folders for file in (name, f"{name}.gz"))
        return next((path for path in paths if path.is_file()), None)

    def _read(self, name: str, dims: int) -> Any:
        path = self._find(name)
        if path is None:
            raise RuntimeError(
                f"{type(self).__name__}: dataset not found, expected {name}[.gz] in {self.raw_folder} or {self.root}. "
                "You can use download=True to download it."
            )
        data = read_idx(path)
        if data.dim() != dims or data.dtype != facula.uint8:
            raise RuntimeError(
                f"{type(self).__name__}: expected {dims} dimensions of uint8, got {data.dim()} of {data.dtype} in "
                f"{path}. "
                "Fetch the files again."
            )
        return data

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        from PIL import Image

        return self.apply(Image.fromarray(self.data[index].numpy()), int(self.targets[index]))

    def extra_repr(self) -> str:
        return f"Split: {'Train' if self.train else 'Test'}"


class FashionMNIST(MNIST):
    """70,000 pictures of clothes, 28 by 28 pixels, in ten classes: 60,000 for training, 10,000 for test.

    Files are looked for as MNIST's are, and in the folder of Debian's package `dataset-fashion-mnist`.
    Source: H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST", 2017, https://arxiv.org/abs/1708.07747.
    """

    classes: ClassVar[list[str]] = [
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    ]  # fmt: skip
    mirror: ClassVar[str] = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
    checksums: ClassVar[dict[str, str]] = {
        "train-images-idx3-ubyte.gz": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        "train-labels-idx1-ubyte.gz": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        "t10k-images-idx3-ubyte.gz": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        "t10k-labels-idx1-ubyte.gz": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    }
    system_folders: ClassVar[tuple[str, ...]] = ("/usr/share/datasets/fashion-mnist",)
