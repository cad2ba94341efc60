"""Losses and detections beside torchvision's with the same weights, where torchvision is installed.

All anchors and proposals are drawn, so that no random numbers decide; statistics and scales are such that scores differ.
Both run in float64: a deep network of random weights makes much of the last places of float32.
"""

import numpy as np
import pytest

import facula
from facula_vision.models import detection

torch = pytest.importorskip("torch")
torchvision = pytest.importorskip("torchvision")

ALL = 100_000
TWO_STAGES = {
    "rpn_batch_size_per_image": ALL,
    "box_batch_size_per_image": ALL,
    "rpn_post_nms_top_n_train": 60,
    "rpn_post_nms_top_n_test": 40,
    "box_nms_thresh": 0.8,
    "min_size": 96,
    "max_size": 160,
}
EVERYTHING = {"nms_thresh": 1.0, "topk_candidates": ALL, "detections_per_img": ALL}  # SSD's scores are often equal
ONE_STAGE = {"min_size": 96, "max_size": 160}
OPTIONS = {
    "fasterrcnn_mobilenet_v3_large_320_fpn": TWO_STAGES,
    "fasterrcnn_mobilenet_v3_large_fpn": TWO_STAGES,
    "fasterrcnn_resnet50_fpn": TWO_STAGES,
    "fasterrcnn_resnet50_fpn_v2": TWO_STAGES,
    "maskrcnn_resnet50_fpn": TWO_STAGES,
    "maskrcnn_resnet50_fpn_v2": TWO_STAGES,
    "keypointrcnn_resnet50_fpn": {**TWO_STAGES, "num_keypoints": 3},
    "retinanet_resnet50_fpn": {**ONE_STAGE, "score_thresh": 0.4},
    "retinanet_resnet50_fpn_v2": {**ONE_STAGE, "score_thresh": 0.4},
    "fcos_resnet50_fpn": {**ONE_STAGE, "score_thresh": 0.4},
    "ssd300_vgg16": {"score_thresh": 0.6},
    "ssdlite320_mobilenet_v3_large": {"score_thresh": 0.2522, **EVERYTHING},
}


def randomise(source):
    """Statistics that a mistake in order would show in, and heads whose answers differ from place to place."""
    generator = torch.Generator().manual_seed(1)
    for key, value in source.state_dict().items():
        if key.endswith("running_mean"):
            value.normal_(0.0, 0.1, generator=generator)
        elif key.endswith("running_var"):
            value.uniform_(0.5, 1.5, generator=generator)
        elif key.endswith("weight") and any(
            f".{part}." in key for part in ("cls_logits", "cls_score", "bbox_pred", "bbox_reg", "bbox_ctrness")
        ):
            value.normal_(0.0, 0.05, generator=generator)
        elif "module_list" in key and value.dim() == 4:
            value.normal_(0.0, 0.005 if value.shape[2] > 1 else 0.05, generator=generator)
        elif key.endswith("cls_logits.bias"):
            value.zero_()


def scene(name):
    """Two pictures of different sizes, and what is said to be in them."""
    rng = np.random.default_rng(0)
    pictures = [rng.random((3, 90, 120)), rng.random((3, 130, 100))]
    targets = []
    for boxes in ([[10, 10, 60, 70], [50, 20, 110, 85], [3, 40, 30, 88]], [[20, 30, 80, 120]]):
        count = len(boxes)
        target = {"boxes": np.array(boxes, float), "labels": rng.integers(1, 3, count)}
        if name.startswith("mask"):
            masks = np.zeros((count, *pictures[len(targets)].shape[1:]), np.uint8)
            for mask, (x1, y1, x2, y2) in zip(masks, boxes, strict=True):
                mask[y1 + 3 : y2 - 5, x1 + 2 : x2] = 1
            target["masks"] = masks
        if name.startswith("keypoint"):
            target["labels"][:] = 1
            places = (
                rng.random((count, 3, 2)) * (target["boxes"][:, None, 2:] - target["boxes"][:, None, :2])
                + target["boxes"][:, None, :2]
            )
            target["keypoints"] = np.concatenate([places, rng.integers(0, 3, (count, 3, 1))], 2).astype(np.float32)
        targets.append(target)
    return pictures, targets


@pytest.fixture(scope="module", params=OPTIONS)
def pair(request):
    """(name, torchvision's detector, ours with its weights)."""
    name, options = request.param, OPTIONS[request.param]
    classes = 2 if name.startswith("keypoint") else 4
    torch.manual_seed(0)
    source = torchvision.models.get_model(name, weights_backbone=None, num_classes=classes, **options).double()
    randomise(source)
    model = getattr(detection, name)(weights_backbone=None, num_classes=classes, **options).double()
    model.load_state_dict({key: facula.tensor(value.numpy()) for key, value in source.state_dict().items()})
    return name, source, model


def as_tensors(library, pictures, targets):
    made = [{key: library.tensor(value) for key, value in target.items()} for target in targets]
    return [library.tensor(picture) for picture in pictures], made


def in_order(rows):
    """Results by label, score and box, since equal scores come in any order."""
    keys = np.concatenate([rows["boxes"], rows["scores"][:, None], rows["labels"][:, None]], axis=1).round(4)
    order = np.lexsort(keys.T)
    return {key: value[order] for key, value in rows.items()}


def test_detections(pair):
    name, source, model = pair
    pictures, _ = scene(name)
    with torch.no_grad(), facula.no_grad():
        expected = source.eval()(as_tensors(torch, pictures, [])[0])
        found = model.eval()(as_tensors(facula, pictures, [])[0])
    assert sum(len(row["boxes"]) for row in expected) >= 3
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.keys() == theirs.keys()
        ours, theirs = (in_order({key: value.numpy() for key, value in rows.items()}) for rows in (ours, theirs))
        for key, value in theirs.items():
            assert ours[key].shape == value.shape, key
            np.testing.assert_allclose(ours[key], value, rtol=1e-5, atol=1e-5, err_msg=key)


def test_losses_and_gradients(pair):
    name, source, model = pair
    pictures, targets = scene(name)
    parts = []
    for library, detector in ((torch, source), (facula, model)):
        detector.train()
        for module in detector.modules():  # small batches of small pictures: statistics would multiply rounding errors
            if type(module).__name__ == "BatchNorm2d":
                module.eval()
        losses = detector(*as_tensors(library, pictures, targets))
        sum(losses.values()).backward()
        parts.append({key: loss.item() for key, loss in losses.items()})
    theirs, ours = parts
    assert ours.keys() == theirs.keys()
    for key, value in theirs.items():
        assert ours[key] == pytest.approx(value, rel=1e-6, abs=1e-9), key
    expected = dict(source.named_parameters())
    for key, parameter in model.named_parameters():
        slope = expected[key].grad
        assert (parameter.grad is None) == (slope is None), key
        if slope is not None:
            scale = max(float(slope.abs().max()), 1e-6)
            np.testing.assert_allclose(parameter.grad.numpy() / scale, slope.numpy() / scale, atol=1e-5, err_msg=key)
