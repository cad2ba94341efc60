"""Sound files, by the library `soundfile`: WAV, FLAC, OGG, MP3 and what else libsndfile reads."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import facula
from facula import Tensor

__all__ = ["AudioMetaData", "info", "load", "save"]

_STORED = {
    "PCM_S8": "int16",
    "PCM_U8": "int16",
    "PCM_16": "int16",
    "PCM_24": "int32",
    "PCM_32": "int32",
    "DOUBLE": "float64",
}
_BITS = {
    "PCM_S8": 8,
    "PCM_U8": 8,
    "PCM_16": 16,
    "PCM_24": 24,
    "PCM_32": 32,
    "FLOAT": 32,
    "DOUBLE": 64,
    "ULAW": 8,
    "ALAW": 8,
}
_ENCODINGS = {
    "PCM_S8": "PCM_S", "PCM_16": "PCM_S", "PCM_24": "PCM_S", "PCM_32": "PCM_S", "PCM_U8": "PCM_U",
    "FLOAT": "PCM_F", "DOUBLE": "PCM_F", "ULAW": "ULAW", "ALAW": "ALAW",
    "VORBIS": "VORBIS", "OPUS": "OPUS", "MPEG_LAYER_III": "MP3",
}  # fmt: skip
_PCM = {
    ("PCM_U", 8): "PCM_U8", ("PCM_S", 16): "PCM_16", ("PCM_S", 24): "PCM_24", ("PCM_S", 32): "PCM_32",
    ("PCM_F", 32): "FLOAT", ("PCM_F", 64): "DOUBLE", ("ULAW", 8): "ULAW", ("ALAW", 8): "ALAW",
}  # fmt: skip
_OF_TYPE = {"uint8": "PCM_U8", "int16": "PCM_16", "int32": "PCM_32", "float32": "FLOAT", "float64": "DOUBLE"}


def _library() -> Any:
    try:
        import soundfile
    except (ImportError, OSError) as error:  # OSError: the wheel carries no libsndfile for this machine
        raise ImportError(
            f"facula_audio: expected the library 'soundfile', got {error}. Run: pip install facula-audio",
            name="soundfile",
        ) from error
    return soundfile


@dataclass(frozen=True)
class AudioMetaData:
    """What a sound file says about itself; `bits_per_sample` is 0 where that means nothing."""

    sample_rate: int
    num_frames: int
    num_channels: int
    bits_per_sample: int
    encoding: str


@contextmanager
def _opened(name: str, uri: Any, format: str | None) -> Iterator[Any]:
    """The open file; RuntimeError names one that is missing or no sound."""
    library = _library()
    source = uri if hasattr(uri, "read") else os.fspath(uri)
    if isinstance(source, str) and not os.path.isfile(source):
        raise RuntimeError(f"{name}: expected a sound file, got no file {source}. Check the path.")
    try:
        kind = format.upper() if format and hasattr(uri, "read") else None
        with library.SoundFile(source, format=None if kind in (None, "WAV") else kind) as file:
            yield file
    except library.LibsndfileError as error:
        raise RuntimeError(
            f"{name}: expected a sound file, got {source} ({error.error_string}) Check that it is whole and of a known "
            "format."
        ) from error


def info(uri: Any, format: str | None = None) -> AudioMetaData:
    """Sample rate, frames, channels and encoding of a sound file (a path or an open binary file).

    RuntimeError, naming the file, if it is missing or no sound.
    """
    with _opened("info", uri, format) as file:
        encoding = "FLAC" if file.format == "FLAC" else _ENCODINGS.get(file.subtype, "UNKNOWN")
        return AudioMetaData(file.samplerate, file.frames, file.channels, _BITS.get(file.subtype, 0), encoding)


def load(
    uri: Any,
    frame_offset: int = 0,
    num_frames: int = -1,
    normalize: bool = True,
    channels_first: bool = True,
    format: str | None = None,
) -> tuple[Tensor, int]:
    """The sound in a file (a path or an open binary file) and its sample rate in Hz.

    Samples are float32 from -1 to 1; `normalize=False` leaves those of a WAV file as they are stored (uint8, int16,
    int32, float32, float64; 24 bits in the upper part of int32). `frame_offset` and `num_frames` choose a part.

    Shape: (channels, time), or (time, channels) for `channels_first=False`.
    RuntimeError, naming the file, if it is missing or no sound, and for a part that it has not.
    """
    if frame_offset < 0:
        raise RuntimeError(
            f"load: invalid argument, expected frame_offset to be non-negative, got {frame_offset}. Count from 0."
        )
    if num_frames == 0 or num_frames < -1:
        raise RuntimeError(
            f"load: invalid argument, expected num_frames to be -1 or greater than 0, got {num_frames}. -1 reads all."
        )
    with _opened("load", uri, format) as file:
        if frame_offset > file.frames:
            raise RuntimeError(
                f"load: expected frame_offset of at most the {file.frames} frames of the file, got {frame_offset}. "
                "Lower it."
            )
        stored = file.format in ("WAV", "WAVEX", "RF64") and not normalize
        dtype = _STORED.get(file.subtype, "float32") if stored else "float32"
        file.seek(frame_offset)
        frames = file.read(num_frames, dtype=dtype, always_2d=True)  # (time, channels)
        if stored and file.subtype == "PCM_U8":
            frames = ((frames >> 8) + 128).astype(np.uint8)
        rate = file.samplerate
    waveform = facula.from_numpy(np.ascontiguousarray(frames.T if channels_first else frames))
    return waveform, int(rate)


def save(
    uri: Any,
    src: Tensor,
    sample_rate: int,
    channels_first: bool = True,
    format: str | None = None,
    encoding: str | None = None,
    bits_per_sample: int | None = None,
) -> None:
    """Write a sound to a file (a path, whose ending tells the format, or an open binary file with `format`).

    A WAV file stores the tensor's type unless `encoding` (PCM_S, PCM_U, PCM_F, ULAW, ALAW) or `bits_per_sample` says
    otherwise; FLAC stores 16 bits, or 8 or 24. A path holds the whole sound or what it held before.

    Shape: src (channels, time), or (time, channels) for `channels_first=False`.
    ValueError for other shapes, types, formats or encodings.
    """
    if src.dim() != 2:
        raise ValueError(
            f"save: expected 2D Tensor (channels, time), got {src.dim()}D. Use unsqueeze(0) for one channel."
        )
    open_file = hasattr(uri, "write")
    kind = (format or ("" if open_file else Path(uri).suffix[1:])).upper()
    kind = {"VORBIS": "OGG"}.get(kind, kind)
    library = _library()
    if kind not in library.available_formats():
        raise ValueError(
            f"save: expected a known format, got {kind or 'none'!r}. Pass format='wav', 'flac', 'ogg' or 'mp3'."
        )
    subtype = _subtype(kind, str(src.dtype).rpartition(".")[2], encoding, bits_per_sample)
    array = src.detach().cpu().numpy()
    frames = array.T if channels_first else array
    if frames.dtype == np.uint8:
        frames = (frames.astype(np.int16) - 128) << 8
    frames = np.ascontiguousarray(frames)
    if open_file:
        library.write(uri, frames, sample_rate, subtype, format=kind)
        return
    target = Path(uri)
    handle, partial = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    os.close(handle)
    try:
        library.write(partial, frames, sample_rate, subtype, format=kind)
        os.chmod(partial, 0o644)
        os.replace(partial, target)
    finally:
        Path(partial).unlink(missing_ok=True)


def _subtype(kind: str, dtype: str, encoding: str | None, bits: int | None) -> str | None:
    """libsndfile's name for how samples are stored."""
    if dtype not in _OF_TYPE:
        raise ValueError(f"save: expected uint8, int16, int32, float32 or float64, got {dtype}. Convert it first.")
    if kind in ("WAV", "WAVEX", "RF64"):
        if encoding is None and bits is None:
            return _OF_TYPE[dtype]
        encoding = encoding or ("PCM_U" if bits == 8 else "PCM_S")
        smallest = {"PCM_S": 16, "PCM_F": 32}.get(encoding, 8)
        found = _PCM.get((encoding, bits or smallest))
    elif kind == "FLAC" and encoding in (None, "PCM_S"):
        found = {8: "PCM_S8", 16: "PCM_16", 24: "PCM_24"}.get(bits or 16)
    elif encoding is None and bits is None:
        return None
    else:
        found = None
    if found is None:
        raise ValueError(
            f"save: expected an encoding and bits_per_sample that {kind} has, got {encoding} and {bits}. Leave them "
            "out."
        )
    return found
