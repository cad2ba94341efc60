"""Digits published as text: USPS and Semeion."""

from __future__ import annotations

import bz2
import os
from typing import Any, ClassVar

import numpy as np

from facula_vision.datasets.download import Resource
from facula_vision.datasets.vision import Transform, VisionDataset, missing

__all__ = ["SEMEION", "USPS"]


class _Digits(VisionDataset):
    """Samples: `(image, label)`, a PIL image of mode "L" and an int."""

    data: np.ndarray
    targets: Any

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        from PIL import Image

        return self.apply(Image.fromarray(self.data[index]), int(self.targets[index]))


class USPS(_Digits):
    """9,298 digits off envelopes, 16 by 16 pixels: 7,291 for training, 2,007 for test.

    Source: J. J. Hull, "A database for handwritten text recognition research", 1994, in the form of LIBSVM.
    """

    split_list: ClassVar[dict[str, list[str]]] = {
        split: [f"https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/multiclass/{name}", name, md5]
        for split, name, md5 in (
            ("train", "usps.bz2", "ec16c51db3855ca6c91edd34d0e9b197"),
            ("test", "usps.t.bz2", "8ea070ee2aca1ac39742fdd1ef5ed118"),
        )
    }

    def __init__(
        self,
        root: str | os.PathLike[str],
        train: bool = True,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        download: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        url, name, md5 = self.split_list["train" if train else "test"]
        path = self.folder / name
        if download:
            Resource(url, md5).fetch(self.folder)
        if not path.is_file():
            raise missing("USPS", path)
        try:
            with bz2.open(path, "rt") as file:
                rows = [line.split() for line in file]
            numbers = np.array([[float(pair.split(":")[1]) for pair in row[1:]] for row in rows]).reshape(-1, 16, 16)
            self.targets = [int(row[0]) - 1 for row in rows]
        except (OSError, EOFError, ValueError, IndexError) as error:
            raise RuntimeError(f"USPS: expected rows of 256 numbers, got {path} ({error}). Fetch it again.") from error
        self.data = ((numbers + 1) / 2 * 255).astype(np.uint8)


class SEMEION(_Digits):
    """1,593 digits by eighty people, 16 by 16 pixels, black or white.

    Source: M. Buscema, "MetaNet: the Theory of Independent Judges", 1998, UCI Machine Learning Repository.
    """

    file: ClassVar[Resource] = Resource(
        "http://archive.ics.uci.edu/ml/machine-learning-databases/semeion/semeion.data",
        "cb545d371d2ce14ec121470795a77432",
    )

    def __init__(
        self,
        root: str | os.PathLike[str],
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        download: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        path = self.folder / self.file.filename
        if download:
            self.file.fetch(self.folder)
        if not path.is_file():
            raise missing("SEMEION", path)
        try:
            rows = np.loadtxt(path)
            self.data = (255 * rows[:, :256]).astype(np.uint8).reshape(-1, 16, 16)
            self.labels = self.targets = rows[:, 256:266].argmax(1)
        except (ValueError, IndexError) as error:
            raise RuntimeError(
                f"SEMEION: expected rows of 266 numbers, got {path} ({error}). Fetch it again."
            ) from error
