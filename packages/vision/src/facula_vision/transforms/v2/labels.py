"""Labels in a sample, and the transforms of whole batches that mix images and labels: MixUp and CutMix."""

from __future__ import annotations

from typing import Any

import facula
import facula.nn.functional
from facula import Tensor
from facula.tree import tree_flatten, tree_unflatten
from facula_vision import tv_tensors
from facula_vision.transforms.v2.base import Transform, has_any, integer, is_pil_image, is_pure_tensor, query_size
from facula_vision.tv_tensors import plain

__all__ = ["CutMix", "MixUp", "check_getter", "labels_of"]


def check_getter(labels_getter: Any) -> Any:
    """What finds the labels in a sample, as it is; ValueError for something that cannot."""
    if labels_getter is not None and not isinstance(labels_getter, str) and not callable(labels_getter):
        raise ValueError(
            f"labels_getter: should either be 'default', a key, a callable or None, got {labels_getter!r}. Pass one of "
            "them."
        )
    return labels_getter


def labels_of(inputs: Any, labels_getter: Any) -> Any:
    """The labels in a sample: by a function, by the key of a dict, or for "default" by a key that names them; None for None."""
    if labels_getter is None:
        return None
    if callable(labels_getter):
        return labels_getter(inputs)
    return _by_name(inputs) if labels_getter == "default" else _target(inputs)[labels_getter]


def _target(inputs: Any) -> Any:
    """The part of a sample that holds what is known of the image."""
    return inputs[1] if isinstance(inputs, (tuple, list)) and len(inputs) > 1 else inputs


def _by_name(inputs: Any) -> Any:
    target = _target(inputs)
    if isinstance(target, Tensor):
        return target
    if isinstance(target, dict):
        names = [name for name in target if isinstance(name, str)]
        for found in ([n for n in names if n.lower() == "labels"], [n for n in names if "label" in n.lower()]):
            if found:
                return target[found[0]]
    raise ValueError(
        "Could not infer where the labels are in the sample: expected a tensor or a key with 'label' in its name, got "
        f"{type(target)}. Try passing a callable as the labels_getter, or None if there are no labels."
    )


class _Mix(Transform):
    """What MixUp and CutMix share: batches and their labels."""

    def __init__(self, *, alpha: float = 1.0, num_classes: int | None = None, labels_getter: Any = "default") -> None:
        super().__init__()
        self.alpha = float(alpha)
        self.num_classes = num_classes
        self._labels_getter = check_getter(labels_getter)

    def _lam(self) -> float:
        return float(facula.distributions.Beta(facula.tensor(self.alpha), facula.tensor(self.alpha)).sample().item())

    def forward(self, *inputs: Any) -> Any:
        inputs = inputs if len(inputs) > 1 else inputs[0]
        flat_inputs, spec = tree_flatten(inputs)
        needed = self._needs_transform(flat_inputs)
        if has_any(flat_inputs, is_pil_image, tv_tensors.BoundingBoxes, tv_tensors.Mask):
            raise ValueError(
                f"{type(self).__name__}() does not support PIL images, bounding boxes and masks, expected a batch of "
                "images and their labels, got some. Use it on batches."
            )
        labels = labels_of(inputs, self._labels_getter)
        if not isinstance(labels, Tensor):
            raise ValueError(
                f"{type(self).__name__}: the labels must be a tensor, got {type(labels)} instead. Stack them."
            )
        if labels.ndim not in (1, 2):
            raise ValueError(
                "labels should be index based with shape (batch_size,) or probability based with shape (batch_size, "
                f"num_classes), expected that, got a tensor of shape {tuple(labels.shape)} instead. Reshape them."
            )
        if labels.ndim == 2 and self.num_classes is not None and labels.shape[-1] != self.num_classes:
            raise ValueError(
                f"{type(self).__name__}: expected num_classes {labels.shape[-1]} as the labels have, got "
                f"{self.num_classes}. Leave num_classes out."
            )
        if labels.ndim == 1 and self.num_classes is None:
            raise ValueError(
                "num_classes must be passed if the labels are index-based (1D), expected it, got None. Pass it."
            )
        params = dict(labels=labels, batch_size=labels.shape[0], **self.make_params(
            [inpt for inpt, need in zip(flat_inputs, needed, strict=True) if need and inpt is not labels]
        ))  # fmt: skip
        outputs = [
            self.transform(inpt, params) if need or inpt is labels else inpt
            for inpt, need in zip(flat_inputs, needed, strict=True)
        ]
        return tree_unflatten(outputs, spec)

    def _is_batch(self, inpt: Any, size: int) -> bool:
        """Whether it is a batch of pictures; ValueError for one of another size."""
        if not (is_pure_tensor(inpt) or isinstance(inpt, (tv_tensors.Image, tv_tensors.Video))):
            return False
        dims = 5 if isinstance(inpt, tv_tensors.Video) else 4
        if inpt.ndim != dims:
            raise ValueError(
                f"Expected a batched input with {dims} dims, but got {inpt.ndim} dimensions instead. Batch it."
            )
        if inpt.shape[0] != size:
            raise ValueError(
                f"The batch size of the image or video does not match the batch size of the labels: {inpt.shape[0]} != "
                f"{size}. Pass as many labels."
            )
        return True

    def _mixed_labels(self, labels: Tensor, lam: float) -> Tensor:
        if labels.ndim == 1:
            labels = facula.nn.functional.one_hot(labels, num_classes=self.num_classes)
        labels = labels if labels.is_floating_point() else labels.to(facula.float32)
        return labels.roll(1, 0) * (1.0 - lam) + labels * lam


class MixUp(_Mix):
    """Each image of a batch mixed with the one before it, by a share drawn from Beta(alpha, alpha); labels alike.

    ValueError for labels without `num_classes` where they are indices. Source: https://arxiv.org/abs/1710.09412.

    >>> import facula
    >>> from facula_vision.transforms import v2
    >>> images, labels = v2.MixUp(num_classes=3)(facula.rand(4, 3, 8, 8), facula.tensor([0, 1, 2, 0]))
    >>> labels.shape
    facula.Size([4, 3])
    """

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        return dict(lam=self._lam())

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        lam = params["lam"]
        if inpt is params["labels"]:
            return self._mixed_labels(inpt, lam)
        if not self._is_batch(inpt, params["batch_size"]):
            return inpt
        image = plain(inpt)
        mixed = image.roll(1, 0) * (1.0 - lam) + image * lam
        return inpt.like(mixed) if isinstance(inpt, tv_tensors.TVTensor) else mixed


class CutMix(_Mix):
    """In each image of a batch, a rectangle taken from the one before it; labels mixed by the areas.

    The share of the rectangle is drawn from Beta(alpha, alpha). Source: https://arxiv.org/abs/1905.04899.
    """

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        lam = self._lam()
        height, width = query_size(flat_inputs)
        x, y = integer(0, width), integer(0, height)
        reach = 0.5 * (1.0 - lam) ** 0.5
        half_w, half_h = int(reach * width), int(reach * height)
        x1, y1 = max(x - half_w, 0), max(y - half_h, 0)
        x2, y2 = min(x + half_w, width), min(y + half_h, height)
        return dict(box=(x1, y1, x2, y2), lam_adjusted=1.0 - (x2 - x1) * (y2 - y1) / (width * height))

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        if inpt is params["labels"]:
            return self._mixed_labels(inpt, params["lam_adjusted"])
        if not self._is_batch(inpt, params["batch_size"]):
            return inpt
        x1, y1, x2, y2 = params["box"]
        image = plain(inpt)
        mixed = image.clone()
        mixed[..., y1:y2, x1:x2] = image.roll(1, 0)[..., y1:y2, x1:x2]
        return inpt.like(mixed) if isinstance(inpt, tv_tensors.TVTensor) else mixed
