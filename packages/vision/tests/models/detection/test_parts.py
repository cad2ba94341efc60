"""The parts of detectors one by one, and what they refuse."""

import math

import pytest

import facula
from facula import nn
from facula_vision import ops
from facula_vision.models import detection, resnet18
from facula_vision.models.detection.anchor_utils import AnchorGenerator, DefaultBoxGenerator
from facula_vision.models.detection.backbone_utils import mobilenet_backbone, resnet_fpn_backbone
from facula_vision.models.detection.coding import BoxCoder, BoxLinearCoder
from facula_vision.models.detection.image_list import ImageList
from facula_vision.models.detection.keypoint_heads import heatmaps_to_keypoints, keypoints_to_heatmap
from facula_vision.models.detection.mask_heads import paste_masks_in_image
from facula_vision.models.detection.matching import BalancedPositiveNegativeSampler, Matcher, SSDMatcher
from facula_vision.models.detection.transform import GeneralizedRCNNTransform

BOXES = [[0.0, 0.0, 10.0, 6.0], [4.0, 5.0, 20.0, 30.0]]


def small_backbone(levels=1):
    backbone = nn.Sequential(nn.Conv2d(3, 8, 4, stride=4), nn.ReLU(), nn.Conv2d(8, 8, 2, stride=2))
    backbone.out_channels = 8
    return backbone


def small_detector(**options):
    facula.manual_seed(0)
    return detection.FasterRCNN(
        small_backbone(),
        num_classes=3,
        min_size=64,
        max_size=64,
        rpn_anchor_generator=AnchorGenerator(((16, 32),), ((1.0,),)),
        box_roi_pool=ops.MultiScaleRoIAlign(["0"], 3, 2),
        **options,
    )


@pytest.mark.parametrize("weights", [(1.0, 1.0, 1.0, 1.0), (10.0, 10.0, 5.0, 5.0)])
def test_boxes_are_decoded_to_what_was_encoded(weights):
    coder, boxes = BoxCoder(weights), facula.tensor(BOXES)
    known = boxes + facula.tensor([1.0, -2.0, 3.0, 1.0])
    (codes,) = coder.encode([boxes], [known])
    assert facula.allclose(coder.decode(codes, [known])[:, 0], boxes, atol=1e-4)
    wide = coder.decode_single(facula.tensor([[0.0, 0.0, 1e9, 0.0]]), boxes[:1])
    assert wide[0, 2] - wide[0, 0] == pytest.approx(10 * 1000 / 16, rel=1e-4)  # no side grows more
    linear = BoxLinearCoder()
    assert facula.allclose(linear.decode(linear.encode(known, boxes), known), boxes, atol=1e-4)


def test_matching():
    qualities = facula.tensor([[0.9, 0.1, 0.4, 0.2], [0.2, 0.25, 0.5, 0.2]])
    assert Matcher(0.7, 0.3)(qualities).tolist() == [0, -1, -2, -1]
    assert Matcher(0.7, 0.3, allow_low_quality_matches=True)(qualities).tolist() == [0, -1, 1, -1]
    assert SSDMatcher(0.5)(qualities).tolist() == [0, -1, 1, -1]
    with pytest.raises(ValueError, match=r"No ground-truth boxes available .*, got \(0, 3\)"):
        Matcher(0.7, 0.3)(facula.zeros(0, 3))
    with pytest.raises(ValueError, match=r"No proposal boxes available .*, got \(3, 0\)"):
        Matcher(0.7, 0.3)(facula.zeros(3, 0))
    with pytest.raises(
        AssertionError, match=r"low_threshold should be <= high_threshold, expected that, got 0.7 and 0.3"
    ):
        Matcher(0.3, 0.7)


def test_sampling_keeps_its_numbers():
    facula.manual_seed(0)
    labels = facula.tensor([1] * 30 + [0] * 60 + [-1] * 10)
    (positive,), (negative,) = BalancedPositiveNegativeSampler(20, 0.25)([labels])
    assert (int(positive.sum()), int(negative.sum())) == (5, 15)
    assert bool((labels[positive != 0] == 1).all())
    assert bool((labels[negative != 0] == 0).all())
    (positive,), (negative,) = BalancedPositiveNegativeSampler(1000, 0.5)([labels])
    assert (int(positive.sum()), int(negative.sum())) == (30, 60)


def test_anchors():
    anchors = AnchorGenerator((16, 32), (0.5, 1.0))
    assert anchors.num_anchors_per_location() == [2, 2]
    pictures = ImageList(facula.zeros(2, 3, 32, 64), [(32, 64), (30, 60)])
    found = anchors(pictures, [facula.zeros(2, 1, 4, 8), facula.zeros(2, 1, 2, 4)])
    assert [len(boxes) for boxes in found] == [2 * (32 + 8)] * 2
    assert found[0][3].tolist() == [0.0, -8.0, 16.0, 8.0]
    with pytest.raises(ValueError, match="expected 2 feature maps, one for each tuple of sizes, got 1"):
        anchors(pictures, [facula.zeros(2, 1, 4, 8)])
    even = DefaultBoxGenerator([[2], [2, 3]], 0.2, 0.8)
    assert even.scales == [0.2, pytest.approx(0.8), 1.0]
    assert even.num_anchors_per_location() == [4, 6]
    assert repr(even).startswith("DefaultBoxGenerator(aspect_ratios=[[2], [2, 3]], clip=True, scales=[0.2, ")
    with pytest.raises(ValueError, match="aspect_ratios and steps should have the same length, expected 2, got 1"):
        DefaultBoxGenerator([[2], [2]], steps=[8])


def test_transform_resizes_and_pads():
    transform = GeneralizedRCNNTransform((32, 64), 100, [0.5] * 3, [0.5] * 3).eval()
    target = {"boxes": facula.tensor([[10.0, 10.0, 20.0, 30.0]]), "masks": facula.ones(1, 40, 80, dtype=facula.uint8)}
    batch, (moved,) = transform([facula.rand(3, 40, 80)], [target])
    assert batch.image_sizes == [(50, 100)]  # the longer side decides
    assert batch.tensors.shape == (1, 3, 64, 128)
    assert moved["boxes"].tolist() == [[12.5, 12.5, 25.0, 37.5]]
    assert moved["masks"].shape == (1, 50, 100)
    assert target["boxes"].tolist() == [[10.0, 10.0, 20.0, 30.0]]  # the caller's stay as they are
    facula.manual_seed(0)
    sizes = {transform.train()([facula.rand(3, 40, 40)])[0].image_sizes[0] for _ in range(20)}
    assert sizes == {(32, 32), (64, 64)}
    with pytest.raises(ValueError, match=r"expected to be a list of 3d tensors .*, got \(1, 3, 40, 40\)"):
        transform([facula.rand(1, 3, 40, 40)])
    with pytest.raises(TypeError, match=r"expected input images to be of floating type .* found type .*uint8"):
        transform([facula.zeros(3, 40, 40, dtype=facula.uint8)])
    assert "Resize(min_size=(32, 64), max_size=100, mode='bilinear')" in repr(transform)


def test_masks_fill_their_boxes():
    boxes = facula.tensor([[2.0, 3.0, 9.0, 8.0], [-30.0, -30.0, -20.0, -20.0]])
    pasted = paste_masks_in_image(facula.ones(2, 1, 28, 28), boxes, (12, 14))
    assert pasted.shape == (2, 1, 12, 14)
    assert bool((pasted[0, 0, 4:8, 3:9] > 0.9).all())
    assert float(pasted[0].sum()) <= 9 * 7  # the box in whole pixels, with the mask's border
    assert float(pasted[1].sum()) == 0.0  # outside of the picture


def test_points_there_and_back():
    boxes = facula.tensor([[0.0, 0.0, 56.0, 28.0]])
    points = facula.tensor([[[14.0, 7.0, 2.0], [56.0, 28.0, 1.0], [70.0, 7.0, 2.0], [3.0, 3.0, 0.0]]])
    places, valid = keypoints_to_heatmap(points, boxes, 56)
    assert valid.tolist() == [[1, 1, 0, 0]]  # the third is outside, the fourth not visible
    assert places[0, :2].tolist() == [14 * 56 + 14, 56 * 56 - 1]
    maps = facula.zeros(1, 2, 56, 56)
    maps[0, 0, 14, 14] = maps[0, 1, 55, 55] = 1.0
    found, scores = heatmaps_to_keypoints(maps, boxes)
    assert facula.allclose(found[0, 0, :2], facula.tensor([14.5, 7.0]), atol=1.0)
    assert scores.shape == (1, 2)
    assert heatmaps_to_keypoints(maps[:0], boxes[:0])[0].shape == (0, 2, 3)


def test_backbones():
    backbone = resnet_fpn_backbone(backbone_name="resnet18", weights=None, trainable_layers=1, returned_layers=[2, 4])
    trained = {name.split(".")[1] for name, p in backbone.body.named_parameters(prefix="body") if p.requires_grad}
    assert trained == {"layer4"}
    assert [tuple(level.shape[1:]) for level in backbone(facula.zeros(1, 3, 64, 64)).values()] == [
        (256, 8, 8), (256, 2, 2), (256, 1, 1),
    ]  # fmt: skip
    for name in ("mobilenet_v2", "mobilenet_v3_small"):
        pyramid = mobilenet_backbone(backbone_name=name, weights=None, fpn=True)
        assert list(pyramid(facula.zeros(1, 3, 64, 64))) == ["0", "1", "pool"]
    alone = mobilenet_backbone(backbone_name="mobilenet_v3_small", weights=None, fpn=False, trainable_layers=0)
    assert alone.out_channels == alone(facula.zeros(1, 3, 64, 64)).shape[1] == 256
    assert not any(p.requires_grad for p in alone[0].parameters())
    with pytest.raises(ValueError, match=r"Trainable layers should be in the range \[0,5\], expected that, got 6"):
        resnet_fpn_backbone(backbone_name="resnet18", weights=None, trainable_layers=6)
    with pytest.raises(
        ValueError, match=r"Each returned layer should be in the range \[1,4\], expected that, got \[0\]"
    ):
        resnet_fpn_backbone(backbone_name="resnet18", weights=None, returned_layers=[0])
    with pytest.raises(
        ValueError, match=r"Each returned layer should be in the range \[0,5\], expected that, got \[9\]"
    ):
        mobilenet_backbone(backbone_name="mobilenet_v3_small", weights=None, fpn=True, returned_layers=[9])


def test_all_parts_are_trained_where_none_has_weights():
    with pytest.warns(UserWarning, match="falling back to trainable_backbone_layers=5"), facula.device("meta"):
        model = detection.fasterrcnn_resnet50_fpn(weights_backbone=None, trainable_backbone_layers=1)
    assert all(p.requires_grad for p in model.parameters())
    with pytest.warns(UserWarning, match="size of the model is already fixed"):
        detection.ssdlite320_mobilenet_v3_large(weights_backbone=None, size=(64, 64), num_classes=2)


def test_a_small_detector_trains_and_answers():
    model = small_detector()
    pictures = [facula.rand(3, 64, 64), facula.rand(3, 50, 60)]
    targets = [
        {"boxes": facula.tensor([[8.0, 8.0, 40.0, 40.0]]), "labels": facula.tensor([1])},
        {"boxes": facula.zeros(0, 4), "labels": facula.zeros(0, dtype=facula.int64)},
    ]
    losses = model(pictures, targets)
    assert set(losses) == {"loss_classifier", "loss_box_reg", "loss_objectness", "loss_rpn_box_reg"}
    sum(losses.values()).backward()
    assert all(p.grad is not None and bool(p.grad.isfinite().all()) for p in model.parameters())
    model.roi_heads.score_thresh = 0.0
    found = model.eval()(pictures)
    assert [set(row) for row in found] == [{"boxes", "labels", "scores"}] * 2
    assert 0 < len(found[1]["boxes"]) <= 100
    assert float(found[1]["boxes"][:, 2].max()) <= 60.0 + 1e-3
    assert set(found[0]["labels"].tolist()) <= {1, 2}


@pytest.mark.parametrize("kind", ["retinanet", "fcos", "ssd"])
def test_detectors_of_one_stage_train_without_objects(kind):
    facula.manual_seed(0)
    backbone, size = small_backbone(), {"min_size": 64, "max_size": 64}
    if kind == "ssd":
        model = detection.SSD(backbone, DefaultBoxGenerator([[2]]), (64, 64), 3)
    elif kind == "fcos":
        head = detection.FCOSHead(8, 1, 3, num_convs=0)
        model = detection.FCOS(backbone, 3, anchor_generator=AnchorGenerator(((8,),), ((1.0,),)), head=head, **size)
    else:
        model = detection.RetinaNet(backbone, 3, anchor_generator=AnchorGenerator(((16,),), ((1.0,),)), **size)
    pictures = [facula.rand(3, 64, 64)]
    empty = [{"boxes": facula.zeros(0, 4), "labels": facula.zeros(0, dtype=facula.int64)}]
    full = [{"boxes": facula.tensor([[8.0, 8.0, 40.0, 44.0]]), "labels": facula.tensor([2])}]
    for targets in (empty, full):
        losses = model(pictures, targets)
        assert all(math.isfinite(float(loss)) for loss in losses.values())
        sum(losses.values()).backward()
    found = model.eval()(pictures)
    assert set(found[0]) == {"boxes", "scores", "labels"}


def test_detectors_refuse():
    model, picture = small_detector(), facula.rand(3, 64, 64)
    box, label = facula.tensor([[8.0, 8.0, 40.0, 40.0]]), facula.tensor([1])
    with pytest.raises(AssertionError, match="targets should not be none when in training mode"):
        model([picture])
    with pytest.raises(AssertionError, match=r"Expected target boxes to be a tensor of shape \[N, 4\], got \(4,\)"):
        model([picture], [{"boxes": box[0], "labels": label}])
    with pytest.raises(
        AssertionError, match=r"All bounding boxes should have positive height and width, .* at index 0"
    ):
        model([picture], [{"boxes": facula.tensor([[8.0, 8.0, 8.0, 9.0]]), "labels": label}])
    with pytest.raises(TypeError, match="target labels must be of int64 type, expected that, got .*float32"):
        model([picture], [{"boxes": box, "labels": label.float()}])
    with pytest.raises(ValueError, match="keys boxes, labels, got none of the name labels"):
        model.roi_heads.check_targets([{"boxes": box}])
    with pytest.raises(ValueError, match="RoIHeads: targets should not be None"):
        model.roi_heads.check_targets(None)
    with pytest.raises(ValueError, match="RegionProposalNetwork: targets should not be None"):
        model.rpn(ImageList(picture[None], [(64, 64)]), {"0": facula.rand(1, 8, 8, 8)})
    with pytest.raises(AssertionError, match=r"expecting the last two dimensions to be \[1,1\], got \[2, 2\]"):
        detection.FastRCNNPredictor(4, 2)(facula.rand(1, 4, 2, 2))


def test_constructors_refuse():
    backbone = small_backbone()
    with pytest.raises(
        ValueError, match="backbone should contain an attribute out_channels, expected one, got a ResNet"
    ):
        detection.FasterRCNN(resnet18(num_classes=2), 2)
    with pytest.raises(ValueError, match="num_classes should be None when box_predictor is specified, .* got both"):
        detection.FasterRCNN(backbone, 2, box_predictor=nn.Identity())
    with pytest.raises(ValueError, match="the other way round, expected one of them, got neither"):
        detection.FasterRCNN(backbone)
    with pytest.raises(TypeError, match="rpn_anchor_generator should be of type AnchorGenerator or None"):
        detection.FasterRCNN(backbone, 2, rpn_anchor_generator=3)
    with pytest.raises(ValueError, match="num_classes should be None when mask_predictor is specified"):
        detection.MaskRCNN(backbone, 2, mask_predictor=nn.Identity())
    with pytest.raises(ValueError, match="num_keypoints should be None when keypoint_predictor is specified"):
        detection.KeypointRCNN(backbone, 2, keypoint_predictor=nn.Identity(), num_keypoints=3)
    for kind in (detection.RetinaNet, detection.FCOS):
        with pytest.raises(ValueError, match="backbone should contain an attribute out_channels"):
            kind(nn.Identity(), 2)
        with pytest.raises(TypeError, match="anchor_generator should be of type AnchorGenerator or None"):
            kind(backbone, 2, anchor_generator=3)
    with pytest.raises(AssertionError, match=r"num_anchors_per_location\(\)\[0\] needs to be 1, expected that, got 2"):
        detection.FCOS(backbone, 2, anchor_generator=AnchorGenerator(((8, 16),), ((1.0,),)))
    with pytest.raises(
        ValueError, match="do not match the length of the anchor generator aspect ratios, expected 2, got 1"
    ):
        detection.SSD(backbone, DefaultBoxGenerator([[2], [2]]), (64, 64), 2)
    with pytest.raises(NotImplementedError, match="expected a subclass with losses of its own"):
        detection.one_stage.OneStage().losses([], {}, [], [])
    with pytest.raises(NotImplementedError, match="expected a subclass with results of its own"):
        detection.one_stage.OneStage().results({}, [], [], [])
    block = nn.Module()
    block.use_res_connect = True
    with pytest.raises(AssertionError, match="use_res_connect should be False, expected that, got True for 0"):
        detection.ssdlite.SSDLiteFeatureExtractorMobileNet([block], 0, nn.BatchNorm2d)


def test_weights_of_older_forms_load():
    head, mask = detection.rpn.RPNHead(4, 2), detection.MaskRCNNHeads(4, [4, 4], 1)
    old = {name.replace("conv.0.0.", "conv."): value for name, value in head.state_dict().items()}
    assert "conv.weight" in old
    detection.rpn.RPNHead(4, 2).load_state_dict(old)
    old = {f"mask_fcn{int(name[0]) + 1}.{name[4:]}": value for name, value in mask.state_dict().items()}
    assert "mask_fcn1.weight" in old
    detection.MaskRCNNHeads(4, [4, 4], 1).load_state_dict(old)
    dense = detection.RetinaNetRegressionHead(4, 1)
    old = {}
    for name, value in dense.state_dict().items():
        parts = name.split(".")
        old[f"conv.{2 * int(parts[1])}.{parts[3]}" if parts[0] == "conv" else name] = value
    fresh = detection.RetinaNetRegressionHead(4, 1)
    fresh.load_state_dict(old)
    assert facula.equal(fresh.conv[3][0].weight, dense.conv[3][0].weight)


def test_boxes_of_no_proposals():
    model = small_detector(rpn_score_thresh=1.1).eval()
    found = model([facula.rand(3, 64, 64)])
    assert found[0]["boxes"].shape == (0, 4)
    assert found[0]["labels"].shape == found[0]["scores"].shape == (0,)


def test_masks_without_objects_train():
    facula.manual_seed(0)
    backbone = resnet_fpn_backbone(backbone_name="resnet18", weights=None)
    model = detection.MaskRCNN(backbone, 2, min_size=64, max_size=64, rpn_post_nms_top_n_train=20)
    nothing = {
        "boxes": facula.zeros(0, 4),
        "labels": facula.zeros(0, dtype=facula.int64),
        "masks": facula.zeros(0, 64, 64),
    }
    losses = model([facula.rand(3, 64, 64)], [nothing])
    assert float(losses["loss_mask"]) == 0.0
    sum(losses.values()).backward()
    assert all(bool(p.grad.isfinite().all()) for p in model.parameters() if p.grad is not None)


def test_published_weights_divide_exactly(monkeypatch):
    from facula_vision.models import presets

    monkeypatch.setattr(presets, "read_state_dict", lambda *_: {})
    monkeypatch.setattr(nn.Module, "load_state_dict", lambda *_: None)
    with facula.device("meta"):
        model = detection.maskrcnn_resnet50_fpn(weights="COCO_V1")
    assert {m.eps for m in model.modules() if isinstance(m, ops.FrozenBatchNorm2d)} == {0.0}
    with pytest.raises(ValueError, match="parameter 'num_classes' expected value 91 but got 5"):
        detection.maskrcnn_resnet50_fpn(weights="COCO_V1", num_classes=5)
