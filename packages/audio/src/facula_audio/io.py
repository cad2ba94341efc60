"""Sound files, by the library `soundfile`: WAV, FLAC, OGG, MP3 and what else libsndfile reads."""

from __future__ import annotations

import functools
import io
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import facula
from facula import Tensor

__all__ = ["AudioMetaData", "blocks", "info", "load", "save"]

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
    ("PCM_S", 8): "PCM_S8", ("PCM_U", 8): "PCM_U8", ("PCM_S", 16): "PCM_16", ("PCM_S", 24): "PCM_24", ("PCM_S", 32): "PCM_32",
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


@functools.cache
def _forwards() -> Any:
    """`soundfile.SoundFile` that reads on without seeking, which after each block of an MP3 file lands beside its place."""

    class Forwards(_library().SoundFile):  # type: ignore[misc]
        def seekable(self) -> bool:
            return False

    return Forwards


def _seekable(source: Any) -> Any:
    """An open file that can be read from any place: one that cannot is read into memory."""
    can = getattr(source, "seekable", lambda: hasattr(source, "seek"))
    return source if can() else io.BytesIO(source.read())


@contextmanager
def _opened(name: str, uri: Any, format: str | None) -> Iterator[Any]:
    """The open file; RuntimeError names one that is missing, broken or no sound."""
    library = _library()
    source = _seekable(uri) if hasattr(uri, "read") else os.fspath(uri)
    if isinstance(source, str) and not os.path.isfile(source):
        raise RuntimeError(f"{name}: expected a sound file, got no file {source}. Check the path.")
    try:
        kind = format.upper() if format and hasattr(uri, "read") else None
        with _forwards()(source, format=None if kind in (None, "WAV") else kind) as file:
            yield file
    except library.LibsndfileError as error:
        raise RuntimeError(
            f"{name}: expected a sound file, got {uri} ({error.error_string}) Check that it is whole and of a known format."
        ) from error


_SIZES = re.compile(
    r"^\s*(RIFF|FORM|SSND|data|Riff size|Data size)\s*:\s*(\d+)(?: \(should be (\d+)\))?", re.IGNORECASE | re.MULTILINE
)
_LENGTH = re.compile(r"^Length\s*:\s*(\d+)", re.MULTILINE)


def _check_whole(name: str, uri: Any, file: Any) -> None:
    """RuntimeError if the header tells of more bytes than the file has; writers to pipes, which cannot know, excepted."""
    length = _LENGTH.search(file.extra_info)
    for chunk, told, found in _SIZES.findall(file.extra_info):
        size, have = int(told), int(found or (length[1] if length else told))
        have += 8 if chunk.upper() in ("RIFF", "FORM") else 0  # some writers count the chunk's own header
        unknown = 0x7FFF0000 <= size < 0x80000100 or 0xFFFF0000 <= size < 1 << 32 or size >= _UNKNOWN
        if size > have and not unknown:
            raise RuntimeError(
                f"{name}: expected a whole file, got {uri} with {have} bytes where its header tells of {size}. Get it again."
            )


def info(uri: Any, format: str | None = None, buffer_size: int = 4096, backend: str | None = None) -> AudioMetaData:
    """Sample rate, frames, channels and encoding of a sound file (a path or an open binary file).

    `buffer_size` and `backend` have no effect, here and below; they are there for old programs.
    RuntimeError, naming the file, if it is missing or no sound.
    """
    with _opened("info", uri, format) as file:
        encoding = "FLAC" if file.format == "FLAC" else _ENCODINGS.get(file.subtype, "UNKNOWN")
        return AudioMetaData(file.samplerate, file.frames, file.channels, _BITS.get(file.subtype, 0), encoding)


_UNKNOWN = (1 << 63) - 1  # for a count that the writer could not know
_AT_ONCE = 1 << 24  # numbers; what a header tells of is not trusted with more memory than this


def _read(
    name: str, uri: Any, file: Any, frame_offset: int, num_frames: int, normalize: bool, length: int
) -> Iterator[Any]:
    """The chosen part as arrays (time, channels) of `length` frames, the last with what is left."""
    if frame_offset < 0:
        raise RuntimeError(
            f"{name}: invalid argument, expected frame_offset to be non-negative, got {frame_offset}. Count from 0."
        )
    if num_frames == 0 or num_frames < -1:
        raise RuntimeError(
            f"{name}: invalid argument, expected num_frames to be -1 or greater than 0, got {num_frames}. -1 reads all."
        )
    if frame_offset > file.frames:
        raise RuntimeError(
            f"{name}: expected frame_offset of at most the {file.frames} frames of the file, got {frame_offset}. Lower it."
        )
    _check_whole(name, uri, file)
    stored = file.format in ("WAV", "WAVEX", "RF64") and not normalize
    dtype = _STORED.get(file.subtype, "float32") if stored else "float32"
    left = file.frames - frame_offset if num_frames == -1 else min(num_frames, file.frames - frame_offset)
    if file.format == "MP3":
        for start in range(0, frame_offset, length):
            file.read(min(length, frame_offset - start))
    elif frame_offset:
        file.seek(frame_offset)
    while left:
        frames = file.read(min(left, length), dtype=dtype, always_2d=True)
        told = file.frames < _UNKNOWN and file.format not in ("OGG", "MP3")
        if told and len(frames) < min(left, length):
            raise RuntimeError(
                f"{name}: expected {left} more frames, as the header tells, got {len(frames)} from {uri}. It is not whole."
            )
        if stored and file.subtype == "PCM_U8":
            frames = ((frames >> 8) + 128).astype(np.uint8)
        if len(frames):
            yield frames
        left = left - len(frames) if len(frames) == min(left, length) else 0


def _tensor(frames: np.ndarray, channels_first: bool) -> Tensor:
    return facula.from_numpy(np.ascontiguousarray(frames.T if channels_first else frames))


def load(
    uri: Any,
    frame_offset: int = 0,
    num_frames: int = -1,
    normalize: bool = True,
    channels_first: bool = True,
    format: str | None = None,
    buffer_size: int = 4096,
    backend: str | None = None,
) -> tuple[Tensor, int]:
    """The sound in a file (a path or an open binary file) and its sample rate in Hz.

    Samples are float32 from -1 to 1; `normalize=False` leaves those of a WAV file as they are stored (uint8, int16,
    int32, float32, float64; 24 bits in the upper part of int32). `frame_offset` and `num_frames` choose a part.

    Shape: (channels, time), or (time, channels) for `channels_first=False`.
    RuntimeError, naming the file, if it is missing, not whole or no sound, and for a part that it has not.
    """
    with _opened("load", uri, format) as file:
        at_once = max(_AT_ONCE // file.channels, 1)
        parts = list(_read("load", uri, file, frame_offset, num_frames, normalize, at_once))
        rate = int(file.samplerate)
        empty = np.zeros((0, file.channels), np.float32)
    frames = parts[0] if len(parts) == 1 else np.concatenate(parts) if parts else empty
    return _tensor(frames, channels_first), rate


def blocks(
    uri: Any,
    block_size: int,
    frame_offset: int = 0,
    num_frames: int = -1,
    normalize: bool = True,
    channels_first: bool = True,
    format: str | None = None,
) -> Iterator[Tensor]:
    """The sound in a file, `block_size` frames at a time, the last with what is left: memory holds one block.

    The other arguments are those of `load`. Shape: (channels, block_size) each.
    ValueError for a block below one frame, RuntimeError as `load`, when the block is reached.

    >>> import io, facula, facula_audio
    >>> file = io.BytesIO()
    >>> facula_audio.save(file, facula.zeros(2, 1000), 8000, format="wav")
    >>> [tuple(block.shape) for block in facula_audio.blocks(io.BytesIO(file.getvalue()), 400)]
    [(2, 400), (2, 400), (2, 200)]
    """
    if block_size < 1:
        raise ValueError(f"blocks: expected a block_size of 1 or more, got {block_size}. Use the rate for a second.")
    return _blocks(uri, block_size, frame_offset, num_frames, normalize, channels_first, format)


def _blocks(
    uri: Any,
    block_size: int,
    frame_offset: int,
    num_frames: int,
    normalize: bool,
    channels_first: bool,
    format: str | None,
) -> Iterator[Tensor]:
    with _opened("blocks", uri, format) as file:
        for frames in _read("blocks", uri, file, frame_offset, num_frames, normalize, block_size):
            yield _tensor(frames, channels_first)


def save(
    uri: Any,
    src: Tensor,
    sample_rate: int,
    channels_first: bool = True,
    format: str | None = None,
    encoding: str | None = None,
    bits_per_sample: int | None = None,
    buffer_size: int = 4096,
    backend: str | None = None,
    compression: float | None = None,
) -> None:
    """Write a sound to a file (a path, whose ending tells the format, or an open binary file with `format`).

    A WAV file stores the tensor's type unless `encoding` (PCM_S, PCM_U, PCM_F, ULAW, ALAW) or `bits_per_sample` says
    otherwise; FLAC stores 16 bits, or 8 or 24. `compression` is FLAC's level (0..8) or the quality of OGG (-1..10, the
    best). A path holds the whole sound or what it held before.

    Shape: src (channels, time), or (time, channels) for `channels_first=False`.
    ValueError for other shapes, types, formats or encodings, RuntimeError for what the format cannot hold.
    """
    if src.dim() != 2:
        raise ValueError(
            f"save: expected 2D Tensor (channels, time), got {src.dim()}D. Use unsqueeze(0) for one channel."
        )
    open_file = hasattr(uri, "write")
    kind = (format or ("" if open_file else Path(uri).suffix[1:])).upper()
    kind = {"VORBIS": "OGG", "AIF": "AIFF", "OGA": "OGG", "SPH": "NIST"}.get(kind, kind)
    library = _library()
    if kind not in library.available_formats():
        raise ValueError(
            f"save: expected a known format, got {kind or 'none'!r}. Pass format='wav', 'flac', 'ogg' or 'mp3'."
        )
    subtype = _subtype(kind, str(src.dtype).rpartition(".")[2], encoding, bits_per_sample)
    options = _compression(kind, compression)
    array = src.detach().cpu().numpy()
    frames = array.T if channels_first else array
    if frames.dtype == np.uint8:
        frames = (frames.astype(np.int16) - 128) << 8
    frames = np.ascontiguousarray(frames)

    def write(target: Any) -> None:
        try:
            library.write(target, frames, sample_rate, subtype, format=kind, **options)
        except library.LibsndfileError as error:
            raise RuntimeError(
                f"save: expected a sound that {kind} can hold, got {frames.shape[1]} channels at {sample_rate} Hz for {uri} "
                f"({error.error_string}) Change the rate or the format."
            ) from error

    if open_file:
        whole = io.BytesIO()
        write(whole)
        uri.write(whole.getbuffer())
        return
    target = Path(uri)
    handle, partial = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    os.close(handle)
    try:
        write(partial)
        os.chmod(partial, 0o644)
        os.replace(partial, target)
    finally:
        Path(partial).unlink(missing_ok=True)


def _compression(kind: str, compression: float | None) -> dict[str, float]:
    """libsndfile's level, 0 for the largest file and 1 for the smallest, of torchaudio's."""
    if compression is None:
        return {}
    low, high = {"FLAC": (0, 8), "OGG": (-1, 10)}.get(kind, (0, -1))
    if not low <= compression <= high:
        raise ValueError(
            f"save: expected a compression of 0 to 8 for FLAC or -1 to 10 for OGG, got {compression} for {kind}. Leave it out."
        )
    level = compression / 8 if kind == "FLAC" else (10 - compression) / 11
    return {"compression_level": level}


def _subtype(kind: str, dtype: str, encoding: str | None, bits: int | None) -> str | None:
    """libsndfile's name for how samples are stored."""
    if dtype not in _OF_TYPE:
        raise ValueError(f"save: expected uint8, int16, int32, float32 or float64, got {dtype}. Convert it first.")
    wav = kind in ("WAV", "WAVEX", "RF64")
    if encoding is None and bits is None and kind != "FLAC":
        return _OF_TYPE[dtype] if wav else None
    if kind == "FLAC":
        found = {8: "PCM_S8", 16: "PCM_16", 24: "PCM_24"}.get(bits or 16) if encoding in (None, "PCM_S") else None
    else:
        encoding = encoding or ("PCM_U" if bits == 8 and wav else "PCM_S")
        found = _PCM.get((encoding, bits or {"PCM_S": 16, "PCM_F": 32}.get(encoding, 8)))
        found = found if found in _library().available_subtypes(kind) else None
    if found is None:
        raise ValueError(
            f"save: expected an encoding and bits_per_sample that {kind} has, got {encoding} and {bits}. Leave them out."
        )
    return found
