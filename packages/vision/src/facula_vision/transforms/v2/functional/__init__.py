"""Transforms as functions of one input: a PIL image, a tensor, or one of the kinds of `tv_tensors`.

Beside each function stand its kernels for plain tensors, by kind: `resize_image`, `resize_mask`, `resize_bounding_boxes`, ...
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from facula_vision.transforms.interpolation import InterpolationMode
from facula_vision.transforms.v2.functional import color, convert, geometry, meta, misc, points, warp
from facula_vision.transforms.v2.functional.color import (
    adjust_brightness,
    adjust_contrast,
    adjust_gamma,
    adjust_hue,
    adjust_saturation,
    adjust_sharpness,
    autocontrast,
    equalize,
    grayscale_to_rgb,
    invert,
    permute_channels,
    posterize,
    rgb_to_grayscale,
    solarize,
    to_grayscale,
)
from facula_vision.transforms.v2.functional.convert import (
    convert_image_dtype,
    pil_to_tensor,
    to_dtype,
    to_image,
    to_pil_image,
    to_tensor,
)
from facula_vision.transforms.v2.functional.dispatch import Functional as _Functional
from facula_vision.transforms.v2.functional.dispatch import is_pure_tensor, register_kernel
from facula_vision.transforms.v2.functional.geometry import (
    center_crop,
    crop,
    five_crop,
    horizontal_flip,
    pad,
    resize,
    resized_crop,
    ten_crop,
    vertical_flip,
)
from facula_vision.transforms.v2.functional.meta import (
    clamp_bounding_boxes,
    clamp_keypoints,
    convert_bounding_box_format,
    get_dimensions,
    get_image_size,
    get_num_channels,
    get_num_frames,
    get_size,
    sanitize_bounding_boxes,
    sanitize_keypoints,
)
from facula_vision.transforms.v2.functional.misc import (
    erase,
    gaussian_blur,
    gaussian_noise,
    jpeg,
    normalize,
    uniform_temporal_subsample,
)
from facula_vision.transforms.v2.functional.warp import affine, elastic, perspective, rotate

hflip, vflip = horizontal_flip, vertical_flip
get_image_num_channels = get_num_channels
elastic_transform = elastic

if TYPE_CHECKING:  # the kernels, whose names are made below

    def __getattr__(name: str) -> Any: ...


def _kernels() -> dict[str, Any]:
    """`resize_image`, `resize_mask`, ...: each kernel of each function under a name of its own."""
    found: dict[str, Any] = {}
    for function in [value for value in globals().values() if isinstance(value, _Functional)]:
        for kind, kernel in function.kernels.items():
            found[f"{function.__name__}_{kind}"] = kernel
    found["get_size_bounding_boxes"] = found["get_size_keypoints"] = get_size
    return found


_KERNELS = _kernels()
globals().update(_KERNELS)
__all__ = [
    "InterpolationMode",
    "adjust_brightness",
    "adjust_contrast",
    "adjust_gamma",
    "adjust_hue",
    "adjust_saturation",
    "adjust_sharpness",
    "affine",
    "autocontrast",
    "center_crop",
    "clamp_bounding_boxes",
    "clamp_keypoints",
    "convert_bounding_box_format",
    "convert_image_dtype",
    "crop",
    "elastic",
    "elastic_transform",
    "equalize",
    "erase",
    "five_crop",
    "gaussian_blur",
    "gaussian_noise",
    "get_dimensions",
    "get_image_num_channels",
    "get_image_size",
    "get_num_channels",
    "get_num_frames",
    "get_size",
    "grayscale_to_rgb",
    "hflip",
    "horizontal_flip",
    "invert",
    "is_pure_tensor",
    "jpeg",
    "normalize",
    "pad",
    "permute_channels",
    "perspective",
    "pil_to_tensor",
    "posterize",
    "register_kernel",
    "resize",
    "resized_crop",
    "rgb_to_grayscale",
    "rotate",
    "sanitize_bounding_boxes",
    "sanitize_keypoints",
    "solarize",
    "ten_crop",
    "to_dtype",
    "to_grayscale",
    "to_image",
    "to_pil_image",
    "to_tensor",
    "uniform_temporal_subsample",
    "vertical_flip",
    "vflip",
]
for _name in sorted(_KERNELS):
    __all__.append(_name)
