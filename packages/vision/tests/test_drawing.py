"""What is drawn is where it should be."""

import numpy as np
import pytest

import facula
from facula_vision import utils
from facula_vision.drawing import _wheel

BLACK = facula.zeros(3, 20, 30, dtype=facula.uint8)
BOXES = facula.tensor([[2.0, 3, 10, 12], [15, 5, 25, 18]])
MASKS = facula.zeros(2, 20, 30, dtype=facula.bool)
MASKS[0, :10], MASKS[1, 5:15] = True, True
POINTS = facula.tensor([[[5.0, 6], [20, 10]]])


def test_boxes():
    out = utils.draw_bounding_boxes(BLACK, BOXES, colors=["red", (0, 0, 255)])
    assert out[:, 3, 2].tolist() == out[:, 12, 10].tolist() == [255, 0, 0]
    assert out[:, 5, 20].tolist() == [0, 0, 255]
    assert int((out > 0).sum()) == 2 * (9 + 8) + 2 * (11 + 12)
    filled = utils.draw_bounding_boxes(BLACK, BOXES[:1], colors="red", fill=True)
    assert filled[:, 8, 6].tolist() == [100, 0, 0]
    real = utils.draw_bounding_boxes(facula.zeros(1, 20, 30), BOXES, colors="white")
    assert (real.shape, real.dtype, float(real.max())) == ((3, 20, 30), facula.float32, 1.0)
    assert utils.draw_bounding_boxes(BLACK, facula.zeros(0, 4)) is BLACK
    assert int(BLACK.max()) == 0  # what came is left alone


def test_labels():
    plain = utils.draw_bounding_boxes(BLACK, BOXES, colors="red")
    told = utils.draw_bounding_boxes(BLACK, BOXES, labels=["a", None], colors="red", label_colors="blue")
    changed = (told != plain).any(0).numpy()
    rows, columns = np.nonzero(changed)
    assert 3 <= rows.min() <= rows.max() <= 19
    assert 3 <= columns.min() <= columns.max() <= 12
    backed = utils.draw_bounding_boxes(BLACK, BOXES, labels=["a", None], colors="red", fill_labels=True)
    assert int((backed[0] > 0).sum()) > int((plain[0] > 0).sum()) + 20


def test_turned_boxes_have_a_dashed_side():
    out = utils.draw_bounding_boxes(BLACK, facula.tensor([[2, 2, 27, 2, 27, 17, 2, 17]]), colors="white")
    assert int((out[0, 17, 2:28] > 0).sum()) == 26
    assert 10 < int((out[0, 2, 2:28] > 0).sum()) < 24


def test_masks():
    grey = facula.full((3, 20, 30), 100, dtype=facula.uint8)
    out = utils.draw_segmentation_masks(grey, MASKS, alpha=0.5, colors=["red", (0, 100, 0)])
    assert out[:, 2, 0].tolist() == [177, 50, 50]
    assert out[:, 7, 0].tolist() == [50, 50, 50]
    assert out[:, 12, 0].tolist() == [50, 100, 50]
    assert out[:, 18, 0].tolist() == [100, 100, 100]
    assert utils.draw_segmentation_masks(grey, MASKS[0], colors="blue")[2, 2, 0] == 224


def test_keypoints():
    out = utils.draw_keypoints(BLACK, POINTS, colors="red", radius=1)
    assert out[0, 5:8, 4:7].gt(0).tolist() == [[False, True, False], [True, True, True], [False, True, False]]
    joined = utils.draw_keypoints(BLACK, POINTS, connectivity=[(0, 1)], width=1)
    assert int(joined[0, 8, 12]) == 255
    hidden = utils.draw_keypoints(BLACK, POINTS, [(0, 1)], visibility=facula.tensor([[True, False]]))
    assert int((hidden[0] > 0).sum()) == int((utils.draw_keypoints(BLACK, POINTS[:, :1])[0] > 0).sum())


def test_flow():
    assert _wheel().shape == (55, 3)
    flow = facula.zeros(2, 3, 3)
    flow[0, 1, 2], flow[0, 1, 0] = 1.0, -1.0
    out = utils.flow_to_image(flow)
    assert out[:, 0, 0].tolist() == [255, 255, 255]
    assert out[:, 1, 2].tolist() == [255, 0, 0]  # to the right
    assert out[0, 1, 0] == 0
    assert utils.flow_to_image(flow[None]).shape == (1, 3, 3, 3)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: utils.draw_bounding_boxes(1, BOXES), TypeError, "draw_bounding_boxes: the image must be a Tensor"),
        (lambda: utils.draw_bounding_boxes(BLACK.to(facula.int32), BOXES), ValueError, "dtype must be uint8 or float, got facula.int32"),
        (lambda: utils.draw_bounding_boxes(BLACK[0], BOXES), ValueError, "pass individual images"),
        (lambda: utils.draw_bounding_boxes(BLACK[:2], BOXES), ValueError, "only grayscale and RGB images are supported"),
        (lambda: utils.draw_bounding_boxes(BLACK, BOXES[:, [2, 1, 0, 3]]), ValueError, "boxes need to be in"),
        (lambda: utils.draw_bounding_boxes(BLACK, BOXES, labels=["a"]), ValueError, r"boxes \(2\) and labels \(1\) mismatch"),
        (lambda: utils.draw_bounding_boxes(BLACK, BOXES, colors=[]), ValueError, "number of colors must be equal or larger"),
        (lambda: utils.draw_bounding_boxes(BLACK, BOXES, colors=3), ValueError, "colors must be a tuple or a string"),
        (lambda: utils.draw_segmentation_masks(BLACK, MASKS.int()), ValueError, "masks must be of dtype bool, got facula.int32"),
        (lambda: utils.draw_segmentation_masks(BLACK, MASKS[:, :3]), ValueError, "the same height and width"),
        (lambda: utils.draw_segmentation_masks(BLACK, MASKS[None]), ValueError, r"masks must be of shape \(H, W\)"),
        (lambda: utils.draw_keypoints(BLACK, POINTS[0]), ValueError, r"of shape \(num_instances, K, 2\)"),
        (lambda: utils.draw_keypoints(BLACK[:1], POINTS), ValueError, "pass an RGB image"),
        (lambda: utils.draw_keypoints(BLACK, POINTS, visibility=facula.ones(2)), ValueError, "the same number of points"),
        (lambda: utils.flow_to_image(facula.zeros(3, 4, 5)), ValueError, r"should have shape \(2, H, W\)"),
        (lambda: utils.flow_to_image(facula.zeros(2, 4, 5, dtype=facula.float64)), ValueError, "dtype float32, got facula.float64"),
    ],
)  # fmt: skip
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
