"""Between tensors, PIL images and arrays, and between types of numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

import facula
from facula import Tensor
from facula_vision import tv_tensors
from facula_vision.transforms.v2.functional.dispatch import functional
from facula_vision.tv_tensors import is_pil_image

__all__ = ["convert_image_dtype", "pil_to_tensor", "to_dtype", "to_image", "to_pil_image", "to_tensor"]


def pil_to_tensor(pic: Any) -> Tensor:
    """The pixels of a PIL image as they are.   Shape: (C, H, W). TypeError for anything else."""
    if not is_pil_image(pic):
        raise TypeError(
            f"pil_to_tensor: pic should be PIL Image, expected one, got {type(pic)}. Use to_tensor for arrays."
        )
    return _channels_first(np.asarray(pic))


def _channels_first(array: np.ndarray) -> Tensor:
    """(H, W) or (H, W, C) as a tensor (C, H, W), which shares no memory with a picture."""
    array = array[None] if array.ndim == 2 else array.transpose(2, 0, 1)
    return facula.from_numpy(np.array(array, order="C"))


def to_image(inpt: Any) -> tv_tensors.Image:
    """A tensor, a PIL image or an array (H, W) or (H, W, C) as an `Image`; TypeError for anything else.

    >>> import numpy as np
    >>> from facula_vision.transforms.v2.functional import to_image
    >>> to_image(np.zeros((2, 3, 3), dtype=np.uint8)).shape
    facula.Size([3, 2, 3])
    """
    if isinstance(inpt, np.ndarray):
        return tv_tensors.Image(_channels_first(np.atleast_2d(inpt)))
    if is_pil_image(inpt):
        return tv_tensors.Image(pil_to_tensor(inpt))
    if isinstance(inpt, Tensor):
        return tv_tensors.Image(inpt)
    raise TypeError(
        f"to_image: input can either be a pure Tensor, a numpy array, or a PIL image, got {type(inpt)}. Convert it."
    )


def to_tensor(pic: Any) -> Tensor:
    """A PIL image or an array (H, W, C) or (H, W) as a tensor; 0..255 becomes 0..1.   Shape: (C, H, W).

    TypeError for anything else, ValueError for an array of other dimensions.

    >>> import numpy as np
    >>> from facula_vision.transforms.functional import to_tensor
    >>> to_tensor(np.full((2, 3), 255, dtype=np.uint8)).shape
    facula.Size([1, 2, 3])
    """
    if is_pil_image(pic):
        image = pil_to_tensor(pic)
    elif isinstance(pic, np.ndarray):
        if pic.ndim not in (2, 3):
            raise ValueError(
                f"to_tensor: pic should be 2/3 dimensional, expected (H, W) or (H, W, C), got {pic.ndim} dimensions. "
                "Index it."
            )
        image = _channels_first(pic)
    else:
        raise TypeError(
            f"to_tensor: pic should be PIL Image or ndarray, expected one of them, got {type(pic)}. Convert it."
        )
    if image.dtype == facula.bool:
        return image.to(facula.get_default_dtype())
    return image.to(facula.get_default_dtype()) / 255 if image.dtype == facula.uint8 else image


@functional("image video", pil=False)
def to_dtype(inpt: Tensor, dtype: Any = facula.float32, scale: bool = False) -> Tensor:
    """The numbers in another type; with `scale`, the range of one becomes the range of the other.

    Floating point runs from 0 to 1, integers from 0 to their maximum. RuntimeError where float32 (float64) cannot hold
    the integers asked for.
    """
    if inpt.dtype == dtype:
        return inpt
    if not scale or dtype == facula.bool or inpt.dtype == facula.bool:
        return inpt.to(dtype)
    if inpt.is_floating_point():
        if dtype.is_floating_point:
            return inpt.to(dtype)
        if dtype == facula.int64 or (dtype == facula.int32 and inpt.dtype == facula.float32):
            raise RuntimeError(
                f"to_dtype: the conversion from {inpt.dtype} to {dtype} cannot be performed safely, expected a type "
                f"whose numbers {inpt.dtype} can hold, got {dtype}. Choose a smaller integer type."
            )
        return (inpt * (facula.iinfo(dtype).max + 1.0 - 1e-3)).to(dtype)
    source = facula.iinfo(inpt.dtype).max
    if dtype.is_floating_point:
        return in_place(inpt.to(dtype), "multiply", 1.0 / source)
    down, up = source.bit_length() - facula.iinfo(dtype).max.bit_length(), 0
    if down < 0:
        down, up = 0, -down
    return (inpt >> down).to(dtype) if down else inpt.to(dtype) << up


@to_dtype.kernel("bounding_boxes")
@to_dtype.kernel("keypoints")
@to_dtype.kernel("mask")
def _plain_dtype(inpt: Tensor, dtype: Any = facula.float32) -> Tensor:
    """Coordinates and the names of a mask are numbers without a range."""
    return inpt.to(dtype)


def in_place(fresh: Tensor, operation: str, number: Any) -> Tensor:
    """An operation of arithmetic on a tensor that nobody else has seen, without another piece of memory for its result."""
    if fresh.requires_grad or not fresh.is_cpu or (isinstance(number, Tensor) and not number.is_cpu):
        return getattr(facula, operation)(fresh, number)
    array = fresh.numpy()
    getattr(np, operation)(array, number.numpy() if isinstance(number, Tensor) else array.dtype.type(number), out=array)
    return fresh


def convert_image_dtype(image: Any, dtype: Any = facula.float32) -> Any:
    """`to_dtype` with `scale=True`."""
    return to_dtype(image, dtype, scale=True)


_MODES = {2: ("LA",), 3: ("RGB", "YCbCr", "HSV", "LAB"), 4: ("RGBA", "CMYK", "RGBX")}
_GREY = {"uint8": "L", "int16": "I;16", "uint16": "I;16", "int32": "I", "float32": "F"}


def to_pil_image(pic: Any, mode: str | None = None) -> Any:
    """A tensor (C, H, W) or an array (H, W, C) as a PIL image; floating point 0..1 becomes 0..255.

    ValueError for shapes, types or modes that Pillow lacks.
    """
    from PIL import Image

    if isinstance(pic, Tensor):
        if pic.dim() not in (2, 3):
            raise ValueError(
                f"to_pil_image: pic should be 2/3 dimensional, expected (H, W) or (C, H, W), got {tuple(pic.shape)}. "
                "Index it."
            )
        image = tv_tensors.plain(pic).detach().cpu()
        if image.is_floating_point() and mode != "F":
            image = (image * 255).to(facula.uint8)
        array = image.numpy()
        array = array[:, :, None] if array.ndim == 2 else array.transpose(1, 2, 0)
    elif isinstance(pic, np.ndarray):
        array = np.atleast_3d(pic)
    else:
        raise TypeError(
            f"to_pil_image: pic should be Tensor or ndarray, expected one of them, got {type(pic)}. Convert it."
        )
    channels = array.shape[2]
    if channels not in (1, 2, 3, 4) or array.ndim != 3:
        raise ValueError(
            f"to_pil_image: pic should not have > 4 channels, expected 1 to 4, got shape {array.shape}. Choose "
            "channels."
        )
    if channels > 1 and array.dtype != np.uint8:
        raise ValueError(f"to_pil_image: expected uint8 for {channels} channels, got {array.dtype}. Convert it first.")
    if channels == 1 and array.dtype.name not in _GREY:
        raise ValueError(
            f"to_pil_image: expected uint8, int16, uint16, int32 or float32, got input type {array.dtype}. Convert it "
            "first."
        )
    allowed = (_GREY[array.dtype.name],) if channels == 1 else _MODES[channels]
    if mode is not None and mode not in allowed:
        raise ValueError(
            f"to_pil_image: incorrect mode, expected one of {', '.join(allowed)} for such pixels, got {mode}. Leave "
            "mode out."
        )
    made = Image.fromarray(np.ascontiguousarray(array[:, :, 0] if channels == 1 else array))
    return made if mode in (None, made.mode) else Image.frombytes(mode, made.size, made.tobytes())
