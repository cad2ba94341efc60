"""COCO: pictures of everyday scenes with captions, or boxes and outlines of objects."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from facula_vision.datasets.vision import Transform, VisionDataset, pil_loader

__all__ = ["CocoCaptions", "CocoDetection", "CocoIndex", "mask_of"]


class CocoIndex:
    """The annotations of one file by their ids: `imgs`, `anns`, `cats`, and `imgToAnns`, those of each picture.

    The names are those of COCO's own reader. RuntimeError, naming the file, for one that is no such JSON.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        try:
            self.dataset = json.loads(Path(path).read_bytes())
            self.imgs = {image["id"]: image for image in self.dataset["images"]}
            annotations = self.dataset.get("annotations", [])
            self.anns = {annotation["id"]: annotation for annotation in annotations}
            self.cats = {category["id"]: category for category in self.dataset.get("categories", [])}
            self.imgToAnns: dict[int, list[Any]] = {}
            for annotation in annotations:
                self.imgToAnns.setdefault(annotation["image_id"], []).append(annotation)
        except (ValueError, KeyError, TypeError) as error:
            raise RuntimeError(
                f"CocoDetection: expected a JSON file of COCO annotations, got {path} ({type(error).__name__}: {error}). "
                "Fetch it again."
            ) from error

    def getAnnIds(self, imgIds: int | Iterable[int]) -> list[int]:
        """The ids of the annotations of one picture or several."""
        ids = [imgIds] if isinstance(imgIds, int) else imgIds
        return [annotation["id"] for image in ids for annotation in self.imgToAnns.get(image, [])]

    def loadAnns(self, ids: int | Iterable[int]) -> list[Any]:
        """Annotations by their ids."""
        return [self.anns[number] for number in ([ids] if isinstance(ids, int) else ids)]

    def loadImgs(self, ids: int | Iterable[int]) -> list[Any]:
        """What is known of pictures, by their ids."""
        return [self.imgs[number] for number in ([ids] if isinstance(ids, int) else ids)]

    def loadCats(self, ids: int | Iterable[int]) -> list[Any]:
        """Categories by their ids."""
        return [self.cats[number] for number in ([ids] if isinstance(ids, int) else ids)]


class CocoDetection(VisionDataset):
    """Samples: `(image, target)`, a PIL image of mode "RGB" and the list of its annotations, in the order of the pictures' ids.

    `root` holds the pictures, `annFile` the annotations. Source: T.-Y. Lin et al., "Microsoft COCO: Common Objects in
    Context", 2014, https://arxiv.org/abs/1405.0312.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        annFile: str,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        transforms: Callable[[Any, Any], tuple[Any, Any]] | None = None,
    ) -> None:
        super().__init__(root, transforms, transform, target_transform)
        self.coco = CocoIndex(annFile)
        self.ids = sorted(self.coco.imgs)

    def _load_target(self, id: int) -> list[Any]:
        return self.coco.imgToAnns.get(id, [])

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        if not isinstance(index, int):
            raise ValueError(
                f"{type(self).__name__}: index must be of type integer, got {type(index)} instead. Pass an int."
            )
        id = self.ids[index]
        image = pil_loader(self.folder / self.coco.imgs[id]["file_name"])
        return self.apply(image, self._load_target(id))

    def __len__(self) -> int:
        return len(self.ids)


class CocoCaptions(CocoDetection):
    """Samples: `(image, captions)`, a PIL image of mode "RGB" and a list of texts."""

    def _load_target(self, id: int) -> list[str]:
        return [annotation["caption"] for annotation in super()._load_target(id)]


def mask_of(segmentation: Any, height: int, width: int) -> np.ndarray:
    """The pixels of an object: from polygons, or from lengths of runs (a list, or COCO's text for one).   Shape: (height, width)."""
    if isinstance(segmentation, dict):
        counts = segmentation["counts"]
        runs = _runs(counts) if isinstance(counts, (str, bytes)) else counts
        values = np.arange(len(runs)) % 2
        return np.repeat(values, runs).astype(np.uint8).reshape(width, height).T
    mask = np.zeros((height, width), dtype=bool)
    for polygon in segmentation:
        mask |= _inside(np.asarray(polygon, dtype=np.float64).reshape(-1, 2), height, width)
    return mask.astype(np.uint8)


def _inside(corners: np.ndarray, height: int, width: int) -> np.ndarray:
    """The pixels whose middles lie inside a polygon: an odd number of its sides is to the left of them."""
    x, y = np.arange(width) + 0.5, np.arange(height) + 0.5
    found = np.zeros((height, width), dtype=bool)
    for (x1, y1), (x2, y2) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        rows = (y1 <= y) != (y2 <= y)
        crossing = x1 + (y[rows] - y1) * (x2 - x1) / (y2 - y1)
        found[rows] ^= x > crossing[:, None]
    return found


def _runs(text: str | bytes) -> list[int]:
    """Lengths of runs out of COCO's text: five bits a character, the sixth says that more follow; differences from the third on."""
    codes = text.encode() if isinstance(text, str) else text
    runs: list[int] = []
    number = shift = 0
    for code in codes:
        bits = code - 48
        number |= (bits & 0x1F) << shift
        shift += 5
        if not bits & 0x20:
            if bits & 0x10:
                number |= -1 << shift
            runs.append(number + runs[-2] if len(runs) > 2 else number)
            number = shift = 0
    return runs
