"""What is left: any function as a transform, normalisation, blur, noise, erased parts, fewer frames; boxes put in order."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import facula
from facula import Tensor
from facula.tree import tree_flatten, tree_unflatten
from facula_vision import tv_tensors
from facula_vision.transforms.v2 import functional as F
from facula_vision.transforms.v2.base import (
    Check,
    RandomApplied,
    Transform,
    get_bounding_boxes,
    get_keypoints,
    has_any,
    integer,
    is_pil_image,
    is_pure_tensor,
    query_chw,
    uniform,
)
from facula_vision.transforms.v2.labels import check_getter, labels_of
from facula_vision.tv_tensors import BoundingBoxFormat, as_format, plain

__all__ = [
    "JPEG",
    "ClampBoundingBoxes",
    "ClampKeyPoints",
    "ConvertBoundingBoxFormat",
    "GaussianBlur",
    "GaussianNoise",
    "Identity",
    "Lambda",
    "LinearTransformation",
    "Normalize",
    "RandomErasing",
    "SanitizeBoundingBoxes",
    "SanitizeKeyPoints",
    "SetClampingMode",
    "UniformTemporalSubsample",
]


class Identity(Transform):
    """Everything as it is."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return inpt


class Lambda(Transform):
    """Any function as a transform of inputs of the given `types` (all by default); TypeError if it cannot be called."""

    def __init__(self, lambd: Callable[[Any], Any], *types: type) -> None:
        super().__init__()
        if not callable(lambd):
            raise TypeError(
                f"Lambda: argument lambd should be callable, expected a function, got {type(lambd).__name__!r}."
            )
        self.lambd = lambd
        self.types = types or (object,)

    def _needs_transform(self, flat_inputs: list[Any]) -> list[bool]:
        return [isinstance(inpt, self.types) for inpt in flat_inputs]

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self.lambd(inpt)

    def extra_repr(self) -> str:
        return "" if self.types == (object,) else f"types={[kind.__name__ for kind in self.types]}"


class LinearTransformation(Transform):
    """(x - mean_vector) @ transformation_matrix of the flattened image, e.g. whitening. ValueError for shapes that do not fit."""

    _transformed_types: ClassVar[tuple[Check, ...]] = (is_pure_tensor, tv_tensors.Image, tv_tensors.Video)

    def __init__(self, transformation_matrix: Tensor, mean_vector: Tensor) -> None:
        super().__init__()
        rows, columns = transformation_matrix.shape
        if rows != columns:
            raise ValueError(
                f"LinearTransformation: transformation_matrix should be square, got {(rows, columns)} rectangular matrix."
                " Pass (D, D)."
            )
        if mean_vector.shape[0] != rows:
            raise ValueError(
                f"LinearTransformation: mean_vector should have the same length {rows} as any one of the dimensions of "
                f"the transformation_matrix, got {mean_vector.shape[0]}. Pass (D,)."
            )
        self.transformation_matrix = transformation_matrix
        self.mean_vector = mean_vector

    def check_inputs(self, flat_inputs: list[Any]) -> None:
        if has_any(flat_inputs, is_pil_image):
            raise TypeError(
                f"{type(self).__name__}() does not support PIL images, expected tensors, got some. Use ToImage."
            )

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        shape, size = inpt.shape, self.transformation_matrix.shape[0]
        count = shape[-3] * shape[-2] * shape[-1]
        if count != size:
            raise ValueError(
                f"LinearTransformation: input tensor and transformation matrix have incompatible shape, expected {size} "
                f"numbers, got {tuple(shape[-3:])} = {count}. Resize the image first."
            )
        flat = plain(inpt).reshape(-1, size) - self.mean_vector
        out = (flat @ self.transformation_matrix).reshape(shape)
        return inpt.like(out) if isinstance(inpt, tv_tensors.TVTensor) else out


class Normalize(Transform):
    """(image - mean) / std for each channel of a tensor (..., C, H, W). TypeError for PIL images."""

    def __init__(self, mean: Sequence[float], std: Sequence[float], inplace: bool = False) -> None:
        super().__init__()
        self.mean = list(mean)
        self.std = list(std)
        self.inplace = inplace

    def check_inputs(self, flat_inputs: list[Any]) -> None:
        if has_any(flat_inputs, is_pil_image):
            raise TypeError(
                f"{type(self).__name__}() does not support PIL images, expected tensors, got some. Use ToImage."
            )

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.normalize, inpt, mean=self.mean, std=self.std, inplace=self.inplace)


class GaussianBlur(Transform):
    """Each pixel the mean of its neighbours under a bell whose width is drawn from the range `sigma`."""

    def __init__(self, kernel_size: int | Sequence[int], sigma: float | Sequence[float] = (0.1, 2.0)) -> None:
        super().__init__()
        sides = [kernel_size] * 2 if isinstance(kernel_size, int) else list(kernel_size)
        if len(sides) != 2 or any(side <= 0 or side % 2 == 0 for side in sides):
            raise ValueError(
                f"GaussianBlur: kernel size value should be an odd and positive number, got {kernel_size}. Pass one."
            )
        self.kernel_size = tuple(sides)
        span = [float(sigma)] * 2 if isinstance(sigma, (int, float)) else [float(s) for s in sigma]
        if len(span) != 2 or not 0.0 < span[0] <= span[1]:
            raise ValueError(
                f"GaussianBlur: sigma values should be positive and of the form (min, max), got {sigma}. Pass them so."
            )
        self.sigma = span

    @staticmethod
    def get_params(sigma_min: float, sigma_max: float) -> float:
        """A width, each as likely as any other."""
        return uniform(sigma_min, sigma_max)

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        sigma = self.get_params(*self.sigma)
        return dict(sigma=[sigma, sigma])

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.gaussian_blur, inpt, self.kernel_size, **params)


class GaussianNoise(Transform):
    """The image plus noise of a normal distribution, cut at black and white if `clip`."""

    def __init__(self, mean: float = 0.0, sigma: float = 0.1, clip: bool = True) -> None:
        super().__init__()
        self.mean = mean
        self.sigma = sigma
        self.clip = clip

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.gaussian_noise, inpt, mean=self.mean, sigma=self.sigma, clip=self.clip)


class JPEG(Transform):
    """The image after JPEG has compressed it at a quality drawn from a range (1 to 100)."""

    def __init__(self, quality: int | Sequence[int]) -> None:
        super().__init__()
        span = [quality] * 2 if isinstance(quality, int) else list(quality)
        whole = len(span) == 2 and all(isinstance(q, int) for q in span)
        if not whole or not 1 <= span[0] <= span[1] <= 100:
            raise ValueError(
                f"JPEG: quality must be an integer from 1 to 100, or two in order, got quality ={span}. Pass them so."
            )
        self.quality = tuple(span)

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        return dict(quality=integer(self.quality[0], self.quality[1] + 1))

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.jpeg, inpt, quality=params["quality"])


class RandomErasing(RandomApplied):
    """A rectangle of a random share `scale` of the image and random proportions `ratio` replaced, with probability `p`.

    By `value`: one number, one for each channel, or "random" for noise. TypeError or ValueError for ranges that cannot be.
    """

    def __init__(
        self,
        p: float = 0.5,
        scale: Sequence[float] = (0.02, 0.33),
        ratio: Sequence[float] = (0.3, 3.3),
        value: Any = 0.0,
        inplace: bool = False,
    ) -> None:
        super().__init__(p=p)
        if not isinstance(value, (int, float, str, tuple, list)):
            raise TypeError(
                f"RandomErasing: argument value should be either a number or str or a sequence, got {value!r}. Pass one."
            )
        if isinstance(value, str) and value != "random":
            raise ValueError(f"RandomErasing: if value is str, it should be 'random', got {value!r}. Write that.")
        for name, span in (("scale", scale), ("ratio", ratio)):
            if not isinstance(span, Sequence):
                raise TypeError(f"RandomErasing: {name} should be a sequence, got {span!r}. Pass (low, high).")
        if min(scale) < 0 or max(scale) > 1:
            raise ValueError(f"RandomErasing: scale should be between 0 and 1, got {scale}. Choose it there.")
        self.scale = scale
        self.ratio = ratio
        self.value = (
            [float(value)]
            if isinstance(value, (int, float))
            else value
            if isinstance(value, str)
            else [float(v) for v in value]
        )
        self.inplace = inplace

    @staticmethod
    def get_params(
        img: Any, scale: Sequence[float], ratio: Sequence[float], value: Sequence[float] | None = None
    ) -> tuple[int, int, int, int, Any]:
        """(row, column, height, width, value) of the rectangle; the whole image as it is where ten tries do not fit."""
        channels, height, width = F.get_dimensions(img)
        found = _rectangle(channels, height, width, scale, ratio, value)
        return found if found is not None else (0, 0, height, width, img)

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        channels, height, width = query_chw(flat_inputs)
        value = None if isinstance(self.value, str) else self.value
        if value is not None and len(value) not in (1, channels):
            raise ValueError(
                f"RandomErasing: if value is a sequence, it should have either a single value or {channels} (number of "
                f"input channels), got {len(value)}. Pass as many."
            )
        found = _rectangle(channels, height, width, self.scale, self.ratio, value)
        found = found if found is not None else (0, 0, height, width, None)
        return dict(zip("ijhwv", found, strict=True))

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        if params["v"] is None:
            return inpt
        return self._call_kernel(F.erase, inpt, **params, inplace=self.inplace)


def _rectangle(
    channels: int,
    height: int,
    width: int,
    scale: Sequence[float],
    ratio: Sequence[float],
    value: Sequence[float] | None,
) -> tuple[int, int, int, int, Any] | None:
    low, high = math.log(ratio[0]), math.log(ratio[1])
    for _ in range(10):
        area = height * width * uniform(scale[0], scale[1])
        aspect = math.exp(uniform(low, high))
        h, w = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if not (h < height and w < width):
            continue
        v = facula.randn(channels, h, w) if value is None else facula.tensor(list(value))[:, None, None]
        return integer(0, height - h + 1), integer(0, width - w + 1), h, w, v
    return None


class UniformTemporalSubsample(Transform):
    """`num_samples` frames of a video at equal steps.   Shape: (..., T, C, H, W) -> (..., num_samples, C, H, W)."""

    _transformed_types: ClassVar[tuple[Check, ...]] = (Tensor,)

    def __init__(self, num_samples: int) -> None:
        super().__init__()
        self.num_samples = num_samples

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.uniform_temporal_subsample, inpt, self.num_samples)


class ConvertBoundingBoxFormat(Transform):
    """Boxes in another format."""

    _transformed_types: ClassVar[tuple[Check, ...]] = (tv_tensors.BoundingBoxes,)

    def __init__(self, format: str | BoundingBoxFormat) -> None:
        super().__init__()
        self.format = as_format(format)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return F.convert_bounding_box_format(inpt, new_format=self.format)


class ClampBoundingBoxes(Transform):
    """Boxes cut at the edge of their canvas."""

    _transformed_types: ClassVar[tuple[Check, ...]] = (tv_tensors.BoundingBoxes,)

    def __init__(self, clamping_mode: str | None = "auto") -> None:
        super().__init__()
        self.clamping_mode = clamping_mode

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return F.clamp_bounding_boxes(inpt, clamping_mode=self.clamping_mode)


class ClampKeyPoints(Transform):
    """Keypoints brought into their canvas."""

    _transformed_types: ClassVar[tuple[Check, ...]] = (tv_tensors.KeyPoints,)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return F.clamp_keypoints(inpt)


class SetClampingMode(Transform):
    """Boxes that transforms from here on clamp so: "hard", "soft" or None (ValueError for others)."""

    _transformed_types: ClassVar[tuple[Check, ...]] = (tv_tensors.BoundingBoxes,)

    def __init__(self, clamping_mode: str | None) -> None:
        super().__init__()
        if clamping_mode not in (None, "hard", "soft"):
            raise ValueError(
                f"SetClampingMode: clamping_mode must be soft, hard or None, got {clamping_mode}. Choose one."
            )
        self.clamping_mode = clamping_mode

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return inpt.like(plain(inpt).clone(), clamping_mode=self.clamping_mode)


class _Sanitize(Transform):
    """Items that are not valid removed, and their labels and masks with them."""

    labels_getter: Any

    def __init__(self, labels_getter: Any) -> None:
        super().__init__()
        self.labels_getter = check_getter(labels_getter)

    def _found(self, flat_inputs: list[Any]) -> tuple[Any, Tensor]:
        raise NotImplementedError

    def forward(self, *inputs: Any) -> Any:
        inputs = inputs if len(inputs) > 1 else inputs[0]
        labels = labels_of(inputs, self.labels_getter)
        labels = () if labels is None else (labels,) if isinstance(labels, Tensor) else tuple(labels)
        flat_inputs, spec = tree_flatten(inputs)
        items, valid = self._found(flat_inputs)
        for label in labels:
            if not isinstance(label, Tensor) or label.shape[:1] != items.shape[:1]:
                raise ValueError(
                    f"{type(self).__name__}: the labels in the input to forward() must be a tensor of as many rows as "
                    f"boxes, {items.shape[0]}, got {label.shape if isinstance(label, Tensor) else type(label)}. Pass "
                    "labels_getter."
                )
        outputs = [self._kept(inpt, items, labels, valid) for inpt in flat_inputs]
        return tree_unflatten(outputs, spec)

    def _kept(self, inpt: Any, items: Any, labels: tuple[Any, ...], valid: Tensor) -> Any:
        is_label = any(inpt is label for label in labels)
        if not (is_label or inpt is items or (isinstance(inpt, tv_tensors.Mask) and self.keeps_masks)):
            return inpt
        if isinstance(inpt, tv_tensors.Mask) and inpt.shape[0] != valid.shape[0]:
            return inpt
        return inpt.like(plain(inpt)[valid]) if isinstance(inpt, tv_tensors.TVTensor) else inpt[valid]

    keeps_masks = False


class SanitizeBoundingBoxes(_Sanitize):
    """Boxes that are too small or leave the canvas removed, with their labels and masks.

    `labels_getter` finds the labels in a sample: a function, the key of a dict, None for no labels, or "default" for a
    key with "label" in its name. ValueError for sizes below 1 and for labels of another count.
    """

    keeps_masks = True

    def __init__(self, min_size: float = 1.0, min_area: float = 1.0, labels_getter: Any = "default") -> None:
        super().__init__(labels_getter)
        if min_size < 1:
            raise ValueError(f"SanitizeBoundingBoxes: min_size must be >= 1, got {min_size}. Raise it.")
        if min_area < 1:
            raise ValueError(f"SanitizeBoundingBoxes: min_area must be >= 1, got {min_area}. Raise it.")
        self.min_size = min_size
        self.min_area = min_area

    def _found(self, flat_inputs: list[Any]) -> tuple[Any, Tensor]:
        boxes = get_bounding_boxes(flat_inputs)
        return boxes, F.sanitize_bounding_boxes(boxes, min_size=self.min_size, min_area=self.min_area)[1]


class SanitizeKeyPoints(_Sanitize):
    """Keypoints outside the canvas removed (or groups with one outside), with their labels."""

    def __init__(self, labels_getter: Any = None) -> None:
        super().__init__(labels_getter)

    def _found(self, flat_inputs: list[Any]) -> tuple[Any, Tensor]:
        points = get_keypoints(flat_inputs)
        return points, F.sanitize_keypoints(points)[1]
