"""MNIST and the datasets published in its form: four IDX files, images and labels for training and for test."""

from __future__ import annotations

import os
import string
from pathlib import Path
from typing import Any, ClassVar

import facula
from facula_vision.datasets.download import Resource, extract
from facula_vision.datasets.idx import read_idx
from facula_vision.datasets.vision import Transform, VisionDataset, check_choice

__all__ = ["EMNIST", "KMNIST", "MNIST", "QMNIST", "FashionMNIST"]


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
        if download:
            self.download()
        self.data, self.targets = self._load()
        if len(self.data) != len(self.targets):
            raise RuntimeError(
                f"{type(self).__name__}: expected as many labels as images, got {len(self.targets)} labels and "
                f"{len(self.data)} images in {self.raw_folder}. Fetch the files again."
            )

    def _load(self) -> tuple[Any, Any]:
        """The images (N, 28, 28) and their labels."""
        part = "train" if self.train else "t10k"
        images = self._read(f"{part}-images-idx3-ubyte", 3)
        return images, self._read(f"{part}-labels-idx1-ubyte", 1).to(facula.int64)

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
        folders = [self.raw_folder, self.folder, *map(Path, self.system_folders)]
        paths = (folder / file for folder in folders for file in (name, f"{name}.gz", f"{name}.xz"))
        return next((path for path in paths if path.is_file()), None)

    def _read(self, name: str, dims: int, dtype: Any = facula.uint8) -> Any:
        path = self._find(name)
        if path is None:
            raise RuntimeError(
                f"{type(self).__name__}: dataset not found, expected {name}[.gz] in {self.raw_folder} or {self.root}. "
                "You can use download=True to download it."
            )
        data = read_idx(path)
        if data.dim() != dims or data.dtype != dtype:
            raise RuntimeError(
                f"{type(self).__name__}: expected {dims} dimensions of {dtype}, got {data.dim()} of {data.dtype} in "
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


class KMNIST(MNIST):
    """70,000 letters of old Japanese script, 28 by 28 pixels, in ten classes: 60,000 for training, 10,000 for test.

    Source: T. Clanuwat et al., "Deep Learning for Classical Japanese Literature", 2018, https://arxiv.org/abs/1812.01718.
    """

    classes: ClassVar[list[str]] = ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"]
    mirror: ClassVar[str] = "http://codh.rois.ac.jp/kmnist/dataset/kmnist/"
    checksums: ClassVar[dict[str, str]] = {
        "train-images-idx3-ubyte.gz": "bdb82020997e1d708af4cf47b453dcf7",
        "train-labels-idx1-ubyte.gz": "e144d726b3acfaa3e44228e80efcd344",
        "t10k-images-idx3-ubyte.gz": "5c965bf0a639b31b8f53240b1b52f4d7",
        "t10k-labels-idx1-ubyte.gz": "7320c461ea6c1c855c0b718fb2a4b134",
    }


class EMNIST(MNIST):
    """Handwritten letters and digits, 28 by 28 pixels (each stands on its side, as published), in one of six `split`s.

    `byclass` tells 62 classes, `bymerge` and `balanced` 47, where small and large letters that look alike are one;
    `letters` 26 (labels from 1 on), `digits` and `mnist` 10. ValueError for another split.
    Source: G. Cohen et al., "EMNIST: an extension of MNIST to handwritten letters", 2017, https://arxiv.org/abs/1702.05373.
    """

    splits: ClassVar[tuple[str, ...]] = ("byclass", "bymerge", "balanced", "letters", "digits", "mnist")
    archive: ClassVar[Resource] = Resource(
        "https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip", "58c8d27c78d21e728a6bc7b3cc06412e"
    )
    _all: ClassVar[list[str]] = [*string.digits, *string.ascii_uppercase, *string.ascii_lowercase]
    _merged: ClassVar[list[str]] = [*string.digits, *string.ascii_uppercase, *"abdefghnqrt"]
    classes_split_dict: ClassVar[dict[str, list[str]]] = {
        "byclass": _all,
        "bymerge": _merged,
        "balanced": _merged,
        "letters": ["N/A", *string.ascii_lowercase],
        "digits": [*string.digits],
        "mnist": [*string.digits],
    }

    def __init__(self, root: str | os.PathLike[str], split: str, **kwargs: Any) -> None:
        self.split = check_choice("EMNIST", "split", split, self.splits)
        self.classes = self.classes_split_dict[split]  # type: ignore[misc]
        super().__init__(root, **kwargs)

    def download(self) -> None:
        """Fetch the archive of all splits and unpack it."""
        if self._find(f"emnist-{self.split}-train-images-idx3-ubyte") is None:
            extract(self.archive.fetch(self.raw_folder), self.raw_folder)
            for path in (self.raw_folder / "gzip").glob("*.gz"):
                os.replace(path, self.raw_folder / path.name)

    def _load(self) -> tuple[Any, Any]:
        part = f"emnist-{self.split}-{'train' if self.train else 'test'}"
        images = self._read(f"{part}-images-idx3-ubyte", 3)
        return images, self._read(f"{part}-labels-idx1-ubyte", 1).to(facula.int64)


class QMNIST(MNIST):
    """MNIST traced back to the scans of NIST it was made of: 60,000 digits for training and, not 10,000, but 60,000 for test.

    `what` is "train", "test", "test10k" (MNIST's), "test50k" (the lost ones) or "nist" (all 402,953); by default `train`
    decides. With `compat` a target is the class; without, all eight numbers published for a digit. ValueError for others.
    Source: C. Yadav, L. Bottou, "Cold Case: The Lost MNIST Digits", 2019, https://arxiv.org/abs/1905.10498.
    """

    subsets: ClassVar[dict[str, str]] = {
        "train": "train", "test": "test", "test10k": "test", "test50k": "test", "nist": "nist",
    }  # fmt: skip
    mirror: ClassVar[str] = "https://raw.githubusercontent.com/facebookresearch/qmnist/master/"
    files: ClassVar[dict[str, tuple[tuple[str, str], tuple[str, str]]]] = {
        "train": (
            ("qmnist-train-images-idx3-ubyte.gz", "ed72d4157d28c017586c42bc6afe6370"),
            ("qmnist-train-labels-idx2-int.gz", "0058f8dd561b90ffdd0f734c6a30e5e4"),
        ),
        "test": (
            ("qmnist-test-images-idx3-ubyte.gz", "1394631089c404de565df7b7aeaf9412"),
            ("qmnist-test-labels-idx2-int.gz", "5b5b05890a5e13444e108efe57b788aa"),
        ),
        "nist": (
            ("xnist-images-idx3-ubyte.xz", "7f124b3b8ab81486c9d8c2749c17f834"),
            ("xnist-labels-idx2-int.xz", "5ed0e788978e45d4a8bd4b7caec3d79d"),
        ),
    }

    def __init__(
        self,
        root: str | os.PathLike[str],
        what: str | None = None,
        compat: bool = True,
        train: bool = True,
        **kwargs: Any,
    ) -> None:
        what = what if what is not None else "train" if train else "test"
        self.what = check_choice("QMNIST", "what", what, tuple(self.subsets))
        self.compat = compat
        super().__init__(root, train, **kwargs)

    def download(self) -> None:
        """Fetch the two files of the part that are missing."""
        for name, checksum in self.files[self.subsets[self.what]]:
            if self._find(name.rsplit(".", 1)[0]) is None:
                Resource(self.mirror + name, checksum).fetch(self.raw_folder)

    def _load(self) -> tuple[Any, Any]:
        (images, _), (labels, _) = self.files[self.subsets[self.what]]
        data = self._read(images.rsplit(".", 1)[0], 3)
        targets = self._read(labels.rsplit(".", 1)[0], 2, facula.int32).to(facula.int64)
        part = {"test10k": slice(10_000), "test50k": slice(10_000, None)}.get(self.what, slice(None))
        return data[part], targets[part]

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        from PIL import Image

        target: Any = int(self.targets[index][0]) if self.compat else self.targets[index]
        return self.apply(Image.fromarray(self.data[index].numpy()), target)

    def extra_repr(self) -> str:
        return f"Split: {self.what}"
