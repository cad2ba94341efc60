"""`Kinetics`: clips out of videos in folders, one folder for each action."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import facula
from facula import Tensor
from facula_vision.datasets.folder import find_classes, make_dataset
from facula_vision.datasets.vision import VisionDataset, check_choice

__all__ = ["Kinetics", "read_frames"]


def read_frames(path: str | os.PathLike[str]) -> tuple[np.ndarray, float]:
    """All frames of a video (T, H, W, 3) and how many make a second.

    Moving pictures (GIF, WebP, APNG) are read by Pillow, other videos by PyAV, which must be installed for them.
    RuntimeError, naming the file, for one that cannot be decoded.
    """
    if str(path).lower().endswith((".gif", ".webp", ".png", ".apng")):
        return _moving_picture(path)
    try:
        av = importlib.import_module("av")
    except ImportError as error:
        raise ImportError(f"read_frames: expected PyAV to read {path}, got none. pip install av.") from error
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
            rate = float(stream.average_rate or 25)
    except (av.error.FFmpegError, IndexError) as error:
        raise RuntimeError(
            f"read_frames: expected a video, got {path} ({error}). Remove or replace the file."
        ) from error
    return np.stack(frames), rate


def _moving_picture(path: str | os.PathLike[str]) -> tuple[np.ndarray, float]:
    from PIL import Image, ImageSequence, UnidentifiedImageError

    try:
        with Image.open(path) as picture:
            frames = [np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(picture)]
            duration = float(picture.info.get("duration") or 40)
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise RuntimeError(
            f"read_frames: expected a video, got {path} ({error}). Remove or replace the file."
        ) from error
    return np.stack(frames), 1000.0 / duration


class Kinetics(VisionDataset):
    """Clips of `frames_per_clip` frames that begin every `step_between_clips` frames of the videos below `root/split/<class>/`.

    `frame_rate` resamples videos to so many frames a second. Samples: `(video, audio, label)`: frames (T, H, W, C) or, for
    `output_format="TCHW"`, (T, C, H, W), an empty tensor, and an int. Videos must be there; nothing is downloaded.
    ValueError for another split, number of classes ("400", "600", "700") or format.
    Source: W. Kay et al., "The Kinetics Human Action Video Dataset", 2017, https://arxiv.org/abs/1705.06950.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        frames_per_clip: int,
        num_classes: str = "400",
        split: str = "train",
        frame_rate: float | None = None,
        step_between_clips: int = 1,
        transform: Callable[[Tensor], Any] | None = None,
        extensions: tuple[str, ...] = ("avi", "mp4"),
        output_format: str = "TCHW",
    ) -> None:
        super().__init__(root, transform=transform)
        self.num_classes = check_choice("Kinetics", "num_classes", num_classes, ("400", "600", "700"))
        self.split = check_choice("Kinetics", "split", split, ("train", "val", "test"))
        self.output_format = check_choice("Kinetics", "output_format", output_format, ("TCHW", "THWC"))
        self.frames_per_clip = frames_per_clip
        self.frame_rate = frame_rate
        folder = self.folder / split
        self.classes, class_to_idx = find_classes(folder)
        self.samples = make_dataset(folder, class_to_idx, extensions=extensions)
        self.clips: list[tuple[int, int]] = []  # (video, first frame)
        for number, (path, _) in enumerate(self.samples):
            count = len(self._chosen(*_told(path)))
            self.clips += [(number, first) for first in range(0, count - frames_per_clip + 1, step_between_clips)]

    def _chosen(self, count: int, rate: float) -> np.ndarray:
        """The frames that make a video of the rate asked for."""
        if self.frame_rate is None:
            return np.arange(count)
        wanted = int(count * self.frame_rate / rate)
        return (np.arange(wanted) * (rate / self.frame_rate)).astype(np.int64).clip(0, count - 1)

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, index: int) -> tuple[Any, Tensor, int]:
        number, first = self.clips[index]
        path, label = self.samples[number]
        frames, rate = read_frames(path)
        chosen = self._chosen(len(frames), rate)[first : first + self.frames_per_clip]
        video: Any = facula.from_numpy(np.ascontiguousarray(frames[chosen]))
        video = video.permute(0, 3, 1, 2) if self.output_format == "TCHW" else video
        return (video if self.transform is None else self.transform(video)), facula.empty(1, 0), label


def _told(path: str) -> tuple[int, float]:
    """(frames, frames a second) of a video."""
    if Path(path).suffix.lower() in (".gif", ".webp", ".png", ".apng"):
        from PIL import Image

        with Image.open(path) as picture:
            return int(getattr(picture, "n_frames", 1)), 1000.0 / float(picture.info.get("duration") or 40)
    frames, rate = read_frames(path)
    return len(frames), rate
