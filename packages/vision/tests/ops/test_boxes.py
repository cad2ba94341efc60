"""Boxes: forms, overlaps and suppression."""

import pytest

import facula
from facula_vision import ops

FIRST = [[0.0, 0.0, 4.0, 4.0], [1.0, 1.0, 3.0, 5.0], [6.0, 2.0, 9.0, 4.0]]
SECOND = [[0.0, 0.0, 4.0, 5.0], [2.0, 0.0, 6.0, 4.0]]
OVERLAPS = {  # torchvision 0.29's
    "box_iou": [[0.8, 0.33333], [0.4, 0.14286], [0.0, 0.0]],
    "generalized_box_iou": [[0.8, 0.33333], [0.4, -0.01714], [-0.42222, -0.21429]],
    "distance_box_iou": [[0.7939, 0.25641], [0.3939, 0.04286], [-0.28774, -0.20385]],
    "complete_box_iou": [[0.79378, 0.25641], [0.39337, 0.0409], [-0.28916, -0.20409]],
}
GRADIENT = [
    [0.0559, -0.0147, 0.2255, 0.2184],
    [-0.1562, -0.1713, 0.3795, 0.0032],
]


@pytest.mark.parametrize("name", OVERLAPS)
def test_overlaps(name):
    found = getattr(ops, name)(facula.tensor(FIRST), facula.tensor(SECOND))
    assert facula.allclose(found, facula.tensor(OVERLAPS[name]), atol=1e-5)


def test_gradient_of_complete_iou():
    boxes = facula.tensor(FIRST[:2], requires_grad=True)  # the third touches another: no derivative there
    ops.complete_box_iou(boxes, facula.tensor(SECOND)).sum().backward()
    assert facula.allclose(boxes.grad, facula.tensor(GRADIENT), atol=1e-4)


@pytest.mark.parametrize("form", ["xyxy", "xywh", "cxcywh"])
def test_forms_go_there_and_back(form):
    boxes = facula.tensor(FIRST)
    other = ops.box_convert(boxes, "xyxy", form)
    assert facula.allclose(ops.box_convert(other, form, "xyxy"), boxes)
    assert ops.box_convert(boxes, "xyxy", "xywh")[2].tolist() == [6.0, 2.0, 3.0, 2.0]
    with pytest.raises(ValueError, match="expected forms among"):
        ops.box_convert(boxes, form, "yxyx")


def test_nms_keeps_what_a_plain_loop_keeps():
    facula.manual_seed(0)
    corners = facula.rand(60, 2) * 10
    boxes, scores = facula.cat([corners, corners + 1 + 3 * facula.rand(60, 2)], dim=1), facula.rand(60)
    overlaps = ops.box_iou(boxes, boxes).tolist()
    kept = []
    for index in sorted(range(60), key=lambda index: -scores[index].item()):
        if all(overlaps[index][other] <= 0.3 for other in kept):
            kept.append(index)
    found = ops.nms(boxes, scores, 0.3)
    assert found.tolist() == kept
    assert found.dtype == facula.int64
    assert 0 < len(kept) < 60


def test_nms_of_none_and_of_wrong_shapes():
    assert ops.nms(facula.zeros(0, 4), facula.zeros(0), 0.5).shape == (0,)
    with pytest.raises(RuntimeError, match=r"expected boxes \(N, 4\) and scores \(N,\), got \(2, 4\) and \(3,\)"):
        ops.nms(facula.zeros(2, 4), facula.zeros(3), 0.5)


def test_batched_nms_keeps_classes_apart():
    boxes = facula.tensor([[0.0, 0.0, 4.0, 4.0]] * 3)
    scores = facula.tensor([0.2, 0.9, 0.5])
    assert ops.batched_nms(boxes, scores, facula.tensor([0, 1, 1]), 0.5).tolist() == [1, 0]


def test_small_and_clipped_boxes():
    boxes = facula.tensor([[-1.0, 2.0, 3.0, 9.0], [0.0, 0.0, 0.5, 5.0]])
    assert ops.remove_small_boxes(boxes, 1.0).tolist() == [0]
    assert ops.clip_boxes_to_image(boxes, (4, 2))[0].tolist() == [0.0, 2.0, 2.0, 4.0]
    assert ops.box_area(boxes).tolist() == [28.0, 2.5]
