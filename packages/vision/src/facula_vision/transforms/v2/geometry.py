"""Transforms that move pixels, and boxes, masks and keypoints with them: sizes, crops, borders, flips."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import facula
from facula_vision import tv_tensors
from facula_vision.transforms.interpolation import InterpolationMode
from facula_vision.transforms.v2 import functional as F
from facula_vision.transforms.v2.base import (
    Fill,
    RandomApplied,
    Transform,
    chance,
    get_bounding_boxes,
    has_all,
    has_any,
    integer,
    is_pil_image,
    is_pure_tensor,
    pair,
    query_size,
    uniform,
)
from facula_vision.transforms.v2.functional.geometry import border_of, check_padding_mode
from facula_vision.tv_tensors import BoundingBoxFormat, plain

__all__ = [
    "CenterCrop",
    "FiveCrop",
    "Pad",
    "RandomCrop",
    "RandomHorizontalFlip",
    "RandomIoUCrop",
    "RandomResize",
    "RandomResizedCrop",
    "RandomShortestSize",
    "RandomVerticalFlip",
    "RandomZoomOut",
    "Resize",
    "ScaleJitter",
    "TenCrop",
]

Interpolation = InterpolationMode | str | int
BILINEAR = InterpolationMode.BILINEAR


class RandomHorizontalFlip(RandomApplied):
    """Left and right exchanged, with probability `p`."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.horizontal_flip, inpt)


class RandomVerticalFlip(RandomApplied):
    """Top and bottom exchanged, with probability `p`."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.vertical_flip, inpt)


class Resize(Transform):
    """The image at `size`: (height, width), one number for the shorter side, the longer at most `max_size`, or None for that."""

    def __init__(
        self,
        size: int | Sequence[int] | None,
        interpolation: Interpolation = BILINEAR,
        max_size: int | None = None,
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        if size is not None and not isinstance(size, (int, Sequence)):
            raise TypeError(
                f"Resize: size should be int or sequence, expected one of them, got {type(size)}. Pass one."
            )
        if isinstance(size, Sequence) and len(size) not in (1, 2):
            raise ValueError(f"Resize: if size is a sequence, it should have 1 or 2 values, got {size}. Pass (h, w).")
        if size is None and not isinstance(max_size, int):
            raise ValueError(f"Resize: max_size must be an integer when size is None, got {max_size}. Pass one.")
        self.size = [size] if isinstance(size, int) else list(size) if size is not None else None
        self.interpolation = interpolation
        self.max_size = max_size
        self.antialias = antialias

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(
            F.resize,
            inpt,
            self.size,
            interpolation=self.interpolation,
            max_size=self.max_size,
            antialias=self.antialias,
        )


class _Resized(Transform):
    """Transforms that draw a size."""

    interpolation: Interpolation
    antialias: bool | None

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(
            F.resize, inpt, params["size"], interpolation=self.interpolation, antialias=self.antialias
        )


class ScaleJitter(_Resized):
    """The image scaled to `target_size` (its proportions kept) times a random factor out of `scale_range`."""

    def __init__(
        self,
        target_size: tuple[int, int],
        scale_range: tuple[float, float] = (0.1, 2.0),
        interpolation: Interpolation = BILINEAR,
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        self.target_size = target_size
        self.scale_range = scale_range
        self.interpolation = interpolation
        self.antialias = antialias

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        height, width = query_size(flat_inputs)
        scale = uniform(*self.scale_range)
        ratio = min(self.target_size[1] / height, self.target_size[0] / width) * scale
        return dict(size=(int(height * ratio), int(width * ratio)))


class RandomShortestSize(_Resized):
    """The shorter side at one of the lengths `min_size`, the longer at most `max_size`."""

    def __init__(
        self,
        min_size: Sequence[int] | int,
        max_size: int | None = None,
        interpolation: Interpolation = BILINEAR,
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        self.min_size = [min_size] if isinstance(min_size, int) else list(min_size)
        self.max_size = max_size
        self.interpolation = interpolation
        self.antialias = antialias

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        height, width = query_size(flat_inputs)
        shortest = self.min_size[integer(0, len(self.min_size))]
        ratio = shortest / min(height, width)
        if self.max_size is not None:
            ratio = min(ratio, self.max_size / max(height, width))
        return dict(size=(int(height * ratio), int(width * ratio)))


class RandomResize(_Resized):
    """The shorter side at a random length from `min_size` to `max_size - 1`."""

    def __init__(
        self, min_size: int, max_size: int, interpolation: Interpolation = BILINEAR, antialias: bool | None = True
    ) -> None:
        super().__init__()
        self.min_size = min_size
        self.max_size = max_size
        self.interpolation = interpolation
        self.antialias = antialias

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        return dict(size=[integer(self.min_size, self.max_size)])


class CenterCrop(Transform):
    """The middle of the image, padded with zeros where the image is smaller."""

    def __init__(self, size: int | Sequence[int]) -> None:
        super().__init__()
        self.size = pair("CenterCrop", size)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.center_crop, inpt, output_size=self.size)


class _Crops(Transform):
    """Crops of a picture: boxes and masks would need to be cut as often."""

    def check_inputs(self, flat_inputs: list[Any]) -> None:
        if has_any(flat_inputs, tv_tensors.BoundingBoxes, tv_tensors.KeyPoints, tv_tensors.Mask):
            raise TypeError(
                f"BoundingBoxes, KeyPoints and Masks are not supported by {type(self).__name__}(): expected images, got "
                "some. Crop them one by one."
            )


class FiveCrop(_Crops):
    """Crops at the four corners and in the middle, as a tuple."""

    def __init__(self, size: int | Sequence[int]) -> None:
        super().__init__()
        self.size = pair("FiveCrop", size)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.five_crop, inpt, self.size)


class TenCrop(_Crops):
    """`FiveCrop` of the image and of its mirror image, as a tuple."""

    def __init__(self, size: int | Sequence[int], vertical_flip: bool = False) -> None:
        super().__init__()
        self.size = pair("TenCrop", size)
        self.vertical_flip = vertical_flip

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.ten_crop, inpt, self.size, vertical_flip=self.vertical_flip)


class Pad(Transform):
    """A border around the image: constant, edge, reflect or symmetric."""

    def __init__(self, padding: int | Sequence[int], fill: Any = 0, padding_mode: str = "constant") -> None:
        super().__init__()
        border_of(padding)
        check_padding_mode(padding_mode)
        self.padding = padding
        self.fill = fill
        self.padding_mode = padding_mode

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        fill = Fill(self.fill).of(inpt)
        return self._call_kernel(F.pad, inpt, padding=self.padding, fill=fill, padding_mode=self.padding_mode)


class RandomZoomOut(RandomApplied):
    """The image at a random place on a larger canvas of colour `fill`, with probability `p`. ValueError for sides below 1."""

    def __init__(self, fill: Any = 0, side_range: Sequence[float] = (1.0, 4.0), p: float = 0.5) -> None:
        super().__init__(p=p)
        self.fill = fill
        if side_range[0] < 1.0 or side_range[0] > side_range[1]:
            raise ValueError(
                f"RandomZoomOut: expected 1 <= low <= high, got invalid side range provided {side_range}. Swap it."
            )
        self.side_range = side_range

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        height, width = query_size(flat_inputs)
        factor = uniform(*self.side_range)
        canvas_width, canvas_height = int(width * factor), int(height * factor)
        left, top = int((canvas_width - width) * chance()), int((canvas_height - height) * chance())
        return dict(padding=[left, top, canvas_width - (left + width), canvas_height - (top + height)])

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.pad, inpt, **params, fill=Fill(self.fill).of(inpt))


class RandomCrop(Transform):
    """A rectangle of `size` at a random place, after padding by `padding`; ValueError if the image is too small."""

    def __init__(
        self,
        size: int | Sequence[int],
        padding: int | Sequence[int] | None = None,
        pad_if_needed: bool = False,
        fill: Any = 0,
        padding_mode: str = "constant",
    ) -> None:
        super().__init__()
        self.size = pair("RandomCrop", size)
        check_padding_mode(padding_mode)
        self.padding = None if padding is None else list(border_of(padding))
        self.pad_if_needed = pad_if_needed
        self.fill = fill
        self.padding_mode = padding_mode

    @staticmethod
    def get_params(img: Any, output_size: tuple[int, int]) -> tuple[int, int, int, int]:
        """(top, left, height, width) of a crop, each place as likely as any other."""
        return _place(F.get_size(img), output_size)

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        height, width = query_size(flat_inputs)
        left, top, right, bottom = self.padding or (0, 0, 0, 0)
        padded = (height + top + bottom, width + left + right)
        if self.pad_if_needed:
            missing_y, missing_x = max(self.size[0] - padded[0], 0), max(self.size[1] - padded[1], 0)
            top, bottom, left, right = top + missing_y, bottom + missing_y, left + missing_x, right + missing_x
            padded = (padded[0] + 2 * missing_y, padded[1] + 2 * missing_x)
        y, x, high, wide = _place(padded, self.size)
        needs_pad = any((left, top, right, bottom))
        return dict(
            needs_crop=padded != self.size, top=y, left=x, height=high, width=wide,
            needs_pad=needs_pad, padding=[left, top, right, bottom],
        )  # fmt: skip

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        if params["needs_pad"]:
            fill = Fill(self.fill).of(inpt)
            inpt = self._call_kernel(F.pad, inpt, padding=params["padding"], fill=fill, padding_mode=self.padding_mode)
        if params["needs_crop"]:
            place = {name: params[name] for name in ("top", "left", "height", "width")}
            inpt = self._call_kernel(F.crop, inpt, **place)
        return inpt


def _place(canvas: Sequence[int], size: tuple[int, int]) -> tuple[int, int, int, int]:
    (height, width), (high, wide) = canvas, size
    if height < high or width < wide:
        raise ValueError(
            f"RandomCrop: required crop size {tuple(size)} is larger than input image size {(height, width)}, expected it "
            "to fit. Pass pad_if_needed=True."
        )
    top = integer(0, height - high + 1) if height > high else 0
    left = integer(0, width - wide + 1) if width > wide else 0
    return top, left, high, wide


class RandomResizedCrop(Transform):
    """A rectangle of a random share `scale` of the image and of random proportions `ratio`, brought to `size`."""

    def __init__(
        self,
        size: int | Sequence[int],
        scale: tuple[float, float] = (0.08, 1.0),
        ratio: tuple[float, float] = (3.0 / 4.0, 4.0 / 3.0),
        interpolation: Interpolation = BILINEAR,
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        self.size = pair("RandomResizedCrop", size)
        for name, value in (("scale", scale), ("ratio", ratio)):
            if not isinstance(value, Sequence):
                raise TypeError(
                    f"RandomResizedCrop: {name} should be a sequence of two floats, got {value}. Pass (low, high)."
                )
        self.scale = scale
        self.ratio = ratio
        self.interpolation = interpolation
        self.antialias = antialias

    @staticmethod
    def get_params(img: Any, scale: Sequence[float], ratio: Sequence[float]) -> tuple[int, int, int, int]:
        """(top, left, height, width) of a crop; the middle of the image where ten tries do not fit."""
        return _share(F.get_size(img), scale, ratio)

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        top, left, height, width = _share(query_size(flat_inputs), self.scale, self.ratio)
        return dict(top=top, left=left, height=height, width=width)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(
            F.resized_crop, inpt, **params, size=self.size, interpolation=self.interpolation, antialias=self.antialias
        )


def _share(canvas: Sequence[int], scale: Sequence[float], ratio: Sequence[float]) -> tuple[int, int, int, int]:
    height, width = canvas
    low, high = math.log(ratio[0]), math.log(ratio[1])
    for _ in range(10):
        area = height * width * uniform(scale[0], scale[1])
        aspect = math.exp(uniform(low, high))
        w, h = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if 0 < w <= width and 0 < h <= height:
            return integer(0, height - h + 1), integer(0, width - w + 1), h, w
    aspect = width / height
    if aspect < min(ratio):
        w, h = width, round(width / min(ratio))
    elif aspect > max(ratio):
        w, h = round(height * max(ratio)), height
    else:
        w, h = width, height
    return (height - h) // 2, (width - w) // 2, h, w


class RandomIoUCrop(Transform):
    """A random crop that overlaps the boxes by at least a drawn share, as SSD is trained (https://arxiv.org/abs/1512.02325).

    Boxes whose middle is cut off become empty; `SanitizeBoundingBoxes` removes them. TypeError for a sample without boxes.
    """

    def __init__(
        self,
        min_scale: float = 0.3,
        max_scale: float = 1.0,
        min_aspect_ratio: float = 0.5,
        max_aspect_ratio: float = 2.0,
        sampler_options: list[float] | None = None,
        trials: int = 40,
    ) -> None:
        super().__init__()
        self.min_scale = min_scale
        self.max_scale = max_scale
        self.min_aspect_ratio = min_aspect_ratio
        self.max_aspect_ratio = max_aspect_ratio
        self.options = [0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0] if sampler_options is None else sampler_options
        self.trials = trials

    def check_inputs(self, flat_inputs: list[Any]) -> None:
        if not (
            has_all(flat_inputs, tv_tensors.BoundingBoxes)
            and has_any(flat_inputs, is_pil_image, tv_tensors.Image, is_pure_tensor)
        ):
            raise TypeError(
                f"{type(self).__name__}() requires input sample to contain tensor or PIL images and bounding boxes, got "
                "others. Sample can also contain masks."
            )

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        height, width = query_size(flat_inputs)
        boxes = get_bounding_boxes(flat_inputs)
        corners = F.convert_bounding_box_format(plain(boxes), boxes.format, BoundingBoxFormat.XYXY).to(facula.float32)
        while True:
            least = self.options[integer(0, len(self.options))]
            if least >= 1.0:  # the picture as it is
                return {}
            for _ in range(self.trials):
                found = self._trial(height, width, corners, least)
                if found is not None:
                    return found

    def _trial(self, height: int, width: int, corners: Any, least: float) -> dict[str, Any] | None:
        high = int(height * uniform(self.min_scale, self.max_scale))
        wide = int(width * uniform(self.min_scale, self.max_scale))
        if not high or not wide or not self.min_aspect_ratio <= wide / high <= self.max_aspect_ratio:
            return None
        left, top = int((width - wide) * chance()), int((height - high) * chance())
        cx, cy = 0.5 * (corners[:, 0] + corners[:, 2]), 0.5 * (corners[:, 1] + corners[:, 3])
        inside = (left < cx) & (cx < left + wide) & (top < cy) & (cy < top + high)
        if not bool(inside.any()):
            return None
        kept = corners[inside]
        x = (kept[:, 2].clamp(max=left + wide) - kept[:, 0].clamp(min=left)).clamp(min=0)
        y = (kept[:, 3].clamp(max=top + high) - kept[:, 1].clamp(min=top)).clamp(min=0)
        area = (kept[:, 2] - kept[:, 0]) * (kept[:, 3] - kept[:, 1])
        overlap = x * y / (area + wide * high - x * y)
        if float(overlap.max()) < least:
            return None
        return dict(top=top, left=left, height=high, width=wide, is_within_crop_area=inside)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        if not params:
            return inpt
        place = {name: params[name] for name in ("top", "left", "height", "width")}
        out = self._call_kernel(F.crop, inpt, **place)
        if isinstance(out, tv_tensors.BoundingBoxes):
            out[~params["is_within_crop_area"]] = 0
        return out
