"""`wrap_dataset_for_transforms_v2`: datasets whose targets say what they show, so that transforms v2 move them too."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import numpy as np

import facula
from facula_vision import tv_tensors
from facula_vision.datasets.coco import CocoCaptions, CocoDetection, mask_of
from facula_vision.datasets.faces import CelebA
from facula_vision.datasets.kinetics import Kinetics
from facula_vision.datasets.pets import OxfordIIITPet
from facula_vision.datasets.vision import VisionDataset
from facula_vision.datasets.voc import VOCDetection, VOCSegmentation
from facula_vision.transforms.v2.functional import convert_bounding_box_format, pil_to_tensor

__all__ = ["wrap_dataset_for_transforms_v2"]

_VOC_CLASSES = (
    "__background__ aeroplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse motorbike person "
    "pottedplant sheep sofa train tvmonitor"
).split()
Keys = Collection[str]
Wrapper = Callable[[Any, Any, Keys], Any]


def _canvas(image: Any) -> tuple[int, int]:
    """(height, width) of a PIL image or a tensor."""
    return (image.height, image.width) if hasattr(image, "height") else tuple(image.shape[-2:])


def _coco(dataset: Any, sample: Any, keys: Keys) -> Any:
    index, (image, annotations) = sample
    canvas = _canvas(image)
    target: dict[str, Any] = {"image_id": dataset.ids[index]}
    if not annotations:
        return image, target
    listed = {key: [one[key] for one in annotations if key in one] for key in {k for one in annotations for k in one}}
    target.update({key: value for key, value in listed.items() if key in keys and key != "image_id"})
    if "boxes" in keys:
        boxes = facula.tensor(listed["bbox"], dtype=facula.float32)
        corners = convert_bounding_box_format(boxes, "XYWH", "XYXY")
        target["boxes"] = tv_tensors.BoundingBoxes(corners, format="XYXY", canvas_size=canvas)
    if "masks" in keys:
        masks = np.stack([mask_of(outline, *canvas) for outline in listed["segmentation"]])
        target["masks"] = tv_tensors.Mask(facula.from_numpy(masks))
    if "labels" in keys:
        target["labels"] = facula.tensor(listed["category_id"])
    return image, target


def _voc_detection(dataset: Any, sample: Any, keys: Keys) -> Any:
    _, (image, annotation) = sample
    objects = annotation["annotation"]["object"]
    target: dict[str, Any] = {"annotation": annotation["annotation"]} if "annotation" in keys else {}
    if "boxes" in keys:
        boxes = [[int(one["bndbox"][side]) for side in ("xmin", "ymin", "xmax", "ymax")] for one in objects]
        target["boxes"] = tv_tensors.BoundingBoxes(boxes, format="XYXY", canvas_size=_canvas(image))
    if "labels" in keys:
        target["labels"] = facula.tensor([_VOC_CLASSES.index(one["name"]) for one in objects])
    return image, target


def _mask(target: Any) -> Any:
    return tv_tensors.Mask(pil_to_tensor(target)[0])


def _segmentation(dataset: Any, sample: Any, keys: Keys) -> Any:
    _, (image, mask) = sample
    return image, _mask(mask)


def _each(kinds: list[str], convert: Callable[[str, Any, Any], Any], image: Any, target: Any) -> Any:
    """A target of several kinds, each converted."""
    if target is None:
        return image, None
    parts = target if len(kinds) > 1 else (target,)
    found = tuple(convert(kind, part, image) for kind, part in zip(kinds, parts, strict=True))
    return image, found if len(kinds) > 1 else found[0]


def _pets(dataset: Any, sample: Any, keys: Keys) -> Any:
    _, (image, target) = sample
    convert = lambda kind, part, image: _mask(part) if kind == "segmentation" else part
    return _each(dataset._target_types, convert, image, target)


def _celeba(dataset: Any, sample: Any, keys: Keys) -> Any:
    _, (image, target) = sample

    def convert(kind: str, part: Any, image: Any) -> Any:
        if kind != "bbox":
            return part
        corners = convert_bounding_box_format(part, "XYWH", "XYXY")
        return tv_tensors.BoundingBoxes(corners, format="XYXY", canvas_size=_canvas(image))

    return _each(dataset.target_type, convert, image, target)


def _video(dataset: Any, sample: Any, keys: Keys) -> Any:
    _, (video, audio, label) = sample
    frames = video.permute(0, 3, 1, 2) if dataset.output_format == "THWC" else video
    return tv_tensors.Video(frames), audio, label


_WRAPPERS: dict[type, tuple[Wrapper, tuple[str, ...], tuple[str, ...]]] = {  # wrapper, default keys, all keys
    CocoDetection: (
        _coco,
        ("image_id", "boxes", "labels"),
        ("segmentation", "area", "iscrowd", "image_id", "bbox", "category_id", "boxes", "masks", "labels"),
    ),
    VOCDetection: (_voc_detection, ("annotation", "boxes", "labels"), ("annotation", "boxes", "labels")),
    VOCSegmentation: (_segmentation, (), ()),
    OxfordIIITPet: (_pets, (), ()),
    CelebA: (_celeba, (), ()),
    Kinetics: (_video, (), ()),
}


def wrap_dataset_for_transforms_v2(dataset: Any, target_keys: Collection[str] | str | None = None) -> Any:
    """The dataset with boxes, masks and videos as `tv_tensors`; its transforms see them.

    `target_keys` chooses what a target of detection holds, "all" for all. The result is of the dataset's own class too.
    TypeError for something else than a dataset of this package, ValueError for keys it does not have.
    """
    if not isinstance(dataset, VisionDataset):
        raise TypeError(
            f"wrap_dataset_for_transforms_v2: expected a dataset of facula_vision, got {type(dataset)}. Wrap its targets "
            "in tv_tensors yourself."
        )
    kind = next((base for base in type(dataset).__mro__ if base in _WRAPPERS), None)
    if isinstance(dataset, CocoCaptions):
        kind = None
    wrapper, default, known = _WRAPPERS[kind] if kind is not None else (_plain, (), ())
    keys = default if target_keys is None else known if target_keys == "all" else target_keys
    if target_keys not in (None, "all") and (isinstance(keys, str) or not known or not set(keys) <= set(known)):
        raise ValueError(
            f"wrap_dataset_for_transforms_v2: expected target_keys out of {known}, got {target_keys}. Choose some of them."
        )

    class Wrapped(type(dataset)):  # type: ignore[misc]
        def __init__(self) -> None:
            self.__dict__.update(dataset.__dict__)
            self.transforms = self.transform = self.target_transform = None

        def __getitem__(self, index: int) -> Any:
            sample = wrapper(self, (index, super().__getitem__(index)), keys)
            if len(sample) == 2:
                return dataset.apply(*sample)
            return sample if dataset.transform is None else (dataset.transform(sample[0]), *sample[1:])

        def __reduce__(self) -> Any:  # into the processes of a loader
            return wrap_dataset_for_transforms_v2, (dataset, target_keys)

    Wrapped.__name__ = Wrapped.__qualname__ = f"Wrapped{type(dataset).__name__}"
    return Wrapped()


def _plain(dataset: Any, sample: Any, keys: Keys) -> Any:
    return sample[1]
