"""`STL10`: pictures of ten classes, most of them without labels, in raw binary files."""

from __future__ import annotations

import os
from typing import Any, ClassVar

import numpy as np

from facula_vision.datasets.download import Resource, extract
from facula_vision.datasets.vision import Transform, VisionDataset, check_choice, missing

__all__ = ["STL10"]


class STL10(VisionDataset):
    """Colour pictures, 96 by 96 pixels: 5,000 for training (in ten `folds` of 1,000), 8,000 for test, 100,000 unlabeled.

    Samples: `(image, label)`, a PIL image of mode "RGB" and an int, -1 where there is no label. ValueError for another split
    ("train", "test", "unlabeled", "train+unlabeled") or fold (0 to 9).
    Source: A. Coates, H. Lee, A. Y. Ng, "An Analysis of Single Layer Networks in Unsupervised Feature Learning", 2011.
    """

    base_folder: ClassVar[str] = "stl10_binary"
    archive: ClassVar[Resource] = Resource(
        "http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz", "91f7769df0f17e558f3565bffb0c7dfb"
    )
    splits: ClassVar[tuple[str, ...]] = ("train", "train+unlabeled", "unlabeled", "test")

    def __init__(
        self,
        root: str | os.PathLike[str],
        split: str = "train",
        folds: int | None = None,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        download: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.split = check_choice("STL10", "split", split, self.splits)
        self.folds = check_choice("STL10", "folds", folds, (None, *range(10)))
        base = self.folder / self.base_folder
        if download and not (base / "class_names.txt").is_file():
            self.download()
        parts = [self._part(name) for name in split.split("+")]
        self.data = np.concatenate([images for images, _ in parts])
        self.labels = np.concatenate([labels for _, labels in parts])
        self.classes = (
            (base / "class_names.txt").read_text().splitlines() if (base / "class_names.txt").is_file() else []
        )

    def download(self) -> None:
        """Fetch the archive, checked, and unpack it."""
        extract(self.archive.fetch(self.folder), self.folder)

    def _part(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """The pictures (N, 3, 96, 96) and labels of one part."""
        base = self.folder / self.base_folder
        if not (base / f"{name}_X.bin").is_file():
            raise missing("STL10", base / f"{name}_X.bin")
        columns = np.fromfile(base / f"{name}_X.bin", dtype=np.uint8).reshape(-1, 3, 96, 96)
        images = columns.transpose(0, 1, 3, 2)  # published column by column
        if name == "unlabeled":
            return images, np.full(len(images), -1, dtype=np.int64)
        labels = np.fromfile(base / f"{name}_y.bin", dtype=np.uint8).astype(np.int64) - 1
        if name == "train" and self.folds is not None:
            chosen = np.array((base / "fold_indices.txt").read_text().splitlines()[self.folds].split(), dtype=np.int64)
            return images[chosen], labels[chosen]
        return images, labels

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        from PIL import Image

        image = Image.fromarray(np.ascontiguousarray(self.data[index].transpose(1, 2, 0)))
        return self.apply(image, int(self.labels[index]))

    def extra_repr(self) -> str:
        return f"Split: {self.split}"
