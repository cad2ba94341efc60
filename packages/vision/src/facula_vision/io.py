"""Reading and writing pictures, by Pillow."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np

import facula
from facula import Tensor
from facula_vision.transforms.functional import pil_to_tensor, to_pil_image
from facula_vision.utils import write_atomically

__all__ = [
    "ImageReadMode",
    "decode_avif",
    "decode_gif",
    "decode_image",
    "decode_jpeg",
    "decode_png",
    "decode_webp",
    "encode_jpeg",
    "encode_png",
    "read_file",
    "read_image",
    "write_file",
    "write_jpeg",
    "write_png",
]

Name = str | os.PathLike[str]


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
_PLAIN = ("L", "LA", "RGB", "RGBA", "CMYK")


def read_file(path: Name) -> Tensor:
    """The bytes of a file.   Shape: (N,), uint8. RuntimeError, naming the file, if it cannot be read."""
    try:
        return facula.from_numpy(np.fromfile(path, dtype=np.uint8))
    except OSError as error:
        raise RuntimeError(
            f"read_file: expected a file that can be read, got {path} ({error}). Check its name."
        ) from error


def write_file(filename: Name, data: Tensor) -> None:
    """Write bytes (N,) to a file, which holds them all or what it held before; RuntimeError unless they are uint8."""
    if data.dtype != facula.uint8 or data.ndim != 1:
        raise RuntimeError(
            f"write_file: expected bytes (N,) of uint8, got {data.dtype} of shape {tuple(data.shape)}. Encode them first."
        )
    write_atomically(filename, lambda path: Path(path).write_bytes(data.cpu().numpy().tobytes()))


def _opened(name: str, source: Any, mode: ImageReadMode | str, oriented: bool, formats: Sequence[str] | None) -> Tensor:
    """Decode a file or bytes; RuntimeError says of which."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    mode = ImageReadMode[{"RGBA": "RGB_ALPHA"}.get(mode.upper(), mode.upper())] if isinstance(mode, str) else mode
    told = "the given bytes" if isinstance(source, io.BytesIO) else source
    try:
        with Image.open(source, formats=formats) as image:
            if mode is ImageReadMode.GRAY and image.format == "JPEG":
                image.draft("L", image.size)  # JPEG holds the grey picture apart
            image.load()
            picture = ImageOps.exif_transpose(image) if oriented else image
            if picture.mode == "I;16":
                return _deep(pil_to_tensor(picture), mode)
            if mode in _MODES:
                picture = picture.convert(_MODES[mode])
            elif picture.mode not in _PLAIN:
                see_through = picture.mode in ("PA", "La") or "transparency" in picture.info
                picture = picture.convert("RGBA" if see_through else "L" if picture.mode == "1" else "RGB")
            pixels = pil_to_tensor(picture)
            return ~pixels if picture.mode == "CMYK" else pixels  # JPEG's inks are stored inverted
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise RuntimeError(
            f"{name}: expected a picture that can be read, got {told} ({error}). Check the file."
        ) from error


def _deep(grey: Tensor, mode: ImageReadMode) -> Tensor:
    """A grey picture of 16 bits with the channels that `mode` names."""
    colours = [grey] * (3 if mode in (ImageReadMode.RGB, ImageReadMode.RGB_ALPHA) else 1)
    opaque = [facula.full_like(grey, 65535)] if mode in (ImageReadMode.GRAY_ALPHA, ImageReadMode.RGB_ALPHA) else []
    return facula.cat([*colours, *opaque])


def _bytes(name: str, input: Any) -> io.BytesIO:
    if not isinstance(input, Tensor) or input.dtype != facula.uint8 or input.ndim != 1 or not input.numel():
        shape = f"{input.dtype} of shape {tuple(input.shape)}" if isinstance(input, Tensor) else type(input)
        raise RuntimeError(f"{name}: expected a non empty 1-dimensional tensor of uint8, got {shape}. Use read_file.")
    return io.BytesIO(input.cpu().numpy().tobytes())


def read_image(
    path: Name, mode: ImageReadMode | str = ImageReadMode.UNCHANGED, apply_exif_orientation: bool = False
) -> Tensor:
    """The picture in a file, as it is or with the channels that `mode` names.   Shape: (C, H, W), uint8 (16-bit grey: uint16).

    `apply_exif_orientation` turns it as the camera was held. RuntimeError, naming the file, if it is missing or cannot be
    decoded.
    """
    return _opened("read_image", path, mode, apply_exif_orientation, None)


def decode_image(
    input: Tensor | Name, mode: ImageReadMode | str = ImageReadMode.UNCHANGED, apply_exif_orientation: bool = False
) -> Tensor:
    """The picture in the bytes of a file, or in a file by its name, of any format; a GIF of many frames gives (N, C, H, W)."""
    if not isinstance(input, Tensor):
        return read_image(input, mode, apply_exif_orientation)
    source = _bytes("decode_image", input)
    if source.getvalue()[:4] == b"GIF8":
        return decode_gif(input)
    return _opened("decode_image", source, mode, apply_exif_orientation, None)


def decode_jpeg(
    input: Tensor | Sequence[Tensor],
    mode: ImageReadMode | str = ImageReadMode.UNCHANGED,
    device: Any = "cpu",
    apply_exif_orientation: bool = False,
) -> Any:
    """The picture in the bytes of a JPEG file, or a list of pictures for a list.   Shape: (C, H, W), uint8."""
    if isinstance(input, (list, tuple)):
        return [decode_jpeg(one, mode, device, apply_exif_orientation) for one in input]
    source = _bytes("decode_jpeg", input)
    return _opened("decode_jpeg", source, mode, apply_exif_orientation, ["JPEG"]).to(device)


def decode_png(
    input: Tensor, mode: ImageReadMode | str = ImageReadMode.UNCHANGED, apply_exif_orientation: bool = False
) -> Tensor:
    """The picture in the bytes of a PNG file.   Shape: (C, H, W), uint8 (16-bit grey: uint16)."""
    return _opened("decode_png", _bytes("decode_png", input), mode, apply_exif_orientation, ["PNG"])


def decode_webp(input: Tensor, mode: ImageReadMode | str = ImageReadMode.UNCHANGED) -> Tensor:
    """The picture in the bytes of a WebP file.   Shape: (C, H, W), uint8."""
    return _opened("decode_webp", _bytes("decode_webp", input), mode, False, ["WEBP"])


def decode_avif(input: Tensor, mode: ImageReadMode | str = ImageReadMode.UNCHANGED) -> Tensor:
    """The picture in the bytes of an AVIF file, where Pillow can read one.   Shape: (C, H, W), uint8."""
    return _opened("decode_avif", _bytes("decode_avif", input), mode, False, ["AVIF"])


def decode_gif(input: Tensor) -> Tensor:
    """The frames in the bytes of a GIF file.   Shape: (N, 3, H, W), or (3, H, W) for one frame, uint8."""
    from PIL import Image, ImageSequence, UnidentifiedImageError

    try:
        with Image.open(_bytes("decode_gif", input), formats=["GIF"]) as image:
            frames = [pil_to_tensor(frame.convert("RGB")) for frame in ImageSequence.Iterator(image)]
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise RuntimeError(
            f"decode_gif: expected a GIF that can be read, got the given bytes ({error}). Check the file."
        ) from error
    return frames[0] if len(frames) == 1 else facula.stack(frames)


def encode_png(input: Tensor, compression_level: int = 6) -> Tensor:
    """The bytes of a PNG file for an image (C, H, W) of uint8 with one or three channels.   Shape: (N,), uint8.

    ValueError for a level outside 0..9.
    """
    if not 0 <= compression_level <= 9:
        raise ValueError(
            f"encode_png: compression level should be between 0 and 9, expected that, got {compression_level}. Choose it "
            "there."
        )
    return _encoded("encode_png", input, format="PNG", compress_level=compression_level)


def encode_jpeg(input: Tensor | Sequence[Tensor], quality: int = 75) -> Any:
    """The bytes of a JPEG file for an image (C, H, W) of uint8 with one or three channels, or a list for a list.

    Shape: (N,), uint8. ValueError for a quality outside 1..100.
    """
    if not 1 <= quality <= 100:
        raise ValueError(
            f"encode_jpeg: image quality should be a positive number between 1 and 100, got {quality}. Choose it there."
        )
    if isinstance(input, (list, tuple)):
        return [encode_jpeg(one, quality) for one in input]
    return _encoded("encode_jpeg", input, format="JPEG", quality=quality)


def _encoded(name: str, image: Any, **options: Any) -> Tensor:
    if image.dtype != facula.uint8:
        raise RuntimeError(
            f"{name}: input tensor dtype should be uint8, expected that, got {image.dtype}. Convert it first."
        )
    if image.dim() != 3 or image.shape[0] not in (1, 3):
        raise RuntimeError(
            f"{name}: the number of channels should be 1 or 3, expected (1 or 3, H, W), got {tuple(image.shape)}. "
            "Reshape it."
        )
    file = io.BytesIO()
    to_pil_image(image).save(file, **options)
    return facula.from_numpy(np.frombuffer(file.getvalue(), dtype=np.uint8).copy())


def write_png(input: Tensor, filename: Name, compression_level: int = 6) -> None:
    """Write an image (C, H, W) of uint8 with one or three channels as PNG; ValueError for a level outside 0..9."""
    write_file(filename, encode_png(input, compression_level))


def write_jpeg(input: Tensor, filename: Name, quality: int = 75) -> None:
    """Write an image (C, H, W) of uint8 with one or three channels as JPEG; ValueError for a quality outside 1..100."""
    write_file(filename, encode_jpeg(input, quality))
