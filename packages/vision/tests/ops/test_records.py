"""The records keep what records promise, and bad input is refused."""

import numpy as np
import pytest

import facula
from facula.testing import check_op
from facula_vision import ops
from facula_vision.ops.kernels import deformable, regions, suppression

RECORDS = [
    suppression.suppressed_op,
    regions.roi_sample_op,
    regions.roi_spread_op,
    regions.roi_places_op,
    deformable.deform_conv_op,
]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name)
def test_record(record):
    check_op(record)


def test_no_regions_and_no_boxes():
    maps = facula.rand(1, 8, 5, 5, requires_grad=True)
    none = facula.zeros(0, 5)
    for name, channels in (("roi_align", 8), ("roi_pool", 8), ("ps_roi_align", 2), ("ps_roi_pool", 2)):
        assert getattr(ops, name)(maps, none, 2).shape == (0, channels, 2, 2)
    assert ops.nms(facula.zeros(0, 4), facula.zeros(0), 0.5).shape == (0,)
    assert ops.batched_nms(facula.zeros(0, 4), facula.zeros(0), facula.zeros(0), 0.5).shape == (0,)
    assert ops.masks_to_boxes(facula.zeros(0, 4, 4)).shape == (0, 4)


def test_what_is_no_number_reads_nothing():
    maps, box = facula.ones(1, 1, 4, 4), facula.tensor([[0.0, float("nan"), 0.0, 3.0, 3.0]])
    assert ops.roi_align(maps, box, 2).tolist() == [[[[0.0, 0.0], [0.0, 0.0]]]]


@pytest.mark.parametrize("name", ["roi_align", "roi_pool", "ps_roi_align", "ps_roi_pool"])
def test_regions_refuse(name):
    function, maps = getattr(ops, name), facula.rand(1, 4, 5, 5)
    with pytest.raises(RuntimeError, match=rf"{name}: expected input \(N, C, H, W\), got \(4, 5, 5\)"):
        function(maps[0], facula.zeros(1, 5), 2)
    with pytest.raises(AssertionError, match=r"boxes tensor shape is not correct, expected \(K, 5\), got \(2, 4\)"):
        function(maps, facula.zeros(2, 4), 2)
    with pytest.raises(AssertionError, match=r"boxes list is not correct, expected \(L, 4\), got \(2, 5\)"):
        function(maps, [facula.zeros(2, 5)], 2)
    with pytest.raises(IndexError, match="expected numbers of pictures from 0 to 0, got 0 to 3"):
        function(maps, facula.tensor([[0.0, 0, 0, 1, 1], [3, 0, 0, 1, 1]]), 2)
    if name.startswith("ps"):
        with pytest.raises(RuntimeError, match="multiple of pooling height .* pooling width, expected one of 9, got 4"):
            function(maps, facula.zeros(1, 5), 3)


def test_deform_conv_refuses():
    x, weight = facula.rand(1, 4, 4, 4), facula.rand(3, 4, 3, 3)
    with pytest.raises(RuntimeError, match="expected input, offset and weight of 4 dimensions, got 3, 4 and 4"):
        ops.deform_conv2d(x[0], facula.rand(1, 18, 2, 2), weight)
    with pytest.raises(
        RuntimeError, match="offset tensor at dimension 1 is not valid, expected a multiple of .* 18, got 7"
    ):
        ops.deform_conv2d(x, facula.rand(1, 7, 2, 2), weight)
    with pytest.raises(
        RuntimeError, match=r"expected channels that weight \(3, 3, 3, 3\) and 1 groups of offsets divide, got 4"
    ):
        ops.deform_conv2d(x, facula.rand(1, 18, 2, 2), facula.rand(3, 3, 3, 3))
    with pytest.raises(RuntimeError, match=r"expected offset output dims: \(1, 2, 2\), got \(1, 4, 4\)"):
        ops.deform_conv2d(x, facula.rand(1, 18, 4, 4), weight)
    with pytest.raises(RuntimeError, match=r"mask.shape is not valid, expected \(1, 9, 2, 2\), got \(1, 7, 2, 2\)"):
        ops.deform_conv2d(x, facula.rand(1, 18, 2, 2), weight, mask=facula.rand(1, 7, 2, 2))
    with pytest.raises(ValueError, match="in_channels must be divisible by groups, expected a multiple of 2, got 3"):
        ops.DeformConv2d(3, 4, 3, groups=2)


def test_deform_conv_without_offsets_is_a_convolution():
    facula.manual_seed(0)
    layer = ops.DeformConv2d(4, 6, 3, stride=2, padding=1, groups=2)
    x = facula.rand(2, 4, 7, 6)
    out = layer(x, facula.zeros(2, 18, 4, 3))
    expected = facula.nn.functional.conv2d(x, layer.weight, layer.bias, stride=2, padding=1, groups=2)
    assert facula.allclose(out, expected, atol=1e-5)
    assert repr(layer) == "DeformConv2d(4, 6, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1), groups=2)"


def test_boxes_refuse():
    with pytest.raises(
        NotImplementedError, match="expected both forms upright or both rotated, got 'xyxy' and 'xywhr'"
    ):
        ops.box_convert(facula.zeros(1, 4), "xyxy", "xywhr")
    with pytest.raises(ValueError, match=r"box_area: expected a form among .*, got 'xywhr'"):
        ops.box_area(facula.zeros(1, 5), "xywhr")
    with pytest.raises(ValueError, match=r"box_iou: expected a form among .*, got 'yx'"):
        ops.box_iou(facula.zeros(1, 4), facula.zeros(1, 4), "yx")
    with pytest.raises(RuntimeError, match=r"expected boxes \(N, 5\) of the form 'cxcywhr', got \(1, 4\)"):
        ops.box_iou(facula.zeros(1, 4), facula.zeros(1, 4), "cxcywhr")
    with pytest.raises(RuntimeError, match="dets should have the same type as scores"):
        ops.nms(facula.zeros(1, 4), facula.zeros(1, dtype=facula.float64), 0.5)


def test_losses_refuse():
    x = facula.zeros(2, 4)
    with pytest.raises(ValueError, match=r"invalid alpha value, expected one in \[0, 1\] or -1 for none, got 3"):
        ops.sigmoid_focal_loss(x, x, alpha=3)
    for name in ("sigmoid_focal_loss", "generalized_box_iou_loss", "distance_box_iou_loss", "complete_box_iou_loss"):
        with pytest.raises(ValueError, match=f"{name}: invalid value for arg 'reduction', .* got 'product'"):
            getattr(ops, name)(x, x, reduction="product")
    assert ops.generalized_box_iou_loss(x[:0], x[:0], reduction="mean").item() == 0.0


def test_nms_is_the_same_with_and_without_loops():
    rng = np.random.default_rng(3)
    corners = rng.uniform(0, 100, (700, 2))
    boxes = facula.tensor(np.concatenate([corners, corners + rng.uniform(1, 40, (700, 2))], 1).astype(np.float32))
    scores, labels = facula.tensor(rng.random(700, dtype=np.float32)), facula.tensor(rng.integers(0, 4, 700))
    for threshold in (0.1, 0.5, 1.0):
        fast = ops.nms(boxes, scores, threshold), ops.batched_nms(boxes, scores, labels, threshold)
        with facula.use_kernels(False):
            plain = ops.nms(boxes, scores, threshold), ops.batched_nms(boxes, scores, labels, threshold)
        assert facula.equal(fast[0], plain[0])
        assert facula.equal(fast[1], plain[1])


def test_drop_block():
    facula.manual_seed(0)
    x = facula.ones(40, 3, 12, 12)
    out = ops.drop_block2d(x, p=0.2, block_size=3)
    kept = out[out != 0]
    assert facula.allclose(kept, kept[0])
    assert abs(out.mean().item() - 1) < 1e-4  # what is left is scaled to the same sum
    assert 0.1 < (out == 0).float().mean().item() < 0.3
    volume = ops.DropBlock3d(0.3, 2)
    assert 0.1 < (volume(facula.ones(8, 2, 6, 6, 6)) == 0).float().mean().item() < 0.4
    assert repr(volume) == "DropBlock3d(p=0.3, block_size=2, inplace=False)"
    cube = facula.ones(1, 1, 3, 3, 3)
    assert volume.eval()(cube) is cube
    y = facula.ones(2, 1, 8, 8)
    assert ops.drop_block2d(y, 0.5, 3, inplace=True) is y
    with pytest.raises(ValueError, match=r"drop probability has to be between 0 and 1, expected that, got 1.5"):
        ops.drop_block2d(x, 1.5, 3)
    with pytest.raises(ValueError, match="input should be 4 dimensional, expected that, got 2"):
        ops.drop_block2d(x[0, 0], 0.5, 3)
