"""`VisionDataset`: what datasets of images share, which is their transforms and how they print."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from facula.utils.data import Dataset

__all__ = ["Loader", "Transform", "VisionDataset", "check_choice", "load_picture", "missing", "pil_loader"]

Transform = Callable[[Any], Any]
Loader = Callable[[str], Any]


def check_choice(dataset: str, argument: str, value: Any, choices: Sequence[Any]) -> Any:
    """The value, or ValueError that lists what it may be."""
    if value not in choices:
        names = ", ".join(map(repr, choices))
        raise ValueError(
            f"{dataset}: unknown value {value!r} for argument {argument}, expected one of {names}. Choose one."
        )
    return value


def missing(dataset: str, what: Any, downloadable: bool = True) -> RuntimeError:
    """The error for files that are not there."""
    fix = "You can use download=True to download it." if downloadable else "Put it there: it cannot be downloaded."
    return RuntimeError(f"{dataset}: dataset not found or corrupted, expected {what}. {fix}")


def pil_loader(path: str | os.PathLike[str]) -> Any:
    """The picture in a file, as a PIL image of mode "RGB"; RuntimeError names a file that cannot be decoded."""
    return load_picture(path).convert("RGB")


def load_picture(path: str | os.PathLike[str]) -> Any:
    """The picture in a file in its own mode; RuntimeError names a file that cannot be decoded."""
    from PIL import Image, UnidentifiedImageError

    try:
        with open(path, "rb") as file, Image.open(file) as image:
            image.load()
            return image.copy()
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise RuntimeError(
            f"pil_loader: expected a picture, got {path} ({error}). Remove or replace the file."
        ) from error


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

    @property
    def folder(self) -> Path:
        """The root, or the folder at hand."""
        return self.root or Path()

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
