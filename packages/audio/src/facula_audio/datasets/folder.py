"""Sounds in folders: of one class each, or with what is known of them in the file's name."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from facula import Tensor
from facula.utils.data import Dataset
from facula_audio.datasets.archives import Source
from facula_audio.io import load

__all__ = ["AUDIO_EXTENSIONS", "FSDD", "AudioFolder"]

AUDIO_EXTENSIONS = (".wav", ".flac", ".ogg", ".mp3", ".aiff", ".au")

Transform = Callable[[Any], Any]


class AudioFolder(Dataset[tuple[Any, int, Any]]):
    """Sounds below `root/<class>/`, in any depth.

    `transform` takes the waveform, `target_transform` the class's index. Samples: `(waveform, sample_rate, class index)`.
    FileNotFoundError for a root without folders, or a class without sounds.
    """

    def __init__(
        self,
        root: Source,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        extensions: Sequence[str] = AUDIO_EXTENSIONS,
    ) -> None:
        self.root = Path(root).expanduser()
        self.transform, self.target_transform = transform, target_transform
        self.classes = sorted(entry.name for entry in os.scandir(self.root) if entry.is_dir())
        if not self.classes:
            raise FileNotFoundError(
                f"AudioFolder: expected one folder for each class in {self.root}, got none. Put the sounds of each class "
                "into a folder of its own."
            )
        self.class_to_idx = {name: index for index, name in enumerate(self.classes)}
        self.samples: list[tuple[Path, int]] = []
        for name, index in self.class_to_idx.items():
            found = sorted(path for path in (self.root / name).rglob("*") if path.suffix.lower() in extensions)
            if not found:
                raise FileNotFoundError(
                    f"AudioFolder: expected sounds ({', '.join(extensions)}) in {self.root / name}, got none. Remove the "
                    "folder, or name other extensions."
                )
            self.samples += [(path, index) for path in found]
        self.targets = [index for _, index in self.samples]

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, n: int) -> tuple[Any, int, Any]:
        path, target = self.samples[n]
        waveform, rate = load(path)
        sample = waveform if self.transform is None else self.transform(waveform)
        return sample, rate, target if self.target_transform is None else self.target_transform(target)


class FSDD(Dataset[tuple[Tensor, int, int, str, int]]):
    """The free spoken digits: recordings `<digit>_<speaker>_<number>.wav` in `root` or `root/recordings`.

    `train=False` is the published test set, numbers 0 to 4 of each digit and speaker; `train=None` is all. Samples:
    `(waveform, sample_rate, digit, speaker, number)`. RuntimeError if there are none.
    Source: Z. Jackson et al., "Free Spoken Digit Dataset", https://github.com/Jakobovski/free-spoken-digit-dataset.
    """

    _NAME = re.compile(r"(\d)_([^_]+)_(\d+)")

    def __init__(self, root: Source, train: bool | None = True) -> None:
        home = Path(root).expanduser()
        folder = home / "recordings" if (home / "recordings").is_dir() else home
        parsed = ((path, self._NAME.fullmatch(path.stem)) for path in sorted(folder.glob("*.wav")))
        clips = [(path, int(name[1]), name[2], int(name[3])) for path, name in parsed if name is not None]
        self._clips = [clip for clip in clips if train is None or (clip[3] >= 5) == train]
        if not self._clips:
            raise RuntimeError(
                f"FSDD: dataset not found, expected <digit>_<speaker>_<number>.wav in {folder}, got none. Clone "
                "https://github.com/Jakobovski/free-spoken-digit-dataset."
            )

    def __len__(self) -> int:
        return len(self._clips)

    def __getitem__(self, n: int) -> tuple[Tensor, int, int, str, int]:
        path, digit, speaker, number = self._clips[n]
        waveform, rate = load(path)
        return waveform, rate, digit, speaker, number
