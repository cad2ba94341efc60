"""Records what pycocotools says of boxes drawn at random: `python record_map.py > map.json`."""

import contextlib
import json
import sys

import numpy as np


def boxes(rng, count):
    corner, size = rng.uniform(0, 60, (count, 2)), rng.uniform(10, 40, (count, 2))
    return np.hstack([corner, corner + size]).round(1)


def pictures(rng, count):
    for _ in range(count):
        truth = boxes(rng, rng.integers(1, 7))
        labels = rng.integers(0, 3, len(truth))
        near = (truth + rng.normal(0, 2, truth.shape)).round(1)
        found = np.vstack([near, boxes(rng, rng.integers(0, 5)), near[:1]])
        said = np.concatenate([labels, rng.integers(0, 3, len(found) - len(truth))])
        scores = rng.random(len(found)).round(2)
        yield {
            "target": {"boxes": truth.tolist(), "labels": labels.tolist()},
            "preds": {"boxes": found.tolist(), "labels": said.tolist(), "scores": scores.tolist()},
        }


def judged(cases):
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    def rows(part, extra):
        for number, case in enumerate(cases):
            for i, (x1, y1, x2, y2) in enumerate(case[part]["boxes"]):
                box = {"image_id": number, "category_id": case[part]["labels"][i], "bbox": [x1, y1, x2 - x1, y2 - y1]}
                yield {**box, "area": (x2 - x1) * (y2 - y1), **extra(case[part], i)}

    coco = COCO()
    annotations = [{**row, "id": i} for i, row in enumerate(rows("target", lambda part, i: {"iscrowd": 0}), 1)]
    coco.dataset = {
        "info": {},
        "images": [{"id": number} for number in range(len(cases))],
        "categories": [{"id": label} for label in range(3)],
        "annotations": annotations,
    }
    coco.createIndex()
    found = coco.loadRes(list(rows("preds", lambda part, i: {"score": part["scores"][i]})))
    judge = COCOeval(coco, found, "bbox")
    judge.evaluate()
    judge.accumulate()
    judge.summarize()
    return dict(zip(("map", "map_50", "map_75"), judge.stats[:3].tolist(), strict=True))


if __name__ == "__main__":
    cases = list(pictures(np.random.default_rng(0), 8))
    with contextlib.redirect_stdout(sys.stderr):
        facts = judged(cases)
    json.dump({**facts, "pictures": cases}, sys.stdout)
