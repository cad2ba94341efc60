"""`FakeData`: noise in the form of a dataset, to try a program out."""

from __future__ import annotations

from typing import Any

import facula
from facula_vision.datasets.vision import Transform, VisionDataset

__all__ = ["FakeData"]


class FakeData(VisionDataset):
    """`size` pictures of noise, the same for each index and `random_offset`. Samples: `(image, label)`, a PIL image and an int.

    >>> from facula_vision.datasets import FakeData
    >>> image, label = FakeData(size=3, image_size=(3, 8, 6))[2]
    >>> image.size
    (6, 8)
    """

    def __init__(
        self,
        size: int = 1000,
        image_size: tuple[int, int, int] = (3, 224, 224),
        num_classes: int = 10,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        random_offset: int = 0,
    ) -> None:
        super().__init__(transform=transform, target_transform=target_transform)
        self.size = size
        self.num_classes = num_classes
        self.image_size = image_size
        self.random_offset = random_offset

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        from facula_vision.transforms.functional import to_pil_image

        if index >= len(self):
            raise IndexError(f"FakeData: expected an index below {len(self)}, got {index}. Count from 0.")
        own = facula.Generator().manual_seed(index + self.random_offset)
        image = facula.randn(*self.image_size, generator=own)
        label = int(facula.randint(0, self.num_classes, (1,), generator=own).item())
        return self.apply(to_pil_image(image.clamp(0, 1)), label)

    def __len__(self) -> int:
        return self.size
