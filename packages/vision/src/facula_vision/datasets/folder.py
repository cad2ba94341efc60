"""Datasets in folders: one folder for each class, its files are the samples."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from facula_vision.datasets.vision import Transform, VisionDataset, pil_loader

__all__ = ["IMG_EXTENSIONS", "DatasetFolder", "ImageFolder", "find_classes", "make_dataset", "pil_loader"]

IMG_EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")


def find_classes(directory: str | os.PathLike[str]) -> tuple[list[str], dict[str, int]]:
    """The sorted names of the folders in `directory`, and the index of each; FileNotFoundError if there is none."""
    classes = sorted(entry.name for entry in os.scandir(directory) if entry.is_dir())
    if not classes:
        raise FileNotFoundError(
            f"Couldn't find any class folder in {directory}: expected one folder for each class, got none. "
            "Put the files of each class into a folder of its own."
        )
    return classes, {name: index for index, name in enumerate(classes)}


def make_dataset(
    directory: str | os.PathLike[str],
    class_to_idx: dict[str, int] | None = None,
    extensions: str | Sequence[str] | None = None,
    is_valid_file: Callable[[str], bool] | None = None,
    allow_empty: bool = False,
) -> list[tuple[str, int]]:
    """All `(path, class index)` below `directory`, sorted within each class.

    Exactly one of `extensions` and `is_valid_file` says which files count (ValueError otherwise).
    FileNotFoundError for classes without a file, unless `allow_empty`.
    """
    if (extensions is None) == (is_valid_file is None):
        raise ValueError(
            "make_dataset: expected one of extensions and is_valid_file, got "
            f"{'neither' if extensions is None else 'both'}. Both extensions and is_valid_file cannot be None or given."
        )
    if class_to_idx is None:
        class_to_idx = find_classes(directory)[1]
    endings = (extensions,) if isinstance(extensions, str) else tuple(extensions or ())
    valid = is_valid_file or (lambda path: path.lower().endswith(endings))
    samples: list[tuple[str, int]] = []
    filled = set()
    for name in sorted(class_to_idx):
        for folder, _, files in sorted(os.walk(Path(directory) / name, followlinks=True)):
            found = [os.path.join(folder, file) for file in sorted(files) if valid(os.path.join(folder, file))]
            samples += [(path, class_to_idx[name]) for path in found]
            if found:
                filled.add(name)
    empty = sorted(set(class_to_idx) - filled)
    if empty and not allow_empty:
        supported = f" Supported extensions are: {', '.join(endings)}." if endings else ""
        raise FileNotFoundError(
            f"Found no valid file for the classes {', '.join(empty)} in {directory}.{supported} "
            "Add files, remove the folders, or pass allow_empty=True."
        )
    return samples


class DatasetFolder(VisionDataset):
    """Files below `root/<class>/`, each read by `loader`. Samples: `(sample, class index)`.

    `extensions` or `is_valid_file` says which files count. FileNotFoundError for an empty folder or class.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        loader: Callable[[str], Any],
        extensions: Sequence[str] | None = None,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.loader = loader
        self.extensions = extensions
        self.classes, self.class_to_idx = self.find_classes(self.root or root)
        self.samples = make_dataset(self.root or root, self.class_to_idx, extensions, is_valid_file, allow_empty)
        self.targets = [target for _, target in self.samples]

    @staticmethod
    def find_classes(directory: str | os.PathLike[str]) -> tuple[list[str], dict[str, int]]:
        """The classes and their indices; a subclass may choose others."""
        return find_classes(directory)

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        path, target = self.samples[index]
        return self.apply(self.loader(path), target)


class ImageFolder(DatasetFolder):
    """Pictures below `root/<class>/`, decoded by Pillow to mode "RGB". Samples: `(image, class index)`.

    FileNotFoundError for an empty folder or class.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        loader: Callable[[str], Any] = pil_loader,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> None:
        extensions = IMG_EXTENSIONS if is_valid_file is None else None
        super().__init__(root, loader, extensions, transform, target_transform, is_valid_file, allow_empty)
        self.imgs = self.samples
