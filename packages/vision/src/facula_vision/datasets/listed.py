"""Datasets of pictures whose parts and classes are told by text files or by folders."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any, ClassVar

from facula_vision.datasets.download import Resource, extract
from facula_vision.datasets.folder import ImageFolder, make_dataset
from facula_vision.datasets.vision import Loader, Transform, VisionDataset, check_choice, missing, pil_loader

__all__ = [
    "DTD",
    "GTSRB",
    "SUN397",
    "CLEVRClassification",
    "Country211",
    "EuroSAT",
    "FGVCAircraft",
    "Food101",
    "Imagenette",
    "RenderedSST2",
]


class _Listed(VisionDataset):
    """Samples: `(image, label)`, a PIL image of mode "RGB" and an int. RuntimeError for files that are missing."""

    base: ClassVar[str]
    archives: ClassVar[tuple[Resource, ...]] = ()
    splits: ClassVar[tuple[str, ...]] = ("train", "test")

    def __init__(
        self,
        root: str | os.PathLike[str],
        split: str = "train",
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        download: bool = False,
        loader: Loader = pil_loader,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self._split = check_choice(type(self).__name__, "split", split, self.splits)
        self.loader = loader
        folder = self.folder / self.base
        if download and not self._is_there(folder):
            for resource in self.archives:
                extract(resource.fetch(self._place(folder)), self._place(folder))
        if not self._is_there(folder):
            raise missing(type(self).__name__, folder)
        self.samples: list[tuple[str, Any]] = self._find(folder)
        self.targets = [label for _, label in self.samples]

    def _place(self, folder: Path) -> Path:
        """Where archives are unpacked: they hold the folder."""
        return folder.parent

    def _is_there(self, folder: Path) -> bool:
        return folder.is_dir()

    def _find(self, folder: Path) -> list[tuple[str, Any]]:
        """The path and label of each picture."""
        raise NotImplementedError

    def _named(self, names: list[str]) -> dict[str, int]:
        """The label of each class, in the order of names."""
        self.classes = names
        self.class_to_idx = {name: index for index, name in enumerate(names)}
        return self.class_to_idx

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        path, label = self.samples[index]
        return self.apply(self.loader(path), label)

    def extra_repr(self) -> str:
        return f"split={self._split}"


class Food101(_Listed):
    """101,000 pictures of 101 dishes: split "train" (75,750, with some wrong labels) and "test" (25,250).

    Source: L. Bossard, M. Guillaumin, L. Van Gool, "Food-101: Mining Discriminative Components with Random Forests", 2014.
    """

    base = "food-101"
    archives = (Resource("http://data.vision.ee.ethz.ch/cvl/food-101.tar.gz", "85eeb15f3717b99a5da872d97d918f87"),)

    def _find(self, folder: Path) -> list[tuple[str, int]]:
        listed = json.loads((folder / "meta" / f"{self._split}.json").read_text())
        labels = self._named(sorted(listed))
        return [
            (str(folder / "images" / f"{name}.jpg"), labels[dish]) for dish, names in listed.items() for name in names
        ]


class DTD(_Listed):
    """5,640 pictures of textures in 47 classes: `partition` 1 to 10, split "train", "val" or "test" of each.

    Source: M. Cimpoi et al., "Describing Textures in the Wild", 2014.
    """

    base = "dtd/dtd"
    splits = ("train", "val", "test")
    archives = (
        Resource(
            "https://www.robots.ox.ac.uk/~vgg/data/dtd/download/dtd-r1.0.1.tar.gz", "fff73e5086ae6bdbea199a49dfb8a4c1"
        ),
    )

    def __init__(
        self,
        root: str | os.PathLike[str],
        split: str = "train",
        partition: int = 1,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        download: bool = False,
        loader: Loader = pil_loader,
    ) -> None:
        self._partition = check_choice("DTD", "partition", partition, tuple(range(1, 11)))
        super().__init__(root, split, transform, target_transform, download, loader)

    def _find(self, folder: Path) -> list[tuple[str, int]]:
        names = (folder / "labels" / f"{self._split}{self._partition}.txt").read_text().split()
        labels = self._named(sorted({name.split("/")[0] for name in names}))
        return [(str(folder / "images" / name), labels[name.split("/")[0]]) for name in names]

    def extra_repr(self) -> str:
        return f"split={self._split}, partition={self._partition}"


class FGVCAircraft(_Listed):
    """10,200 pictures of aircraft: split "train", "val", "trainval" or "test", told apart by `annotation_level`.

    "variant" has 100 classes, "family" 70, "manufacturer" 41. ValueError for another level.
    Source: S. Maji et al., "Fine-Grained Visual Classification of Aircraft", 2013, https://arxiv.org/abs/1306.5151.
    """

    base = "fgvc-aircraft-2013b"
    splits = ("train", "val", "trainval", "test")
    archives = (
        Resource(
            "https://www.robots.ox.ac.uk/~vgg/data/fgvc-aircraft/archives/fgvc-aircraft-2013b.tar.gz",
            "d4acdd33327262359767eeaa97a4f732",
        ),
    )
    _levels: ClassVar[dict[str, str]] = {"variant": "variants", "family": "families", "manufacturer": "manufacturers"}

    def __init__(
        self,
        root: str | os.PathLike[str],
        split: str = "trainval",
        annotation_level: str = "variant",
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        download: bool = False,
        loader: Loader = pil_loader,
    ) -> None:
        self._level = check_choice("FGVCAircraft", "annotation_level", annotation_level, tuple(self._levels))
        super().__init__(root, split, transform, target_transform, download, loader)

    def _find(self, folder: Path) -> list[tuple[str, int]]:
        data = folder / "data"
        names = [line.strip() for line in (data / f"{self._levels[self._level]}.txt").read_text().splitlines()]
        labels = self._named([name for name in names if name])
        rows = (data / f"images_{self._level}_{self._split}.txt").read_text().splitlines()
        pairs = [row.strip().split(" ", 1) for row in rows if row.strip()]
        return [(str(data / "images" / f"{number}.jpg"), labels[name]) for number, name in pairs]


class _Foldered(_Listed):
    """A folder for each split, with a folder for each class."""

    def _find(self, folder: Path) -> list[tuple[str, int]]:
        part = folder / self._folder_of(self._split)
        labels = self._named(sorted(path.name for path in part.iterdir() if path.is_dir()))
        return make_dataset(part, labels, extensions=(".jpg", ".jpeg", ".png", ".ppm"))

    def _folder_of(self, split: str) -> str:
        return split


class Country211(_Foldered):
    """63,300 photographs by the country they were taken in, 211 of them: split "train", "valid" or "test".

    Source: A. Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", 2021.
    """

    base = "country211"
    splits = ("train", "valid", "test")
    archives = (
        Resource("https://openaipublic.azureedge.net/clip/data/country211.tgz", "84988d7644798601126c29e9877aab6a"),
    )


class RenderedSST2(_Foldered):
    """9,613 pictures of sentences, negative or positive: split "train", "val" or "test".

    Source: A. Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", 2021.
    """

    base = "rendered-sst2"
    splits = ("train", "val", "test")
    archives = (
        Resource("https://openaipublic.azureedge.net/clip/data/rendered-sst2.tgz", "2384d08e9dcfa4bd55b324e610496ee5"),
    )

    def _folder_of(self, split: str) -> str:
        return "valid" if split == "val" else split


class GTSRB(_Listed):
    """51,839 pictures of traffic signs in 43 classes: split "train" (26,640) and "test" (12,630).

    Source: J. Stallkamp et al., "Man vs. computer: Benchmarking machine learning algorithms for traffic sign recognition", 2012.
    """

    base = "gtsrb/GTSRB"
    _url = "https://sid.erda.dk/public/archives/daaeac0d7ce1152aea9b61d9f1e19370/"
    archives = (
        Resource(_url + "GTSRB-Training_fixed.zip", "513f3c79a4c5141765e10e952eaa2478"),
        Resource(_url + "GTSRB_Final_Test_Images.zip", "c7e4e6327067d32654124b0fe9e82185"),
        Resource(_url + "GTSRB_Final_Test_GT.zip", "fe31e9c9270bbcd7b84b7f21a9d9d9e5"),
    )

    def __init__(
        self,
        root: str | os.PathLike[str],
        split: str = "train",
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        download: bool = False,
    ) -> None:
        super().__init__(root, split, transform, target_transform, download)

    def _find(self, folder: Path) -> list[tuple[str, int]]:
        if self._split == "train":
            part = folder / "Training"
            labels = self._named(sorted(path.name for path in part.iterdir() if path.is_dir()))
            return make_dataset(part, labels, extensions=(".ppm",))
        with open(folder.parent / "GT-final_test.csv", newline="") as file:
            rows = list(csv.DictReader(file, delimiter=";", skipinitialspace=True))
        images = folder / "Final_Test" / "Images"
        return [(str(images / row["Filename"]), int(row["ClassId"])) for row in rows]


class EuroSAT(ImageFolder):
    """27,000 pictures of land by a satellite, in ten classes. Samples: `(image, label)`, a PIL image and an int.

    Source: P. Helber et al., "EuroSAT", 2019, https://arxiv.org/abs/1709.00029.
    """

    archive: ClassVar[Resource] = Resource(
        "https://huggingface.co/datasets/torchgeo/eurosat/resolve/c877bcd43f099cd0196738f714544e355477f3fd/EuroSAT.zip",
        "c8fa014336c82ac7804f0398fcb19387",
    )

    def __init__(
        self,
        root: str | os.PathLike[str],
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        download: bool = False,
        loader: Loader = pil_loader,
    ) -> None:
        base = Path(root).expanduser() / "eurosat"
        if download and not (base / "2750").is_dir():
            extract(self.archive.fetch(base), base)
        if not (base / "2750").is_dir():
            raise missing("EuroSAT", base / "2750")
        super().__init__(base / "2750", transform, target_transform, loader)


class SUN397(_Listed):
    """108,753 pictures of 397 kinds of places. Samples: `(image, label)`, a PIL image of mode "RGB" and an int.

    Source: J. Xiao et al., "SUN Database: Large-scale Scene Recognition from Abbey to Zoo", 2010.
    """

    base = "SUN397"
    archives = (
        Resource("http://vision.princeton.edu/projects/2010/SUN/SUN397.tar.gz", "8ca2778205c41d23104230ba66911c7a"),
    )

    def __init__(
        self,
        root: str | os.PathLike[str],
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        download: bool = False,
        loader: Loader = pil_loader,
    ) -> None:
        super().__init__(root, "train", transform, target_transform, download, loader)

    def _find(self, folder: Path) -> list[tuple[str, int]]:
        names = (folder / "ClassName.txt").read_text().split()
        labels = self._named([name[3:] for name in names])  # a line is /a/abbey, for the letter it stands under
        found = []
        for path in sorted(folder.rglob("sun_*.jpg")):
            found.append((str(path), labels["/".join(path.relative_to(folder).parts[1:-1])]))
        return found

    def extra_repr(self) -> str:
        return ""


class CLEVRClassification(_Listed):
    """85,000 pictures of simple solids, labelled by how many there are: split "train", "val" or "test" (no labels).

    Source: J. Johnson et al., "CLEVR", 2016, https://arxiv.org/abs/1612.06890.
    """

    base = "clevr/CLEVR_v1.0"
    splits = ("train", "val", "test")
    archives = (Resource("https://dl.fbaipublicfiles.com/clevr/CLEVR_v1.0.zip", "b11922020e72d0cd9154779b2d3d07d2"),)

    def _find(self, folder: Path) -> list[tuple[str, Any]]:
        images = sorted((folder / "images" / self._split).glob("*"))
        if self._split == "test":
            return [(str(path), None) for path in images]
        scenes = json.loads((folder / "scenes" / f"CLEVR_{self._split}_scenes.json").read_text())["scenes"]
        count = {scene["image_filename"]: len(scene["objects"]) for scene in scenes}
        return [(str(path), count[path.name]) for path in images]


class Imagenette(_Listed):
    """Ten classes of ImageNet that are easy to tell apart: split "train" (9,469) or "val" (3,925), size "full", "320px" or "160px".

    Source: J. Howard, https://github.com/fastai/imagenette.
    """

    splits = ("train", "val")
    _sizes: ClassVar[dict[str, tuple[str, str]]] = {
        "full": ("imagenette2", "fe2fc210e6bb7c5664d602c3cd71e612"),
        "320px": ("imagenette2-320", "3df6f0d01a2c9592104656642f5e78a3"),
        "160px": ("imagenette2-160", "e793b78cc4c9e9a4ccc0c1155377a412"),
    }
    _names: ClassVar[dict[str, tuple[str, ...]]] = {
        "n01440764": ("tench", "Tinca tinca"),
        "n02102040": ("English springer", "English springer spaniel"),
        "n02979186": ("cassette player",),
        "n03000684": ("chain saw", "chainsaw"),
        "n03028079": ("church", "church building"),
        "n03394916": ("French horn", "horn"),
        "n03417042": ("garbage truck", "dustcart"),
        "n03425413": ("gas pump", "gasoline pump", "petrol pump", "island dispenser"),
        "n03445777": ("golf ball",),
        "n03888257": ("parachute", "chute"),
    }

    def __init__(
        self,
        root: str | os.PathLike[str],
        split: str = "train",
        size: str = "full",
        download: bool = False,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        loader: Loader = pil_loader,
    ) -> None:
        name, md5 = self._sizes[check_choice("Imagenette", "size", size, tuple(self._sizes))]
        self._size = size
        self.base = name  # type: ignore[misc]
        address = f"https://s3.amazonaws.com/fast-ai-imageclas/{name}.tgz"
        self.archives = (Resource(address, md5),)  # type: ignore[misc]
        super().__init__(root, split, transform, target_transform, download, loader)

    def _find(self, folder: Path) -> list[tuple[str, int]]:
        part = folder / self._split
        self.wnids = sorted(path.name for path in part.iterdir() if path.is_dir())
        self.wnid_to_idx = {wnid: index for index, wnid in enumerate(self.wnids)}
        self.classes = [self._names[wnid] for wnid in self.wnids]  # type: ignore[misc]
        self.class_to_idx = {name: index for index, names in enumerate(self.classes) for name in names}
        return make_dataset(part, self.wnid_to_idx, extensions=".jpeg")
