"""Pascal VOC: pictures of everyday scenes with outlines (segmentation) and boxes (detection) of objects of 20 classes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar
from xml.etree import ElementTree

from facula_vision.datasets.download import Resource, extract
from facula_vision.datasets.vision import Transform, VisionDataset, check_choice, load_picture, missing, pil_loader

__all__ = ["VOCDetection", "VOCSegmentation", "parse_voc_xml"]

_HOST = "https://thor.robots.ox.ac.uk/pascal/VOC/"
_YEARS = {  # year: address, MD5, folder of the pictures
    "2012": ("voc2012/VOCtrainval_11-May-2012.tar", "6cd6e144f989b92b3379bac3b3de84fd", "VOCdevkit/VOC2012"),
    "2011": ("voc2011/VOCtrainval_25-May-2011.tar", "6c3384ef61512963050cb5d687e5bf1e", "TrainVal/VOCdevkit/VOC2011"),
    "2010": ("voc2010/VOCtrainval_03-May-2010.tar", "da459979d0c395079b5c75ee67908abb", "VOCdevkit/VOC2010"),
    "2009": ("voc2009/VOCtrainval_11-May-2009.tar", "a3e00b113cfcfebf17e343f59da3caa1", "VOCdevkit/VOC2009"),
    "2008": ("voc2008/VOCtrainval_14-Jul-2008.tar", "2629fa636546599198acfcfbfcf1904a", "VOCdevkit/VOC2008"),
    "2007": ("voc2007/VOCtrainval_06-Nov-2007.tar", "c52e279531787c972589f7e41ab4ae64", "VOCdevkit/VOC2007"),
    "2007-test": ("voc2007/VOCtest_06-Nov-2007.tar", "b6e924de25625d8de591ea690078ad9f", "VOCdevkit/VOC2007"),
}


class _VOC(VisionDataset):
    """What the two have in common: pictures named by a list, and a file beside each."""

    _lists: ClassVar[str]
    _folder: ClassVar[str]
    _ending: ClassVar[str]

    def __init__(
        self,
        root: str | os.PathLike[str],
        year: str = "2012",
        image_set: str = "train",
        download: bool = False,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        transforms: Callable[[Any, Any], tuple[Any, Any]] | None = None,
    ) -> None:
        super().__init__(root, transforms, transform, target_transform)
        name = type(self).__name__
        self.year = check_choice(name, "year", str(year), [key for key in _YEARS if "-" not in key])
        sets = ["train", "trainval", "val", *(["test"] if year == "2007" else [])]
        self.image_set = check_choice(name, "image_set", image_set, sets)
        address, md5, folder = _YEARS["2007-test" if (year, image_set) == ("2007", "test") else year]
        base = self.folder / folder
        if download and not base.is_dir():
            extract(Resource(_HOST + address, md5).fetch(self.folder), self.folder)
        listing = base / "ImageSets" / self._lists / f"{image_set}.txt"
        if not listing.is_file():
            raise missing(name, listing)
        names = [line.strip() for line in listing.read_text().splitlines() if line.strip()]
        self.images = [str(base / "JPEGImages" / f"{name}.jpg") for name in names]
        self.targets = [str(base / self._folder / f"{name}{self._ending}") for name in names]

    def __len__(self) -> int:
        return len(self.images)

    def _target(self, path: str) -> Any:
        raise NotImplementedError

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return self.apply(pil_loader(self.images[index]), self._target(self.targets[index]))


class VOCSegmentation(_VOC):
    """Samples: `(image, target)`, PIL images; the target's numbers are classes, 255 is a border. ValueError for other sets.

    Source: M. Everingham et al., "The Pascal Visual Object Classes (VOC) Challenge", 2010.
    """

    _lists, _folder, _ending = "Segmentation", "SegmentationClass", ".png"

    @property
    def masks(self) -> list[str]:
        """The files of the targets."""
        return self.targets

    def _target(self, path: str) -> Any:
        return load_picture(path)


class VOCDetection(_VOC):
    """Samples: `(image, target)`, a PIL image and the XML annotation as nested dicts. ValueError for other sets.

    Source: M. Everingham et al., "The Pascal Visual Object Classes (VOC) Challenge", 2010.
    """

    _lists, _folder, _ending = "Main", "Annotations", ".xml"

    @property
    def annotations(self) -> list[str]:
        """The files of the targets."""
        return self.targets

    def _target(self, path: str) -> Any:
        try:
            return parse_voc_xml(ElementTree.fromstring(Path(path).read_bytes()))
        except ElementTree.ParseError as error:
            raise RuntimeError(
                f"VOCDetection: expected an XML annotation, got {path} ({error}). Replace it."
            ) from error


def parse_voc_xml(node: Any) -> dict[str, Any]:
    """An XML tree as nested dicts: what repeats is a list, and `object` of `annotation` always is."""
    children = list(node)
    if not children:
        return {node.tag: (node.text or "").strip()}
    found: dict[str, list[Any]] = {}
    for child in children:
        for tag, value in parse_voc_xml(child).items():
            found.setdefault(tag, []).append(value)
    keep = ("object",) if node.tag == "annotation" else ()
    return {node.tag: {tag: v if len(v) > 1 or tag in keep else v[0] for tag, v in found.items()}}
