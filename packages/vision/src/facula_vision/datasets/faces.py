"""Faces: CelebA with its attributes, Labeled Faces in the Wild as people and as pairs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

import facula
from facula import Tensor
from facula_vision.datasets.download import Resource, extract
from facula_vision.datasets.vision import Loader, Transform, VisionDataset, check_choice, missing, pil_loader

__all__ = ["CelebA", "LFWPairs", "LFWPeople"]

_DRIVE = "https://drive.usercontent.google.com/download?confirm=t&id="


class CelebA(VisionDataset):
    """202,599 faces of 10,177 people: split "train", "valid", "test" or "all".

    `target_type` names what a target is, several make a tuple: "attr" (40 of 0 or 1), "identity" (an int), "bbox" (x, y,
    width, height), "landmarks" (x and y of five points); the names of attributes are in `attr_names`. ValueError for others.
    Source: Z. Liu et al., "Deep Learning Face Attributes in the Wild", 2015, https://arxiv.org/abs/1411.7766.
    """

    base_folder: ClassVar[str] = "celeba"
    files: ClassVar[tuple[Resource, ...]] = tuple(
        Resource(_DRIVE + id, md5, name)
        for id, md5, name in (
            ("0B7EVK8r0v71pZjFTYXZWM3FlRnM", "00d2c5bc6d35e252742224ab0c1e8fcb", "img_align_celeba.zip"),
            ("0B7EVK8r0v71pblRyaVFSWGxPY0U", "75e246fa4810816ffd6ee81facbd244c", "list_attr_celeba.txt"),
            ("1_ee_0u7vcNLOfNLegJRHmolfH5ICW-XS", "32bd1bd63d3c78cd57e08160ec5ed1e2", "identity_CelebA.txt"),
            ("0B7EVK8r0v71pbThiMVRxWXZ4dU0", "00566efa6fedff7a56946cd1c10f1c16", "list_bbox_celeba.txt"),
            ("0B7EVK8r0v71pd0FJY3Blby1HUTQ", "cc24ecafdb5b50baae59b03474781f8c", "list_landmarks_align_celeba.txt"),
            ("0B7EVK8r0v71pY0NSMzRuSXJEVkk", "d32c9cbf5e040fd4025c592c306e6668", "list_eval_partition.txt"),
        )
    )
    _tables: ClassVar[dict[str, tuple[str, bool]]] = {  # the file, and whether two lines stand above the numbers
        "attr": ("list_attr_celeba.txt", True),
        "identity": ("identity_CelebA.txt", False),
        "bbox": ("list_bbox_celeba.txt", True),
        "landmarks": ("list_landmarks_align_celeba.txt", True),
    }

    def __init__(
        self,
        root: str | os.PathLike[str],
        split: str = "train",
        target_type: Sequence[str] | str = "attr",
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        download: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.split = check_choice("CelebA", "split", split.lower(), ("train", "valid", "test", "all"))
        names = [target_type] if isinstance(target_type, str) else list(target_type)
        self.target_type = [check_choice("CelebA", "target_type", name, tuple(self._tables)) for name in names]
        base = self.folder / self.base_folder
        if download:
            self.download()
        if not (base / "img_align_celeba").is_dir():
            raise missing("CelebA", base / "img_align_celeba")
        parts, files, _ = _table(base / "list_eval_partition.txt", False)
        number = {"train": 0, "valid": 1, "test": 2}.get(split.lower())
        chosen = np.full(len(files), True) if number is None else parts[:, 0] == number
        self.filename = [name for name, take in zip(files, chosen, strict=True) if take]
        self.attr_names: list[str] = []
        for kind, (name, headed) in self._tables.items():
            numbers, _, header = _table(base / name, headed)
            numbers = (numbers + 1) // 2 if kind == "attr" else numbers  # published as -1 and 1
            setattr(self, kind, facula.from_numpy(numbers[chosen]))
            self.attr_names = header if kind == "attr" else self.attr_names

    def download(self) -> None:
        """Fetch what is missing, checked, and unpack the pictures."""
        base = self.folder / self.base_folder
        for resource in self.files:
            path = resource.fetch(base)
            if path.suffix == ".zip" and not (base / "img_align_celeba").is_dir():
                extract(path, base)

    def __len__(self) -> int:
        return len(self.filename)

    def _target(self, kind: str, index: int) -> Any:
        row: Tensor = getattr(self, kind)[index]
        return row[0] if kind == "identity" else row

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        image = pil_loader(self.folder / self.base_folder / "img_align_celeba" / self.filename[index])
        targets = tuple(self._target(kind, index) for kind in self.target_type)
        if not targets:
            return self.apply(image, None)
        return self.apply(image, targets[0] if len(targets) == 1 else targets)

    def extra_repr(self) -> str:
        return f"Target type: {self.target_type}\nSplit: {self.split}"


def _table(path: Path, headed: bool) -> tuple[np.ndarray, list[str], list[str]]:
    """(numbers, names of the rows, names of the columns) of a text file; a headed one begins with a count and the names."""
    if not path.is_file():
        raise missing("CelebA", path)
    lines = path.read_text().splitlines()
    rows = [line.split() for line in lines[2 * headed :] if line.strip()]
    numbers = np.array([[int(number) for number in row[1:]] for row in rows], dtype=np.int64)
    return numbers, [row[0] for row in rows], lines[1].split() if headed else []


class _LFW(VisionDataset):
    """Labeled Faces in the Wild: what people and pairs have in common."""

    base_folder: ClassVar[str] = "lfw-py"
    download_url_prefix: ClassVar[str] = "http://vis-www.cs.umass.edu/lfw/"
    file_dict: ClassVar[dict[str, tuple[str, str, str]]] = {
        "original": ("lfw", "lfw.tgz", "a17d05bd522c52d84eca14327a23d494"),
        "funneled": ("lfw_funneled", "lfw-funneled.tgz", "1b42dfed7d15c9b2dd63d5e5840c86ad"),
        "deepfunneled": ("lfw-deepfunneled", "lfw-deepfunneled.tgz", "68331da3eb755a505a502b5aacb3c201"),
    }
    checksums: ClassVar[dict[str, str]] = {
        "pairs.txt": "9f1ba174e4e1c508ff7cdf10ac338a7d",
        "pairsDevTest.txt": "5132f7440eb68cf58910c8a45a2ac10b",
        "pairsDevTrain.txt": "4f27cbf15b2da4a85c1907eb4181ad21",
        "people.txt": "450f0863dd89e85e73936a6d71a3474b",
        "peopleDevTest.txt": "e4bf5be0a43b5dcd9dc5ccfcb8fb19c5",
        "peopleDevTrain.txt": "54eaac34beb6d042ed3a7d883e247a21",
        "lfw-names.txt": "a6d0a479bd074669f656265a6e693f6d",
    }
    annot_file: ClassVar[dict[str, str]] = {"10fold": "", "train": "DevTrain", "test": "DevTest"}
    view: ClassVar[str]

    def __init__(
        self,
        root: str,
        split: str = "10fold",
        image_set: str = "funneled",
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        download: bool = False,
        loader: Loader = pil_loader,
    ) -> None:
        super().__init__(os.path.join(root, self.base_folder), transform=transform, target_transform=target_transform)
        name = type(self).__name__
        self.split = check_choice(name, "split", split.lower(), tuple(self.annot_file))
        self.image_set = check_choice(name, "image_set", image_set.lower(), tuple(self.file_dict))
        self.loader = loader
        pictures, self.filename, self.md5 = self.file_dict[self.image_set]
        self.labels_file = f"{self.view}{self.annot_file[self.split]}.txt"
        self.images_dir = self.folder / pictures
        if download:
            self.download()
        if not (self.folder / self.labels_file).is_file() or not self.images_dir.is_dir():
            raise missing(name, f"{self.labels_file} and {pictures} in {self.folder}")
        self.data: list[Any] = []
        self._read([line.split("\t") for line in (self.folder / self.labels_file).read_text().splitlines()])

    def download(self) -> None:
        """Fetch what is missing, checked, and unpack the pictures."""
        if not self.images_dir.is_dir():
            archive = Resource(self.download_url_prefix + self.filename, self.md5)
            extract(archive.fetch(self.folder), self.folder)
        for name in (self.labels_file, "lfw-names.txt"):
            Resource(self.download_url_prefix + name, self.checksums[name]).fetch(self.folder)

    def _read(self, rows: list[list[str]]) -> None:
        raise NotImplementedError

    def _path(self, person: str, number: int | str) -> str:
        return str(self.images_dir / person / f"{person}_{int(number):04d}.jpg")

    def __len__(self) -> int:
        return len(self.data)

    def extra_repr(self) -> str:
        return f"Alignment: {self.image_set}\nSplit: {self.split}"


class LFWPeople(_LFW):
    """13,233 faces of 5,749 people: split "10fold", "train" or "test". Samples: `(image, person)`, a PIL image and an int.

    Source: G. B. Huang et al., "Labeled Faces in the Wild", 2007.
    """

    view = "people"

    def _read(self, rows: list[list[str]]) -> None:
        names = self.folder / "lfw-names.txt"
        if not names.is_file():
            raise missing("LFWPeople", names)
        known = [line.split()[0] for line in names.read_text().splitlines() if line.strip()]
        self.class_to_idx = {name: index for index, name in enumerate(known)}
        self.targets: list[int] = []
        for row in rows:
            if len(row) == 2:  # lines of one number count the people of a fold
                for number in range(1, int(row[1]) + 1):
                    self.data.append(self._path(row[0], number))
                    self.targets.append(self.class_to_idx[row[0]])

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return self.apply(self.loader(self.data[index]), self.targets[index])

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}\nClasses (identities): {len(self.class_to_idx)}"


class LFWPairs(_LFW):
    """Pairs of faces, of one person or of two: split "10fold" (6,000), "train" or "test". Samples: `(image, image, same)`.

    Source: G. B. Huang et al., "Labeled Faces in the Wild", 2007.
    """

    view = "pairs"

    def _read(self, rows: list[list[str]]) -> None:
        self.targets: list[int] = []
        for row in rows:
            if len(row) == 3:
                self.data.append((self._path(row[0], row[1]), self._path(row[0], row[2])))
            elif len(row) == 4:
                self.data.append((self._path(row[0], row[1]), self._path(row[2], row[3])))
            else:
                continue
            self.targets.append(int(len(row) == 3))

    def __getitem__(self, index: int) -> tuple[Any, Any, Any]:
        first, second = (self.loader(path) for path in self.data[index])
        if self.transform is not None:
            first, second = self.transform(first), self.transform(second)
        same = self.targets[index]
        return first, second, self.target_transform(same) if self.target_transform is not None else same
