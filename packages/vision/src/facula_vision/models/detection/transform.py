"""What happens to pictures and targets before a detector, and to its results behind it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import facula
import facula.nn.functional as F
from facula import Tensor, nn
from facula_vision.models.detection.image_list import ImageList
from facula_vision.models.detection.mask_heads import paste_masks_in_image

__all__ = ["GeneralizedRCNNTransform", "resize_boxes", "resize_keypoints"]

Target = dict[str, Tensor]


def _ratios(original_size: Sequence[int], new_size: Sequence[int]) -> tuple[float, float]:
    """How much higher and wider the new size is, in the precision in which published results were computed."""
    down, across = (facula.tensor(n, dtype=facula.float32) / m for n, m in zip(new_size, original_size, strict=True))
    return float(down), float(across)


def resize_boxes(boxes: Tensor, original_size: Sequence[int], new_size: Sequence[int]) -> Tensor:
    """Boxes of a picture (height, width) in one of another size.   Shape: (N, 4) -> the same."""
    down, across = _ratios(original_size, new_size)
    return boxes * boxes.new_tensor([across, down, across, down])


def resize_keypoints(keypoints: Tensor, original_size: Sequence[int], new_size: Sequence[int]) -> Tensor:
    """Points (x, y, visible) in a picture of another size.   Shape: (N, K, 3) -> the same."""
    down, across = _ratios(original_size, new_size)
    return keypoints * keypoints.new_tensor([across, down, 1.0])


class GeneralizedRCNNTransform(nn.Module):
    """Pictures less the mean over the deviation, resized and padded to one batch; targets go along.

    The shorter side becomes `min_size` (one of several at random while training, the last in evaluation) unless the
    longer one would exceed `max_size`; or every picture becomes `fixed_size` (width, height). The batch's sides are
    multiples of `size_divisible`. Shape: [(C, H, W), ...] -> ImageList. ValueError and TypeError for other pictures.
    """

    def __init__(
        self,
        min_size: int | Sequence[int],
        max_size: int,
        image_mean: Sequence[float],
        image_std: Sequence[float],
        size_divisible: int = 32,
        fixed_size: tuple[int, int] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        self.min_size = tuple(min_size) if isinstance(min_size, Sequence) else (min_size,)
        self.max_size = max_size
        self.image_mean = image_mean
        self.image_std = image_std
        self.size_divisible = size_divisible
        self.fixed_size = fixed_size
        self._skip_resize = kwargs.pop("_skip_resize", False)

    def forward(
        self, images: Sequence[Tensor], targets: Sequence[Target] | None = None
    ) -> tuple[ImageList, list[Target] | None]:
        resized, moved = [], []
        for k, image in enumerate(images):
            if image.dim() != 3:
                raise ValueError(
                    f"GeneralizedRCNNTransform: images is expected to be a list of 3d tensors of shape [C, H, W], got "
                    f"{tuple(image.shape)}. Split a batch by list(batch)."
                )
            picture, target = self.resize(self.normalize(image), None if targets is None else dict(targets[k]))
            resized.append(picture)
            if target is not None:
                moved.append(target)
        sizes = [tuple(picture.shape[-2:]) for picture in resized]
        return ImageList(self.batch_images(resized, self.size_divisible), sizes), None if targets is None else moved

    def normalize(self, image: Tensor) -> Tensor:
        """The picture less the mean over the deviation of each channel."""
        if not image.is_floating_point():
            raise TypeError(
                f"GeneralizedRCNNTransform: expected input images to be of floating type (in range [0, 1]), but found type "
                f"{image.dtype} instead. Divide by 255."
            )
        mean, std = image.new_tensor(list(self.image_mean)), image.new_tensor(list(self.image_std))
        return (image - mean[:, None, None]) / std[:, None, None]

    def resize(self, image: Tensor, target: Target | None = None) -> tuple[Tensor, Target | None]:
        """A picture and its target in the size that is asked for."""
        if self.training and self._skip_resize:
            return image, target
        before = tuple(image.shape[-2:])
        size = self._size(*before)
        image = F.interpolate(image[None], size=size, mode="bilinear", align_corners=False)[0]
        if target is None:
            return image, None
        if "masks" in target:
            masks = F.interpolate(target["masks"][:, None].float(), size=size, mode="nearest")
            target["masks"] = masks[:, 0].to(facula.uint8)
        target["boxes"] = resize_boxes(target["boxes"], before, size)
        if "keypoints" in target:
            target["keypoints"] = resize_keypoints(target["keypoints"], before, size)
        return image, target

    def _size(self, height: int, width: int) -> tuple[int, int]:
        if self.fixed_size is not None:
            return self.fixed_size[1], self.fixed_size[0]
        shorter = self.min_size[-1]
        if self.training and len(self.min_size) > 1:
            shorter = self.min_size[int(facula.empty(1).uniform_(0.0, float(len(self.min_size))).item())]
        scale = min(shorter / min(height, width), self.max_size / max(height, width))
        return math.floor(height * scale), math.floor(width * scale)

    def batch_images(self, images: list[Tensor], size_divisible: int = 32) -> Tensor:
        """Pictures in the upper left corners of one batch, zeros around."""
        height, width = (
            math.ceil(max(image.shape[d] for image in images) / size_divisible) * size_divisible for d in (1, 2)
        )
        batch = images[0].new_zeros((len(images), images[0].shape[0], height, width))
        for k, image in enumerate(images):
            batch[k, :, : image.shape[1], : image.shape[2]] = image
        return batch

    def postprocess(
        self, result: list[Target], image_shapes: list[tuple[int, int]], original_image_sizes: list[tuple[int, int]]
    ) -> list[Target]:
        """Results in the pixels of the pictures that were given."""
        if self.training:
            return result
        for found, before, after in zip(result, image_shapes, original_image_sizes, strict=True):
            found["boxes"] = resize_boxes(found["boxes"], before, after)
            if "masks" in found:
                found["masks"] = paste_masks_in_image(found["masks"], found["boxes"], after)
            if "keypoints" in found:
                found["keypoints"] = resize_keypoints(found["keypoints"], before, after)
        return result

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(\n    Normalize(mean={self.image_mean}, std={self.image_std})\n"
            f"    Resize(min_size={self.min_size}, max_size={self.max_size}, mode='bilinear')\n)"
        )
