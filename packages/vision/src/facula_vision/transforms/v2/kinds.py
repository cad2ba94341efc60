"""Transforms between kinds of inputs and types of numbers."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

import facula
from facula import Tensor
from facula_vision import tv_tensors
from facula_vision.transforms.v2 import functional as F
from facula_vision.transforms.v2.base import Check, Transform, is_pil_image, is_pure_tensor
from facula_vision.tv_tensors import plain

__all__ = [
    "ConvertImageDtype",
    "PILToTensor",
    "ToDtype",
    "ToImage",
    "ToPILImage",
    "ToPureTensor",
    "ToTensor",
]


class PILToTensor(Transform):
    """The pixels of a PIL image as they are, in a tensor (C, H, W)."""

    _transformed_types: ClassVar[tuple[Check, ...]] = (is_pil_image,)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Tensor:
        return F.pil_to_tensor(inpt)


class ToImage(Transform):
    """A tensor, a PIL image or an array (H, W, C) as an `Image`; numbers stay as they are."""

    _transformed_types: ClassVar[tuple[Check, ...]] = (is_pure_tensor, is_pil_image, np.ndarray)

    def transform(self, inpt: Any, params: dict[str, Any]) -> tv_tensors.Image:
        return F.to_image(inpt)


class ToTensor(Transform):
    """A PIL image or an array (H, W, C) as a tensor (C, H, W); 0..255 becomes 0..1."""

    _transformed_types: ClassVar[tuple[Check, ...]] = (is_pil_image, np.ndarray)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Tensor:
        return F.to_tensor(inpt)


class ToPILImage(Transform):
    """A tensor (C, H, W) or an array (H, W, C) as a PIL image of mode `mode`, or the one for its channels."""

    _transformed_types: ClassVar[tuple[Check, ...]] = (is_pure_tensor, tv_tensors.Image, np.ndarray)

    def __init__(self, mode: str | None = None) -> None:
        super().__init__()
        self.mode = mode

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return F.to_pil_image(inpt, mode=self.mode)


class ToPureTensor(Transform):
    """The kinds of `tv_tensors` as plain tensors."""

    _transformed_types: ClassVar[tuple[Check, ...]] = (tv_tensors.TVTensor,)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Tensor:
        return plain(inpt)


class ConvertImageDtype(Transform):
    """An image in another type, scaled to its range."""

    def __init__(self, dtype: Any = facula.float32) -> None:
        super().__init__()
        self.dtype = dtype

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.to_dtype, inpt, dtype=self.dtype, scale=True)


class ToDtype(Transform):
    """Inputs in another type: images and videos, or by kind: `{tv_tensors.Mask: facula.int64, "others": None}`.

    `scale` brings the numbers of images and videos to the range of their new type. ValueError for a kind that a dict lacks.
    """

    _transformed_types: ClassVar[tuple[Check, ...]] = (Tensor,)

    def __init__(self, dtype: Any, scale: bool = False) -> None:
        super().__init__()
        if not isinstance(dtype, (dict, facula.dtype)):
            raise ValueError(f"ToDtype: dtype must be a dict or a dtype, got {type(dtype)} instead. Pass one of them.")
        self.dtype = dtype
        self.scale = scale

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        picture = is_pure_tensor(inpt) or isinstance(inpt, (tv_tensors.Image, tv_tensors.Video))
        if not isinstance(self.dtype, dict):
            dtype = self.dtype if picture else None
        elif type(inpt) in self.dtype:
            dtype = self.dtype[type(inpt)]
        elif "others" in self.dtype:
            dtype = self.dtype["others"]
        elif picture and self.scale:
            raise ValueError(
                f"ToDtype: expected a type of numbers for {type(inpt).__name__}, got {list(self.dtype)}. Add it, or the "
                "key 'others'."
            )
        else:
            dtype = None
        if dtype is None:
            return inpt
        return self._call_kernel(F.to_dtype, inpt, dtype=dtype, scale=self.scale)
