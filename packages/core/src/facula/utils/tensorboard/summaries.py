"""What the values of an event look like: a number, a histogram, a picture, a text, hyperparameters."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from facula.errors import type_error, value_error
from facula.tensors.tensor import Tensor
from facula.utils.tensorboard.events import double, doubles, integer, message, single

_FLOAT, _DOUBLE, _STRING = 1, 2, 7  # types of a TensorProto
_EXPONENTIAL = 1e-12 * 1.1 ** np.arange(774)  # up to 1e20


def array(value: Any) -> Any:
    """A tensor, an array, a list or a number as a NumPy array."""
    return value.detach().cpu().numpy() if isinstance(value, Tensor) else np.asarray(value)


def number(owner: str, value: Any) -> float:
    """The one number in a value."""
    if isinstance(value, float | int):
        return value
    found = array(value)
    if found.size != 1 or found.dtype.kind not in "biuf":
        found = f"shape {found.shape}" if found.dtype.kind in "biuf" else repr(value)
        raise value_error(f"{owner}: expected a number or a tensor of one element, got {found}. Reduce it first.")
    return float(found.reshape(()))


def _plugin(name: str, content: bytes = b"") -> bytes:
    """The metadata by which a part of TensorBoard knows what is for it."""
    return message(9, message(1, message(1, name), message(2, content) if content else b""))


def scalar(tag: str, value: float, new_style: bool = False, double_precision: bool = False) -> bytes:
    """A number; in the new style as a tensor."""
    if not new_style and not double_precision:
        return message(1, message(1, tag), single(2, value))
    kind, content = (
        (_DOUBLE, doubles(6, [value])) if double_precision else (_FLOAT, message(5, struct.pack("<f", value)))
    )
    return message(1, message(1, tag), message(8, integer(1, kind), content), _plugin("scalars"))


def text(tag: str, sentence: str) -> bytes:
    """A text, which TensorBoard takes for Markdown."""
    tensor = message(8, integer(1, _STRING), message(2, message(2, integer(1, 1))), message(8, sentence))
    return message(1, message(1, tag), tensor, _plugin("text"))


def histogram(tag: str, values: Any, bins: Any, max_bins: int | None) -> bytes:
    """How often values lie between limits: those of `np.histogram`, or for "tensorflow" limits that grow by a tenth."""
    values = array(values).reshape(-1).astype(np.float64)
    if not values.size:
        raise value_error("add_histogram: expected values, got none. Leave out what is empty.")
    if isinstance(bins, str) and bins == "tensorflow":
        bins = np.concatenate([-_EXPONENTIAL[::-1], [0.0], _EXPONENTIAL])
    counts, limits = np.histogram(values, bins)
    if max_bins is not None and len(counts) > max_bins:
        every = -(-len(counts) // max_bins)
        counts, limits = np.add.reduceat(counts, range(0, len(counts), every)), np.append(limits[:-1:every], limits[-1])
    filled = np.flatnonzero(counts)
    first, last = (filled[0], filled[-1]) if filled.size else (0, len(counts) - 1)
    counts, limits = (
        np.append(0, counts[first : last + 1]),
        limits[first : last + 2],
    )  # the first limit closes an empty one
    totals = [values.min(), values.max(), values.size, values.sum(), values @ values]
    fields = [double(i, float(total)) for i, total in enumerate(totals, 1)]
    return message(1, message(1, tag), message(5, *fields, doubles(6, limits), doubles(7, counts)))


def image(tag: str, pixels: Any) -> bytes:
    """A picture of bytes (H, W, C) with 1, 3 or 4 channels."""
    height, width, channels = pixels.shape
    size = [integer(1, height), integer(2, width), integer(3, channels)]
    return message(1, message(1, tag), message(4, *size, message(4, png(pixels))))


def png(pixels: Any) -> bytes:
    """The bytes (H, W, C) as a PNG file: every row unfiltered, all rows deflated."""
    height, width, channels = pixels.shape
    rows = np.zeros((height, 1 + width * channels), np.uint8)
    rows[:, 1:] = pixels.reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 8, {1: 0, 3: 2, 4: 6}[channels], 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes())), (b"IEND", b"")]
    written = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(written)


def pixels(owner: str, value: Any, dataformats: str) -> Any:
    """Pictures in any order of N, C, H and W as bytes (H, W, C), several in a grid; floats reach from 0 to 1."""
    found, order = array(value), dataformats.upper()
    if len(order) != found.ndim or not set("HW") <= set(order) <= set("NCHW") or len(set(order)) != len(order):
        raise value_error(
            f"{owner}: expected a picture of {len(order)} dimensions {dataformats!r}, got shape {found.shape}. "
            "Say the order of N, C, H and W by dataformats."
        )
    if found.dtype.kind == "f":
        found = (np.nan_to_num(found) * 255).clip(0, 255)
    found = np.expand_dims(found.astype(np.uint8), [i for i, axis in enumerate("NC") if axis not in order])
    kept = [axis for axis in "NC" if axis not in order] + list(order)
    found = found.transpose([kept.index(axis) for axis in "NHWC"])
    if found.shape[-1] not in (1, 3, 4):
        raise value_error(
            f"{owner}: expected 1, 3 or 4 channels, got {found.shape[-1]}. Say their place by dataformats."
        )
    count, height, width, channels = found.shape
    columns = min(8, count)
    grid = np.zeros((-(-count // columns) * columns, height, width, channels), np.uint8)
    grid[:count] = found
    grid = grid.reshape(-1, columns, height, width, channels).swapaxes(1, 2)
    return grid.reshape(-1, columns * width, channels)


def _typed(value: Any) -> tuple[int, bytes]:
    """A hyperparameter's type (text, truth value, number) and its message."""
    if isinstance(value, Tensor | np.generic | np.ndarray):
        value = array(value).item()
    if isinstance(value, bool):
        return 2, integer(4, value)
    if isinstance(value, int | float):
        return 3, double(2, value)
    if isinstance(value, str):
        return 1, message(3, value)
    raise type_error(f"add_hparams: expected numbers, texts and truth values, got {value!r}. Pass str(value).")


def hyperparameters(
    params: Mapping[str, Any], metrics: Sequence[str], domains: Mapping[str, Sequence[Any]] | None, now: float
) -> list[bytes]:
    """The experiment with its hyperparameters and metrics, the beginning of a run with these values, and its end."""
    typed = {name: _typed(value) for name, value in params.items()}
    infos = []
    for name, (kind, _) in typed.items():
        values = [message(1, _typed(value)[1]) for value in (domains or {}).get(name, ())]
        infos.append(message(4, message(1, name), integer(4, kind), message(5, *values) if values else b""))
    columns = [message(5, message(1, message(2, name))) for name in metrics]
    begun = [message(1, message(1, name), message(2, value)) for name, (_, value) in typed.items()]
    parts = {
        "experiment": message(2, *infos, *columns),
        "session_start_info": message(3, *begun, double(5, now)),
        "session_end_info": message(4, integer(1, 1), double(2, now)),  # a success
    }
    return [message(1, message(1, f"_hparams_/{tag}"), _plugin("hparams", part)) for tag, part in parts.items()]
