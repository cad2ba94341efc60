"""Reading and writing pictures, by Pillow."""

from __future__ import annotations

import os
from enum import Enum
from typing import Any

import facula
from facula import Tensor
from facula_vision.transforms.functional import pil_to_tensor, to_pil_image
from facula_vision.utils import write_atomically

__all__ = ["ImageReadMode", "read_image", "write_jpeg", "write_png"]


class ImageReadMode(Enum):
    """The channels that a picture is read with."""

    UNCHANGED = 0
    GRAY = 1
    GRAY_ALPHA = 2
    RGB = 3
    RGB_ALPHA = 4


_MODES = {
    ImageReadMode.GRAY: "L",
    ImageReadMode.GRAY_ALPHA: "LA",
    ImageReadMode.RGB: "RGB",
    ImageReadMode.RGB_ALPHA: "RGBA",
}


def read_image(path: str | os.PathLike[str], mode: ImageReadMode = ImageReadMode.UNCHANGED) -> Tensor:
    """The picture in a file, as it is or with the channels that `mode` names.   Shape: (C, H, W), uint8.

    RuntimeError, naming the file, if it is missing or cannot be decoded.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            image.load()
            plain = image if image.mode in ("L", "LA", "RGB", "RGBA") else image.convert("RGB")
            return pil_to_tensor(plain.convert(_MODES[mode]) if mode in _MODES else plain)
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise RuntimeError(
            f"read_image: expected a picture that can be read, got {path} ({error}). Check the file."
        ) from error


def write_png(input: Tensor, filename: str | os.PathLike[str], compression_level: int = 6) -> None:
    """Write an image (C, H, W) of uint8 with one or three channels as PNG; ValueError for a level outside 0..9."""
    if not 0 <= compression_level <= 9:
        raise ValueError(
            f"write_png: compression level should be between 0 and 9, expected that, got {compression_level}."
        )
    _write("write_png", input, filename, format="PNG", compress_level=compression_level)


def write_jpeg(input: Tensor, filename: str | os.PathLike[str], quality: int = 75) -> None:
    """Write an image (C, H, W) of uint8 with one or three channels as JPEG; ValueError for a quality outside 1..100."""
    if not 1 <= quality <= 100:
        raise ValueError(f"write_jpeg: image quality should be a positive number between 1 and 100, got {quality}.")
    _write("write_jpeg", input, filename, format="JPEG", quality=quality)


def _write(name: str, image: Tensor, filename: str | os.PathLike[str], **options: Any) -> None:
    if image.dtype != facula.uint8:
        raise RuntimeError(
            f"{name}: input tensor dtype should be uint8, expected that, got {image.dtype}. Convert it first."
        )
    if image.dim() != 3 or image.shape[0] not in (1, 3):
        raise RuntimeError(
            f"{name}: the number of channels should be 1 or 3, expected (1 or 3, H, W), got {tuple(image.shape)}. "
            "Reshape it."
        )
    picture = to_pil_image(image)
    write_atomically(filename, lambda path: picture.save(path, **options))
