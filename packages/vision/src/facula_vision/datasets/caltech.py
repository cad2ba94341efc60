"""Caltech 101 and Caltech 256: pictures of objects, one folder for each category."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, ClassVar

from facula_vision.datasets.download import Resource, extract
from facula_vision.datasets.matlab import read_mat
from facula_vision.datasets.vision import Transform, VisionDataset, check_choice, missing, pil_loader

__all__ = ["Caltech101", "Caltech256"]


class Caltech101(VisionDataset):
    """About 9,000 pictures of objects in 101 categories, without the category of backgrounds.

    `target_type` names what a target is, several make a tuple: "category" (an int) or "annotation" (the outline, an array
    (2, points)). ValueError for others.
    Source: L. Fei-Fei, R. Fergus, P. Perona, "Learning Generative Visual Models from Few Training Examples", 2004.
    """

    archive: ClassVar[Resource] = Resource(
        "https://data.caltech.edu/records/mzrjq-6wc02/files/caltech-101.zip", "3138e1922a9193bfa496528edbbc45d0"
    )
    _outlines: ClassVar[dict[str, str]] = {
        "Faces": "Faces_2", "Faces_easy": "Faces_3", "Motorbikes": "Motorbikes_16", "airplanes": "Airplanes_Side_2",
    }  # fmt: skip

    def __init__(
        self,
        root: str | os.PathLike[str],
        target_type: Sequence[str] | str = "category",
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        download: bool = False,
    ) -> None:
        super().__init__(os.path.join(root, "caltech101"), transform=transform, target_transform=target_transform)
        names = [target_type] if isinstance(target_type, str) else list(target_type)
        self.target_type = [check_choice("Caltech101", "target_type", n, ("category", "annotation")) for n in names]
        base = self.folder / "101_ObjectCategories"
        if download and not base.is_dir():
            extract(self.archive.fetch(self.folder), self.folder)
            for name in ("101_ObjectCategories.tar.gz", "Annotations.tar"):  # archives in the archive
                extract(self.folder / "caltech-101" / name, self.folder)
        if not base.is_dir():
            raise missing("Caltech101", base)
        self.categories = sorted(p.name for p in base.iterdir() if p.is_dir() and p.name != "BACKGROUND_Google")
        self.annotation_categories = [self._outlines.get(name, name) for name in self.categories]
        self.index: list[int] = []
        self.y: list[int] = []
        for label, name in enumerate(self.categories):
            count = len(list((base / name).glob("*.jpg")))
            self.index.extend(range(1, count + 1))
            self.y.extend([label] * count)

    def __len__(self) -> int:
        return len(self.index)

    def _target(self, kind: str, label: int, number: int) -> Any:
        if kind == "category":
            return label
        path = self.folder / "Annotations" / self.annotation_categories[label] / f"annotation_{number:04d}.mat"
        return read_mat(path)["obj_contour"]

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        label, number = self.y[index], self.index[index]
        image = pil_loader(self.folder / "101_ObjectCategories" / self.categories[label] / f"image_{number:04d}.jpg")
        targets = tuple(self._target(kind, label, number) for kind in self.target_type)
        return self.apply(image, targets[0] if len(targets) == 1 else targets)


class Caltech256(VisionDataset):
    """30,607 pictures of objects in 256 categories and one of clutter. Samples: `(image, label)`, a PIL image and an int.

    Source: G. Griffin, A. Holub, P. Perona, "Caltech-256 Object Category Dataset", 2007.
    """

    archive: ClassVar[Resource] = Resource(
        "https://data.caltech.edu/records/nyy15-4j048/files/256_ObjectCategories.tar",
        "67b4f42ca05d46448c6bb8ecd2220f6d",
    )

    def __init__(
        self,
        root: str,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        download: bool = False,
    ) -> None:
        super().__init__(os.path.join(root, "caltech256"), transform=transform, target_transform=target_transform)
        base = self.folder / "256_ObjectCategories"
        if download and not base.is_dir():
            extract(self.archive.fetch(self.folder), self.folder)
        if not base.is_dir():
            raise missing("Caltech256", base)
        self.categories = sorted(path.name for path in base.iterdir() if path.is_dir())
        self.index: list[int] = []
        self.y: list[int] = []
        for label, name in enumerate(self.categories):
            count = len(list((base / name).glob("*.jpg")))
            self.index.extend(range(1, count + 1))
            self.y.extend([label] * count)

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        label = self.y[index]
        name = f"{label + 1:03d}_{self.index[index]:04d}.jpg"
        image = pil_loader(self.folder / "256_ObjectCategories" / self.categories[label] / name)
        return self.apply(image, label)
