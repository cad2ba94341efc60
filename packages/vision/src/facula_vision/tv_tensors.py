"""Tensors that say what they show, so that transforms know what to do with each: images, videos, masks, boxes, keypoints.

They are tensors in every way. What an op computes of one is a plain tensor again, unless `set_return_type` says otherwise;
`clone`, `to`, `detach` and `requires_grad_` keep the kind.
"""

from __future__ import annotations

import functools
import sys
from enum import Enum
from types import TracebackType
from typing import Any, ClassVar

import facula
from facula import Tensor

__all__ = [
    "BoundingBoxFormat",
    "BoundingBoxes",
    "Image",
    "KeyPoints",
    "Mask",
    "TVTensor",
    "Video",
    "is_rotated_bounding_format",
    "set_return_type",
    "wrap",
]

_KEPT = {"clone", "to", "detach", "requires_grad_"}
_OPERATORS = (
    "add radd sub rsub mul rmul truediv rtruediv floordiv mod pow rpow matmul neg abs and or xor invert getitem"
)
_keep_all = [False]


def _to_tensor(data: Any, dtype: Any, device: Any, requires_grad: bool | None) -> Tensor:
    if is_pil_image(data):
        from facula_vision.transforms.v2.functional import pil_to_tensor

        data = pil_to_tensor(data)
    if requires_grad is None:
        requires_grad = isinstance(data, Tensor) and data.requires_grad
    tensor = plain(data) if isinstance(data, Tensor) else data
    tensor = facula.as_tensor(tensor, dtype=dtype, device=device)
    return tensor if tensor.requires_grad == requires_grad else tensor.detach().requires_grad_(requires_grad)


def is_pil_image(data: Any) -> bool:
    """Whether `data` is an image of Pillow, which is not loaded to answer no."""
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(data, module.Image)


def plain(tensor: Tensor) -> Tensor:
    """The same memory as a plain tensor."""
    return tensor if type(tensor) is Tensor else Tensor.as_subclass(tensor, Tensor)


class TVTensor(Tensor):  # type: ignore[misc]
    """What the five kinds share. `facts` names the attributes that say more than the numbers do."""

    facts: ClassVar[tuple[str, ...]] = ()

    def __new__(cls, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool | None = None) -> Any:
        return cls._of(cls._shaped(_to_tensor(data, dtype, device, requires_grad)))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    @classmethod
    def _shaped(cls, tensor: Tensor) -> Tensor:
        """The tensor with the dimensions that this kind has; ValueError where it has too few or too many."""
        return tensor

    @classmethod
    def _of(cls, tensor: Tensor, **facts: Any) -> Any:
        out = Tensor.as_subclass(tensor, cls)
        for name, value in facts.items():
            setattr(out, name, value)
        return out

    def like(self, tensor: Tensor, **facts: Any) -> Any:
        """`tensor` as this kind, with the facts of this one where none are given."""
        known = {name: getattr(self, name) for name in self.facts}
        return type(self)._of(plain(tensor), **(known | facts))

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        told = ", ".join(f"{name}={getattr(self, name)}" for name in self.facts)
        numbers = repr(plain(self))[len("tensor(") : -1].replace(
            "\n       ", "\n" + " " * (len(type(self).__name__) + 1)
        )
        return f"{type(self).__name__}({numbers}, {told})"

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if id(self) not in memo:
            copied = plain(self).detach().clone().requires_grad_(self.requires_grad)
            memo[id(self)] = self.like(copied)
        return memo[id(self)]

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _rebuild, (type(self), plain(self), {name: getattr(self, name) for name in self.facts})


def _rebuild(cls: type[TVTensor], tensor: Tensor, facts: dict[str, Any]) -> Any:
    return cls._of(tensor, **facts)


def _keeping(name: str) -> Any:
    """The method of `Tensor` by that name, whose result is of the caller's kind where that is wanted."""
    method = getattr(Tensor, name)

    @functools.wraps(method)
    def call(self: TVTensor, *args: Any, **kwargs: Any) -> Any:
        out = method(self, *args, **kwargs)
        if type(out) is Tensor and (name in _KEPT or _keep_all[-1]):
            return self.like(out)
        return out

    return call


for _name in [*(f"__{name}__" for name in _OPERATORS.split()), *(n for n in dir(Tensor) if not n.startswith("_"))]:
    if callable(getattr(Tensor, _name)) and _name not in ("as_subclass", "like"):
        setattr(TVTensor, _name, _keeping(_name))


class Image(TVTensor):
    """One image or a batch of them.   Shape: (..., C, H, W); two dimensions become (1, H, W).

    >>> import facula
    >>> from facula_vision import tv_tensors
    >>> image = tv_tensors.Image(facula.zeros(4, 6))
    >>> image.shape, type(image + 1).__name__
    (facula.Size([1, 4, 6]), 'Tensor')
    """

    @classmethod
    def _shaped(cls, tensor: Tensor) -> Tensor:
        if tensor.ndim < 2:
            raise ValueError(f"Image: expected a tensor of 2 dimensions or more, got {tensor.ndim}. Pass (C, H, W).")
        return tensor.unsqueeze(0) if tensor.ndim == 2 else tensor


class Video(TVTensor):
    """Frames of a video.   Shape: (..., T, C, H, W)."""

    @classmethod
    def _shaped(cls, tensor: Tensor) -> Tensor:
        if tensor.ndim < 4:
            raise ValueError(f"Video: expected a tensor of 4 dimensions or more, got {tensor.ndim}. Pass (T, C, H, W).")
        return tensor


class Mask(TVTensor):
    """What each pixel belongs to, for segmentation or detection.   Shape: (..., H, W)."""


class BoundingBoxFormat(Enum):
    """What the numbers of a box are: corners, or a corner or centre (C) with width and height; R is an angle in degrees."""

    XYXY = "XYXY"
    XYWH = "XYWH"
    CXCYWH = "CXCYWH"
    XYWHR = "XYWHR"
    CXCYWHR = "CXCYWHR"
    XYXYXYXY = "XYXYXYXY"


ROTATED = (BoundingBoxFormat.XYWHR, BoundingBoxFormat.CXCYWHR, BoundingBoxFormat.XYXYXYXY)


def as_format(format: BoundingBoxFormat | str) -> BoundingBoxFormat:
    """The format by its name, in letters of either case; KeyError for an unknown one."""
    if isinstance(format, BoundingBoxFormat):
        return format
    try:
        return BoundingBoxFormat[format.upper()]
    except KeyError:
        names = ", ".join(BoundingBoxFormat.__members__)
        raise KeyError(f"BoundingBoxFormat: expected one of {names}, got {format!r}. Choose one of them.") from None


def is_rotated_bounding_format(format: BoundingBoxFormat | str) -> bool:
    """Whether boxes of this format have an angle.

    >>> from facula_vision.tv_tensors import is_rotated_bounding_format
    >>> is_rotated_bounding_format("XYXY"), is_rotated_bounding_format("cxcywhr")
    (False, True)
    """
    return as_format(format) in ROTATED


class BoundingBoxes(TVTensor):
    """Boxes in a picture of size `canvas_size` (height, width).   Shape: (N, 4); (N, 5) or (N, 8) where they have an angle.

    `clamping_mode` says what transforms do with boxes that leave the picture: "hard" cuts them at its edge, "soft" does so
    but leaves those with an angle some room, None leaves them alone. ValueError for other shapes, modes, or integers with
    an angle.
    """

    facts: ClassVar[tuple[str, ...]] = ("format", "canvas_size", "clamping_mode")
    format: BoundingBoxFormat
    canvas_size: tuple[int, int]
    clamping_mode: str | None

    def __new__(
        cls,
        data: Any,
        *,
        format: BoundingBoxFormat | str,
        canvas_size: tuple[int, int],
        clamping_mode: str | None = "soft",
        dtype: Any = None,
        device: Any = None,
        requires_grad: bool | None = None,
    ) -> Any:
        tensor = _to_tensor(data, dtype, device, requires_grad)
        format = as_format(format)
        if clamping_mode not in (None, "hard", "soft"):
            raise ValueError(
                f"BoundingBoxes: clamping_mode must be None, hard or soft, got {clamping_mode}. Choose one of them."
            )
        if format in ROTATED and not tensor.is_floating_point():
            raise ValueError(
                f"BoundingBoxes: rotated boxes should be floating point tensors, got {tensor.dtype}. Convert them first."
            )
        if tensor.ndim not in (1, 2):
            raise ValueError(f"BoundingBoxes: expected a 1D or 2D tensor, got {tensor.ndim}D. Reshape it to (N, 4).")
        tensor = tensor.unsqueeze(0) if tensor.ndim == 1 else tensor
        return cls._of(tensor, format=format, canvas_size=tuple(canvas_size), clamping_mode=clamping_mode)


class KeyPoints(TVTensor):
    """Points (x, y) in a picture of size `canvas_size` (height, width).   Shape: (..., 2)."""

    facts: ClassVar[tuple[str, ...]] = ("canvas_size",)
    canvas_size: tuple[int, int]

    def __new__(
        cls,
        data: Any,
        *,
        canvas_size: tuple[int, int],
        dtype: Any = None,
        device: Any = None,
        requires_grad: bool | None = None,
    ) -> Any:
        tensor = _to_tensor(data, dtype, device, requires_grad)
        tensor = tensor.unsqueeze(0) if tensor.ndim == 1 else tensor
        return cls._of(tensor, canvas_size=tuple(canvas_size))


def wrap(wrappee: Tensor, *, like: TVTensor, **kwargs: Any) -> Any:
    """A tensor as the kind that `like` is, with its facts; `kwargs` replace some of them.

    >>> import facula
    >>> from facula_vision import tv_tensors
    >>> boxes = tv_tensors.BoundingBoxes([1, 2, 3, 4], format="XYXY", canvas_size=(8, 8))
    >>> tv_tensors.wrap(boxes * 2, like=boxes, canvas_size=(16, 16))
    BoundingBoxes([[2, 4, 6, 8]], format=BoundingBoxFormat.XYXY, canvas_size=(16, 16), clamping_mode=soft)
    """
    return like.like(wrappee, **kwargs)


class set_return_type:
    """What methods and operators of the kinds return: "Tensor" (as at the beginning) or "TVTensor". Also for a `with` block.

    Functions of the form `facula.add(image, 1)` return plain tensors all the same. ValueError for another word.
    """

    def __init__(self, return_type: str) -> None:
        if return_type not in ("Tensor", "TVTensor"):
            raise ValueError(
                f"set_return_type: return_type must be 'TVTensor' or 'Tensor', got {return_type}. Choose one of them."
            )
        self._before = _keep_all[-1]
        _keep_all[-1] = return_type == "TVTensor"

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _keep_all[-1] = self._before
