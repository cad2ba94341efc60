"""`VisionDataset`: what datasets of images share, which is their transforms and how they print."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from facula.utils.data import Dataset

__all__ = ["VisionDataset"]

Transform = Callable[[Any], Any]


class VisionDataset(Dataset[Any]):
    """A dataset in a folder `root` whose samples pass `transform` and whose targets pass `target_transform`.

    `transforms` takes sample and target together and excludes the other two (ValueError for both).
    """

    def __init__(
        self,
        root: str | os.PathLike[str] | None = None,
        transforms: Callable[[Any, Any], tuple[Any, Any]] | None = None,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
    ) -> None:
        if transforms is not None and (transform is not None or target_transform is not None):
            raise ValueError(
                f"{type(self).__name__}: expected only transforms or transform/target_transform can be passed as "
                "argument, got both. Put everything into transforms."
            )
        self.root = Path(root).expanduser() if root is not None else None
        self.transforms = transforms
        self.transform = transform
        self.target_transform = target_transform

    def apply(self, sample: Any, target: Any) -> tuple[Any, Any]:
        """Sample and target as the transforms change them."""
        if self.transforms is not None:
            return self.transforms(sample, target)
        if self.transform is not None:
            sample = self.transform(sample)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return sample, target

    def __len__(self) -> int:
        raise NotImplementedError

    def __repr__(self) -> str:
        lines = [f"Number of datapoints: {len(self)}"]
        if self.root is not None:
            lines.append(f"Root location: {self.root}")
        lines += self.extra_repr().splitlines()
        for title in ("transform", "target_transform", "transforms"):
            value = getattr(self, title)
            if value is not None:
                first, *rest = repr(value).splitlines()
                label = {"transform": "Transform: ", "target_transform": "Target transform: "}.get(
                    title, "Transforms: "
                )
                lines += [label + first, *(" " * len(label) + line for line in rest)]
        return "\n".join([f"Dataset {type(self).__name__}", *("    " + line for line in lines)])

    def extra_repr(self) -> str:
        """More lines for `repr`."""
        return ""
