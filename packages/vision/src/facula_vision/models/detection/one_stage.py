"""A detector of one stage, whatever it is: transform, backbone, head, and anchors that the head's rows belong to."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import facula
from facula import Tensor, nn
from facula_vision import ops
from facula_vision.models.detection.generalized_rcnn import check_boxes, check_given

__all__ = ["OneStage", "best_of_levels"]

Target = dict[str, Tensor]


class OneStage(nn.Module):
    """What RetinaNet, FCOS and SSD have in common; each says how rows become losses and results.

    Shape: [(C, H, W), ...], targets -> losses; [(C, H, W), ...] -> [{"boxes", "scores", "labels"}, ...].
    """

    backbone: nn.Module
    anchor_generator: nn.Module
    head: nn.Module
    transform: nn.Module

    def losses(
        self, targets: Sequence[Target], outputs: dict[str, Tensor], anchors: list[Tensor], counts: list[int]
    ) -> Any:
        """Losses by name; `counts` are the numbers of anchors on each map."""
        raise NotImplementedError(f"{type(self).__name__}: expected a subclass with losses of its own. Write them.")

    def results(
        self, outputs: dict[str, Tensor], anchors: list[Tensor], sizes: list[tuple[int, int]], counts: list[int]
    ) -> list[Target]:
        """The boxes of each picture; `counts` are the numbers of anchors on each map."""
        raise NotImplementedError(f"{type(self).__name__}: expected a subclass with results of its own. Write them.")

    def forward(self, images: Sequence[Tensor], targets: Sequence[Target] | None = None) -> Any:
        name = type(self).__name__
        if self.training:
            check_given(name, targets)
        before = [tuple(image.shape[-2:]) for image in images]
        batch, moved = self.transform(images, targets)
        check_boxes(name, moved)
        features = self.backbone(batch.tensors)
        if isinstance(features, Tensor):
            features = OrderedDict([("0", features)])
        levels = list(features.values())
        outputs = self.head(levels)
        anchors = self.anchor_generator(batch, levels)
        places = [level.shape[2] * level.shape[3] for level in levels]
        each = self.anchor_generator.num_anchors_per_location()
        counts = [n * k for n, k in zip(places, each, strict=True)]
        if self.training:
            return self.losses(moved, outputs, anchors, counts)
        found = self.results(outputs, anchors, batch.image_sizes, counts)
        return self.transform.postprocess(found, batch.image_sizes, before)


def best_of_levels(
    scores: Sequence[Tensor],
    decode: Callable[[int, Tensor], Tensor],
    size: tuple[int, int],
    score_thresh: float,
    nms_thresh: float,
    most_of_level: int,
    most: int,
) -> Target:
    """The best boxes of one picture: of each level `most_of_level`, without overlaps in a class `most`.

    `scores` holds (anchors, classes) for each level; `decode(level, anchors)` gives their boxes.
    """
    found: list[tuple[Tensor, Tensor, Tensor]] = []
    for level, score in enumerate(scores):
        flat = score.flatten()
        left = facula.where(flat > score_thresh)[0]
        best, order = flat[left].topk(min(most_of_level, len(left)))
        places = left[order]
        anchors = places // score.shape[1]
        boxes = ops.clip_boxes_to_image(decode(level, anchors), size)
        found.append((boxes, best, places % score.shape[1]))
    boxes, best, labels = (facula.cat(parts) for parts in zip(*found, strict=True))
    keep = ops.batched_nms(boxes, best, labels, nms_thresh)[:most]
    return {"boxes": boxes[keep], "scores": best[keep], "labels": labels[keep]}
