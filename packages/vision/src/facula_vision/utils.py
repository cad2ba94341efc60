"""Pictures of pictures: many images in one grid, and tensors written to files."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import facula
from facula import Tensor
from facula_vision.drawing import draw_bounding_boxes, draw_keypoints, draw_segmentation_masks, flow_to_image

__all__ = [
    "draw_bounding_boxes",
    "draw_keypoints",
    "draw_segmentation_masks",
    "flow_to_image",
    "make_grid",
    "save_image",
    "write_atomically",
]


def make_grid(
    tensor: Tensor | Sequence[Tensor],
    nrow: int = 8,
    padding: int = 2,
    normalize: bool = False,
    value_range: tuple[float, float] | None = None,
    scale_each: bool = False,
    pad_value: float = 0.0,
) -> Tensor:
    """Images side by side, `nrow` in a row, with a border of `padding` pixels of `pad_value` around each.

    Shape: (N, C, H, W), or a list of (C, H, W), to (max(C, 3 if C is 1), rows, columns). One image stays alone.
    `normalize` brings `value_range` (or the least and the greatest value, of each image if `scale_each`) to 0..1.
    TypeError for anything but tensors.

    >>> import facula
    >>> from facula_vision.utils import make_grid
    >>> make_grid(facula.zeros(5, 1, 8, 8), nrow=3).shape
    facula.Size([3, 22, 32])
    """
    if isinstance(tensor, Sequence) and all(isinstance(image, Tensor) for image in tensor):
        tensor = facula.stack(list(tensor), dim=0)
    if not isinstance(tensor, Tensor):
        raise TypeError(f"make_grid: tensor or list of tensors expected, got {type(tensor)}. Stack the images first.")
    images = _as_batch(tensor)  # (N, C, H, W)
    if normalize:
        images = _normalized(images, value_range, scale_each)
    if len(images) == 1:
        return images[0]
    count, channels, height, width = images.shape
    columns = min(nrow, count)
    rows = -(-count // columns)
    high, wide = height + padding, width + padding
    grid = images.new_full((channels, high * rows + padding, wide * columns + padding), pad_value)
    for index in range(count):
        top, left = index // columns * high + padding, index % columns * wide + padding
        grid[:, top : top + height, left : left + width] = images[index]
    return grid


def _as_batch(tensor: Tensor) -> Tensor:
    """(N, C, H, W) of an image or of many, with three equal channels for grey ones."""
    if tensor.dim() == 2:
        tensor = tensor.unsqueeze(0)
    if tensor.dim() == 3:
        tensor = tensor.unsqueeze(0)
    if tensor.dim() != 4:
        raise ValueError(
            f"make_grid: expected (N, C, H, W), (C, H, W) or (H, W), got {tuple(tensor.shape)}. Reshape it first."
        )
    return facula.cat([tensor] * 3, dim=1) if tensor.shape[1] == 1 else tensor


def _normalized(images: Tensor, value_range: tuple[float, float] | None, scale_each: bool) -> Tensor:
    if value_range is not None and not isinstance(value_range, tuple):
        raise TypeError(f"make_grid: value_range has to be a tuple (min, max), expected that, got {value_range!r}.")
    if value_range is not None:
        low, high = value_range
        return ((images.clamp(low, high) - low) / max(high - low, 1e-5)).clone()
    dims = (1, 2, 3) if scale_each else (0, 1, 2, 3)
    low_value, high_value = images.amin(dim=dims, keepdim=True), images.amax(dim=dims, keepdim=True)
    return (images - low_value) / (high_value - low_value).clamp(min=1e-5)


def save_image(tensor: Tensor | Sequence[Tensor], fp: Any, format: str | None = None, **kwargs: Any) -> None:
    """Write one image, or the grid of many, to a file (0..1 becomes 0..255).

    `fp` is a path or an open file, `kwargs` go to `make_grid`. A path holds the whole picture or what it held before.
    """
    from PIL import Image

    grid = make_grid(tensor, **kwargs).detach()
    pixels = (grid * 255 + 0.5).clamp(0, 255).to(facula.uint8).permute(1, 2, 0).cpu()
    image = Image.fromarray(pixels.contiguous().numpy())
    if hasattr(fp, "write"):
        image.save(fp, format=format)
    else:
        write_atomically(fp, lambda path: image.save(path, format=format))


def write_atomically(path: str | os.PathLike[str], write: Any) -> None:
    """Call `write` with the name of a file beside `path`, then put that file in its place in one step."""
    target = Path(path)
    handle, partial = tempfile.mkstemp(prefix=f".{target.stem}.", suffix=target.suffix, dir=target.parent)
    os.close(handle)
    try:
        write(partial)
        os.chmod(partial, 0o644)
        os.replace(partial, target)
    finally:
        Path(partial).unlink(missing_ok=True)
