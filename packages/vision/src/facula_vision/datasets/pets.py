"""`OxfordIIITPet`: cats and dogs with their breeds and outlines."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from facula_vision.datasets.download import Resource, extract
from facula_vision.datasets.vision import Transform, VisionDataset, check_choice, load_picture, missing, pil_loader

__all__ = ["OxfordIIITPet"]


class OxfordIIITPet(VisionDataset):
    """7,349 pictures of 37 breeds of cats and dogs: split "trainval" (3,680) and "test" (3,669).

    `target_types` names what a target is, several make a tuple: "category" (0 to 36), "binary-category" (0 cat, 1 dog),
    "segmentation" (a PIL image of 1 animal, 2 background, 3 border). ValueError for others.
    Source: O. M. Parkhi et al., "Cats and Dogs", 2012.
    """

    files: ClassVar[tuple[Resource, Resource]] = (
        Resource("https://www.robots.ox.ac.uk/~vgg/data/pets/data/images.tar.gz", "5c4f3ee8e5d25df40f4fd59a7f44e54c"),
        Resource(
            "https://www.robots.ox.ac.uk/~vgg/data/pets/data/annotations.tar.gz", "95a8c909bbe2e81eed6a22bccdf3f68f"
        ),
    )
    _types: ClassVar[tuple[str, ...]] = ("category", "binary-category", "segmentation")

    def __init__(
        self,
        root: str | os.PathLike[str],
        split: str = "trainval",
        target_types: Sequence[str] | str = "category",
        transforms: Callable[[Any, Any], tuple[Any, Any]] | None = None,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        download: bool = False,
    ) -> None:
        super().__init__(root, transforms, transform, target_transform)
        self._split = check_choice("OxfordIIITPet", "split", split, ("trainval", "test"))
        names = [target_types] if isinstance(target_types, str) else list(target_types)
        self._target_types = [check_choice("OxfordIIITPet", "target_types", name, self._types) for name in names]
        base = self.folder / "oxford-iiit-pet"
        if download and not all((base / name).is_dir() for name in ("images", "annotations")):
            for resource in self.files:
                extract(resource.fetch(base), base)
        listing = base / "annotations" / f"{split}.txt"
        if not listing.is_file():
            raise missing("OxfordIIITPet", listing)
        rows = [line.split() for line in listing.read_text().splitlines() if line.strip()]
        self._labels = [int(label) - 1 for _, label, _, _ in rows]
        self._bin_labels = [int(label) - 1 for _, _, label, _ in rows]
        breeds = {label: name.rsplit("_", 1)[0] for (name, *_), label in zip(rows, self._labels, strict=True)}
        self.classes = [" ".join(part.title() for part in breeds[label].split("_")) for label in sorted(breeds)]
        self.bin_classes = ["Cat", "Dog"]
        self.class_to_idx = {name: index for index, name in enumerate(self.classes)}
        self.bin_class_to_idx = {"Cat": 0, "Dog": 1}
        self._images = [base / "images" / f"{name}.jpg" for name, *_ in rows]
        self._segs = [base / "annotations" / "trimaps" / f"{name}.png" for name, *_ in rows]

    def __len__(self) -> int:
        return len(self._images)

    def _target(self, name: str, index: int) -> Any:
        if name == "segmentation":
            return load_picture(self._segs[index])
        return (self._labels if name == "category" else self._bin_labels)[index]

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        targets = tuple(self._target(name, index) for name in self._target_types)
        target = None if not targets else targets[0] if len(targets) == 1 else targets
        return self.apply(pil_loader(self._images[index]), target)
