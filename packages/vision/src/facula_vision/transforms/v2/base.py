"""`Transform`: what all transforms share, which is how they take a sample apart, and the questions that they ask of it."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import facula
from facula import Tensor, nn
from facula.tree import tree_flatten, tree_unflatten
from facula_vision import tv_tensors
from facula_vision.transforms.v2 import functional as F
from facula_vision.transforms.v2.functional.dispatch import Functional, is_pure_tensor
from facula_vision.tv_tensors import is_pil_image

__all__ = [
    "Check",
    "Fill",
    "RandomApplied",
    "Transform",
    "around",
    "chance",
    "check_type",
    "get_bounding_boxes",
    "get_keypoints",
    "has_all",
    "has_any",
    "integer",
    "is_pil_image",
    "is_pure_tensor",
    "pair",
    "query_chw",
    "query_size",
    "uniform",
]

Check = type | Callable[[Any], bool]
_IMAGES: tuple[Check, ...] = (is_pure_tensor, is_pil_image, tv_tensors.Image, tv_tensors.Video)


def check_type(obj: Any, types_or_checks: Sequence[Check]) -> bool:
    """Whether `obj` is of one of the types or passes one of the checks."""
    return any(isinstance(obj, check) if isinstance(check, type) else bool(check(obj)) for check in types_or_checks)


def has_any(flat_inputs: Sequence[Any], *types_or_checks: Check) -> bool:
    """Whether one of the inputs is of one of the types."""
    return any(check_type(inpt, types_or_checks) for inpt in flat_inputs)


def has_all(flat_inputs: Sequence[Any], *types_or_checks: Check) -> bool:
    """Whether each of the types is there."""
    return all(has_any(flat_inputs, check) for check in types_or_checks)


def _first(flat_inputs: Sequence[Any], kind: type, name: str) -> Any:
    for inpt in flat_inputs:
        if isinstance(inpt, kind):
            return inpt
    raise ValueError(f"No {name} were found in the sample: expected some, got none. Wrap them as tv_tensors.")


def get_bounding_boxes(flat_inputs: Sequence[Any]) -> tv_tensors.BoundingBoxes:
    """The first bounding boxes of a sample; ValueError if it has none."""
    found: tv_tensors.BoundingBoxes = _first(flat_inputs, tv_tensors.BoundingBoxes, "bounding boxes")
    return found


def get_keypoints(flat_inputs: Sequence[Any]) -> tv_tensors.KeyPoints:
    """The first keypoints of a sample; ValueError if it has none."""
    found: tv_tensors.KeyPoints = _first(flat_inputs, tv_tensors.KeyPoints, "keypoints")
    return found


def _only(found: set[tuple[int, ...]], what: str, kinds: str) -> tuple[int, ...]:
    if not found:
        raise TypeError(f"No {kinds} was found in the sample: expected one, got none. Pass a picture.")
    if len(found) > 1:
        raise ValueError(
            f"Found multiple {what} dimensions in the sample: expected one, got {', '.join(map(str, sorted(found)))}. "
            "Bring them to one size."
        )
    return next(iter(found))


def query_chw(flat_inputs: Sequence[Any]) -> tuple[int, int, int]:
    """(channels, height, width) of the images of a sample; ValueError if they differ, TypeError if there are none."""
    found = {tuple(F.get_dimensions(inpt)) for inpt in flat_inputs if check_type(inpt, _IMAGES)}
    return _only(found, "CxHxW", "image or video")  # type: ignore[return-value]


def query_size(flat_inputs: Sequence[Any]) -> tuple[int, int]:
    """(height, width) of all that has one; ValueError if they differ, TypeError if nothing has one."""
    kinds: tuple[Check, ...] = (*_IMAGES, tv_tensors.Mask, tv_tensors.BoundingBoxes, tv_tensors.KeyPoints)
    found = {tuple(F.get_size(inpt)) for inpt in flat_inputs if check_type(inpt, kinds)}
    return _only(found, "HxW", "image, video, mask, bounding box or keypoint")  # type: ignore[return-value]


def chance() -> float:
    """A number from 0 to 1, each as likely as any other."""
    return float(facula.rand(1).item())


def uniform(low: float, high: float) -> float:
    """A number from `low` to `high`, each as likely as any other."""
    return low + (high - low) * chance()


def integer(low: int, high: int) -> int:
    """A whole number from `low` to `high - 1`, each as likely as any other."""
    return int(facula.randint(low, high, (1,)).item())


class Transform(nn.Module):
    """The base of all transforms, for yours too: write `transform`, and `make_params` if something is random.

    A call takes any nested structure of inputs and gives back the same structure. All inputs of a call share what
    `make_params` drew. Of plain tensors only the first is taken for an image, and none where the sample has a PIL image,
    an `Image` or a `Video`; what is left passes through.

    >>> import facula
    >>> from facula_vision import tv_tensors
    >>> from facula_vision.transforms import v2
    >>> class Half(v2.Transform):
    ...     def transform(self, inpt, params):
    ...         return self._call_kernel(v2.functional.resize, inpt, [4, 4])
    >>> image, label = Half()(tv_tensors.Image(facula.zeros(3, 8, 8)), 5)
    >>> image.shape, label
    (facula.Size([3, 4, 4]), 5)
    """

    _transformed_types: ClassVar[tuple[Check, ...]] = (Tensor, is_pil_image)

    def __init__(self) -> None:
        super().__init__()

    def check_inputs(self, flat_inputs: list[Any]) -> None:
        """Raise for a sample that cannot be transformed."""

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """What is drawn or computed once for all inputs of a call."""
        return {}

    def _call_kernel(self, functional: Functional, inpt: Any, *args: Any, **kwargs: Any) -> Any:
        return functional.where_known(inpt, *args, **kwargs)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """One input, transformed."""
        raise NotImplementedError(f"{type(self).__name__}: expected a method transform, got none. Write it.")

    def forward(self, *inputs: Any) -> Any:
        flat_inputs, spec = tree_flatten(inputs if len(inputs) > 1 else inputs[0])
        self.check_inputs(flat_inputs)
        needed = self._needs_transform(flat_inputs)
        params = self.make_params([inpt for inpt, need in zip(flat_inputs, needed, strict=True) if need])
        outputs = [
            self.transform(inpt, params) if need else inpt for inpt, need in zip(flat_inputs, needed, strict=True)
        ]
        return tree_unflatten(outputs, spec)

    def _needs_transform(self, flat_inputs: list[Any]) -> list[bool]:
        pure_too = not has_any(flat_inputs, tv_tensors.Image, tv_tensors.Video, is_pil_image)
        needed = []
        for inpt in flat_inputs:
            need = check_type(inpt, self._transformed_types)
            if need and is_pure_tensor(inpt):
                need, pure_too = pure_too, False
            needed.append(need)
        return needed

    def extra_repr(self) -> str:
        told = []
        for name, value in self.__dict__.items():
            if name.startswith("_") or name == "training":
                continue
            if isinstance(value, enum.Enum) and not isinstance(value, F.InterpolationMode):
                told.append(f"{name}={value}")
            elif isinstance(value, F.InterpolationMode):
                told.append(f"{name}={value.value}")
            elif isinstance(value, (bool, int, float, str, tuple, list)):
                told.append(f"{name}={value}")
        return ", ".join(told)


class RandomApplied(Transform):
    """A transform that happens with probability `p`; ValueError outside 0..1."""

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        if not 0.0 <= p <= 1.0:
            raise ValueError(
                f"{type(self).__name__}: `p` should be a floating point value in the interval [0.0, 1.0], got {p}. "
                "Choose it there."
            )
        self.p = p

    def forward(self, *inputs: Any) -> Any:
        inputs = inputs if len(inputs) > 1 else inputs[0]
        if chance() >= self.p:
            flat_inputs, _ = tree_flatten(inputs)
            self.check_inputs(flat_inputs)
            return inputs
        return super().forward(inputs)


def pair(name: str, size: Any, message: str = "Please provide only two dimensions (h, w) for size.") -> tuple[int, int]:
    """(height, width) of a number, or of a sequence of one or two; TypeError or ValueError for anything else."""
    if not isinstance(size, (int, Sequence)):
        raise TypeError(f"{name}: expected size as an integer or a sequence of one or two, got {type(size)}. {message}")
    sides = [size] if isinstance(size, int) else list(size)
    if len(sides) not in (1, 2):
        raise ValueError(f"{name}: expected size as an integer or a sequence of one or two, got {size}. {message}")
    return int(sides[0]), int(sides[-1])


def around(name: str, value: Any, what: str = "degrees", center: float = 0.0) -> list[float]:
    """[low, high] of a range, or of one number on both sides of `center`; ValueError for others."""
    if isinstance(value, (int, float)):
        if value < 0:
            raise ValueError(f"{name}: if {what} is a single number, it must be positive, got {value}. Pass its size.")
        return [center - float(value), center + float(value)]
    if not isinstance(value, Sequence):
        raise TypeError(f"{name}: {what} should be a number or a sequence, got {type(value)}. Pass (low, high).")
    if len(value) not in (2, 4) or (what != "shear" and len(value) != 2):
        raise ValueError(f"{name}: {what} should be a sequence of length 2, got {value}. Pass (low, high).")
    return [float(number) for number in value]


class Fill:
    """The colour of what has none, for each kind of input: one for all, or `{type or "others": colour}`."""

    def __init__(self, fill: Any) -> None:
        self.fill = fill

    def of(self, inpt: Any) -> Any:
        """The colour for this input; ValueError where none was given."""
        fill = self.fill
        if isinstance(fill, dict):
            kinds = [kind for kind in type(inpt).__mro__ if kind in fill]
            if not kinds and "others" not in fill:
                raise ValueError(
                    f"fill: expected a colour for {type(inpt).__name__}, got {list(fill)}. Add it, or the key 'others'."
                )
            fill = fill[kinds[0]] if kinds else fill["others"]
        if fill is None or (isinstance(fill, (int, float)) and not is_pil_image(inpt)):
            return fill
        return fill if isinstance(fill, (int, float)) else [float(value) for value in fill]
