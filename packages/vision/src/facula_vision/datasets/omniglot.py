"""`Omniglot`: letters of fifty alphabets, each drawn by twenty people."""

from __future__ import annotations

import os
from typing import Any, ClassVar

from facula_vision.datasets.download import Resource, extract
from facula_vision.datasets.vision import Loader, Transform, VisionDataset, load_picture, missing

__all__ = ["Omniglot"]


class Omniglot(VisionDataset):
    """32,460 drawings of 1,623 letters, 105 by 105 pixels: `background` (30 alphabets) or the others, for evaluation (20).

    Samples: `(image, letter)`, a PIL image of mode "L" and an int. RuntimeError if files are missing.
    Source: B. M. Lake, R. Salakhutdinov, J. B. Tenenbaum, "Human-level concept learning through probabilistic program
    induction", 2015.
    """

    folder_name: ClassVar[str] = "omniglot-py"
    files: ClassVar[dict[str, Resource]] = {
        name: Resource(f"https://raw.githubusercontent.com/brendenlake/omniglot/master/python/{name}.zip", md5)
        for name, md5 in (
            ("images_background", "68d2efa1b9178cc56df9314c21c6e718"),
            ("images_evaluation", "6b91aef0f799c5bb55b94e3f2daec811"),
        )
    }

    def __init__(
        self,
        root: str | os.PathLike[str],
        background: bool = True,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        download: bool = False,
        loader: Loader | None = None,
    ) -> None:
        super().__init__(os.path.join(root, self.folder_name), transform=transform, target_transform=target_transform)
        self.background = background
        self.loader = loader
        name = "images_background" if background else "images_evaluation"
        self.target_folder = self.folder / name
        if download and not self.target_folder.is_dir():
            extract(self.files[name].fetch(self.folder), self.folder)
        if not self.target_folder.is_dir():
            raise missing("Omniglot", self.target_folder)
        letters = sorted(path for path in self.target_folder.glob("*/*") if path.is_dir())
        self._characters = [str(path.relative_to(self.target_folder)) for path in letters]
        self._drawings = [
            (path, label) for label, letter in enumerate(letters) for path in sorted(letter.glob("*.png"))
        ]

    def __len__(self) -> int:
        return len(self._drawings)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        path, label = self._drawings[index]
        image = load_picture(path).convert("L") if self.loader is None else self.loader(str(path))
        return self.apply(image, label)
