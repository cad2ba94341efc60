"""`Digits`: real handwritten digits that come with this package."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import facula
from facula_vision.datasets.idx import read_idx
from facula_vision.datasets.vision import Transform, VisionDataset

__all__ = ["Digits"]

_SHIPPED = Path(__file__).parent.parent / "data"


class Digits(VisionDataset):
    """1,797 scans of handwritten digits by thirteen people, 8 by 8 pixels in 17 grey levels, shipped in the package.

    `train=False` is a fixed third, every third scan (599); the others (1,198) are for training. Both parts hold
    digits by the same people. `root` may name a folder with other files of the same names.

    Samples: `(image, label)`, a PIL image of mode "L" (0 to 255: the published 0 to 16, scaled) and an int.

    Source: "Optical Recognition of Handwritten Digits", E. Alpaydin and C. Kaynak (1998), UCI Machine Learning
    Repository, https://doi.org/10.24432/C50P49, under CC BY 4.0 (data/CREDITS.txt).

    >>> from facula_vision.datasets import Digits
    >>> digits = Digits(train=False)
    >>> image, label = digits[0]
    >>> len(digits), image.size, label
    (599, (8, 8), 2)
    """

    classes = tuple("0123456789")

    def __init__(
        self,
        root: str | os.PathLike[str] | None = None,
        train: bool = True,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.train = train
        folder = self.root or _SHIPPED
        images, labels = folder / "digits-images-idx3-ubyte.gz", folder / "digits-labels-idx1-ubyte.gz"
        for path in (images, labels):
            if not path.is_file():
                raise RuntimeError(
                    f"Digits: dataset not found, expected {path.name} in {folder}. Leave root out to use the shipped "
                    "one."
                )
        levels, targets = read_idx(images), read_idx(labels)
        held_out = facula.arange(len(targets)) % 3 == 2
        chosen = ~held_out if train else held_out
        self.data = (levels[chosen].to(facula.float32) * (255 / 16)).round().to(facula.uint8)
        self.targets = targets[chosen].to(facula.int64)

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        from PIL import Image

        return self.apply(Image.fromarray(self.data[index].numpy()), int(self.targets[index]))

    def extra_repr(self) -> str:
        return f"Split: {'Train' if self.train else 'Test'}"
