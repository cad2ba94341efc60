"""Mean average precision of found boxes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from facula.metrics.metric import Metric, array

_MOST = 100  # boxes of a picture and class


class MeanAveragePrecision(Metric):
    """The area under interpolated precision over recall, averaged over classes and IoU thresholds 0.5 to 0.95.

    Of each picture and class the 100 surest boxes count.
    Shape: for each picture a dict with boxes (n, 4) as x1, y1, x2, y2, labels (n,) and, of predictions, scores (n,).
    Source: Lin et al., "Microsoft COCO: Common Objects in Context", 2014 (101 points of recall).
    """

    lists = ("found", "truths")

    def __init__(self, iou_thresholds: Sequence[float] | None = None) -> None:
        super().__init__()
        self.thresholds = np.linspace(0.5, 0.95, 10) if iou_thresholds is None else np.array(iou_thresholds)

    def update(self, preds: Sequence[Mapping[str, Any]], target: Sequence[Mapping[str, Any]]) -> None:
        for said, truth in zip(preds, target, strict=True):
            number = np.frombuffer(np.random.default_rng().bytes(6) + b"\0\0", np.int64)[0]  # unlike any other's
            for into, part, last in ((self.found, said, "scores"), (self.truths, truth, "labels")):
                boxes = array(part["boxes"]).reshape(-1, 4)
                columns = [array(part["labels"]), array(part[last]), np.full(len(boxes), number)]
                into.append(np.column_stack([boxes, *columns]).astype(np.float64))

    def compute(self) -> float:
        """The mean over classes and thresholds; NaN without a box to find."""
        found, truths = (np.concatenate(rows) if rows else np.zeros((0, 7)) for rows in (self.found, self.truths))
        classes = np.unique(truths[:, 4])
        areas = [
            _average(found[found[:, 4] == c], truths[truths[:, 4] == c], threshold)
            for c in classes
            for threshold in self.thresholds
        ]
        return float(np.mean(areas)) if areas else float("nan")


def _average(found: Any, truths: Any, threshold: float) -> float:
    found = found[np.argsort(-found[:, 5], kind="stable")]
    by_picture = np.argsort(found[:, 6], kind="stable")
    _, starts, counts = np.unique(found[by_picture, 6], return_index=True, return_counts=True)
    surer = np.empty(len(found), int)  # how many of the picture
    surer[by_picture] = np.arange(len(found)) - np.repeat(starts, counts)
    found = found[surer < _MOST]
    taken, hits = np.zeros(len(truths), bool), np.zeros(len(found))
    for i, row in enumerate(found):
        free = np.flatnonzero((truths[:, 6] == row[6]) & ~taken)
        overlap = _iou(row[:4], truths[free, :4])
        if len(free) and overlap.max() >= threshold:
            taken[free[overlap.argmax()]], hits[i] = True, 1
    recall = np.cumsum(hits) / len(truths)
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    best = np.maximum.accumulate(precision[::-1])[::-1]
    places = np.searchsorted(recall, np.linspace(0, 1, 101))
    return float(np.append(best, 0.0)[places].mean())


def _iou(box: Any, others: Any) -> Any:
    size = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    common = np.prod(np.maximum(size, 0), axis=1)
    return common / (np.prod(box[2:] - box[:2]) + np.prod(others[:, 2:] - others[:, :2], axis=1) - common)
