"""`ImageNet`: the ILSVRC 2012 classification set, out of its archives."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any, ClassVar

import facula
from facula_vision.datasets.download import Resource, extract
from facula_vision.datasets.folder import ImageFolder
from facula_vision.datasets.matlab import read_mat
from facula_vision.datasets.vision import check_choice

__all__ = ["ImageNet"]


class ImageNet(ImageFolder):
    """1.28 million pictures of 1,000 classes for training and 50,000 for validation: split "train" or "val".

    The archives must be in `root`, since their owners publish them to those who ask: the devkit, and the split's pictures.
    They are checked and unpacked once, into `root/train` or `root/val`, a folder for each class. RuntimeError for archives
    that are missing, ValueError for another split.
    Source: O. Russakovsky et al., "ImageNet Large Scale Visual Recognition Challenge", 2015.
    """

    archives: ClassVar[dict[str, Resource]] = {
        "train": Resource("", "1d675b47d978889d74fa0da5fadfb00e", "ILSVRC2012_img_train.tar"),
        "val": Resource("", "29b22e2961454d5413ddabcf34fc5622", "ILSVRC2012_img_val.tar"),
        "devkit": Resource("", "fa75699e90414af021442c21a62c3abf", "ILSVRC2012_devkit_t12.tar.gz"),
    }
    meta_file: ClassVar[str] = "meta.bin"

    def __init__(self, root: str | os.PathLike[str], split: str = "train", **kwargs: Any) -> None:
        base = Path(root).expanduser()
        self.split = check_choice("ImageNet", "split", split, ("train", "val"))
        if not (base / self.meta_file).is_file():
            _write_meta(self._archive(base, "devkit"), base / self.meta_file)
        wnid_to_classes, val_wnids = facula.load(base / self.meta_file)
        if not (base / split).is_dir():
            unpack = _unpack_train if split == "train" else _unpack_val
            unpack(self._archive(base, split), base / split, val_wnids)
        super().__init__(base / split, **kwargs)
        self.root = base
        self.wnids = self.classes
        self.wnid_to_idx = self.class_to_idx
        self.classes = [tuple(wnid_to_classes[wnid]) for wnid in self.wnids]  # type: ignore[misc]
        self.class_to_idx = {name: index for index, names in enumerate(self.classes) for name in names}

    def _archive(self, base: Path, name: str) -> Path:
        resource = self.archives[name]
        path = base / resource.filename
        if not resource.is_whole(path):
            raise RuntimeError(
                f"ImageNet: the archive {resource.filename} is not present in {base} or is corrupted, expected MD5 "
                f"{resource.checksum}. You need to download it externally and place it there."
            )
        return path

    def extra_repr(self) -> str:
        return f"Split: {self.split}"


def _write_meta(devkit: Path, target: Path) -> None:
    """Write which names a class has, and the class of each picture for validation."""
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        extract(devkit, folder)
        data = Path(folder) / "ILSVRC2012_devkit_t12" / "data"
        synsets = read_mat(data / "meta.mat")["synsets"].ravel()
        leaves = [row for row in synsets if int(row["num_children"].item()) == 0]
        wnid_of = {int(row["ILSVRC2012_ID"].item()): str(row["WNID"].item()) for row in leaves}
        names = {str(row["WNID"].item()): tuple(str(row["words"].item()).split(", ")) for row in leaves}
        numbers = (data / "ILSVRC2012_validation_ground_truth.txt").read_text().split()
        facula.save((names, [wnid_of[int(number)] for number in numbers]), target)


def _unpack_train(archive: Path, target: Path, val_wnids: list[str]) -> None:
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        extract(archive, folder)
        for inner in sorted(Path(folder).glob("*.tar")):
            extract(inner, inner.with_suffix(""))
            inner.unlink()
        shutil.move(folder, target)
        Path(folder).mkdir()  # what the context takes away


def _unpack_val(archive: Path, target: Path, val_wnids: list[str]) -> None:
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        extract(archive, folder)
        for wnid, picture in zip(val_wnids, sorted(p for p in Path(folder).iterdir() if p.is_file()), strict=True):
            (Path(folder) / wnid).mkdir(exist_ok=True)
            os.replace(picture, picture.parent / wnid / picture.name)
        shutil.move(folder, target)
        Path(folder).mkdir()
