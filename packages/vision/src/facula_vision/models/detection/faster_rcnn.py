"""Faster R-CNN: boxes and classes in two stages.

Sources: S. Ren et al., "Faster R-CNN", https://arxiv.org/abs/1506.01497; the second version's heads: Y. Li et al.,
"Benchmarking Detection Transfer Learning with Vision Transformers", https://arxiv.org/abs/2111.11429.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import facula.nn.functional as F
from facula import Tensor, nn
from facula_vision import ops
from facula_vision.models.detection.anchor_utils import AnchorGenerator
from facula_vision.models.detection.backbone_utils import mobilenet_extractor, resnet_extractor, trained_layers
from facula_vision.models.detection.generalized_rcnn import GeneralizedRCNN
from facula_vision.models.detection.presets import Start, detector
from facula_vision.models.detection.roi_heads import RoIHeads
from facula_vision.models.detection.rpn import RegionProposalNetwork, RPNHead
from facula_vision.models.detection.transform import GeneralizedRCNNTransform
from facula_vision.models.mobilenetv3 import MobileNet_V3_Large_Weights, mobilenet_v3_large
from facula_vision.models.resnet import ResNet50_Weights, resnet50
from facula_vision.models.weights import published

__all__ = [
    "FastRCNNConvFCHead",
    "FastRCNNPredictor",
    "FasterRCNN",
    "FasterRCNN_MobileNet_V3_Large_320_FPN_Weights",
    "FasterRCNN_MobileNet_V3_Large_FPN_Weights",
    "FasterRCNN_ResNet50_FPN_V2_Weights",
    "FasterRCNN_ResNet50_FPN_Weights",
    "TwoMLPHead",
    "fasterrcnn_mobilenet_v3_large_320_fpn",
    "fasterrcnn_mobilenet_v3_large_fpn",
    "fasterrcnn_resnet50_fpn",
    "fasterrcnn_resnet50_fpn_v2",
]


def pyramid_anchors() -> AnchorGenerator:
    """One size for each of five levels, in three shapes."""
    return AnchorGenerator(tuple((size,) for size in (32, 64, 128, 256, 512)), ((0.5, 1.0, 2.0),) * 5)


class TwoMLPHead(nn.Module):
    """Two linear layers.   Shape: (K, C, H, W) -> (K, representation_size), in_channels = C H W."""

    def __init__(self, in_channels: int, representation_size: int) -> None:
        super().__init__()
        self.fc6 = nn.Linear(in_channels, representation_size)
        self.fc7 = nn.Linear(representation_size, representation_size)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.fc7(F.relu(self.fc6(x.flatten(1)))))


class FastRCNNConvFCHead(nn.Sequential):
    """3x3 convolutions of `conv_layers` channels, then linear layers of `fc_layers`.

    Shape: (K, *input_size) -> (K, fc_layers[-1]).
    """

    def __init__(
        self,
        input_size: tuple[int, int, int],
        conv_layers: list[int],
        fc_layers: list[int],
        norm_layer: Callable[..., nn.Module] | None = None,
    ) -> None:
        channels, height, width = input_size
        blocks: list[nn.Module] = []
        for outputs in conv_layers:
            blocks.append(ops.Conv2dNormActivation(channels, outputs, norm_layer=norm_layer))
            channels = outputs
        blocks.append(nn.Flatten())
        channels *= height * width
        for outputs in fc_layers:
            blocks += [nn.Linear(channels, outputs), nn.ReLU()]
            channels = outputs
        super().__init__(*blocks)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)


class FastRCNNPredictor(nn.Module):
    """A logit and a box for each class.   Shape: (K, in_channels) -> (K, num_classes), (K, 4 num_classes)."""

    def __init__(self, in_channels: int, num_classes: int) -> None:
        super().__init__()
        self.cls_score = nn.Linear(in_channels, num_classes)
        self.bbox_pred = nn.Linear(in_channels, num_classes * 4)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        if x.dim() == 4 and tuple(x.shape[2:]) != (1, 1):
            raise AssertionError(
                f"FastRCNNPredictor: x has the wrong shape, expecting the last two dimensions to be [1,1], got "
                f"{list(x.shape[2:])}. Pool them."
            )
        x = x.flatten(1)
        return self.cls_score(x), self.bbox_pred(x)


class FasterRCNN(GeneralizedRCNN):
    """Any backbone with `out_channels` as a detector of boxes; class 0 is the background.

    Either `num_classes` or a `box_predictor` is given. ValueError and TypeError for what does not fit.
    Shape: [(3, H, W) in 0..1, ...] -> [{"boxes": (L, 4), "labels": (L,), "scores": (L,)}, ...] in evaluation; with
    targets [{"boxes", "labels"}, ...] four losses while training.

    >>> import facula
    >>> from facula_vision.models.detection import AnchorGenerator, FasterRCNN
    >>> from facula_vision.ops import MultiScaleRoIAlign
    >>> backbone = facula.nn.Conv2d(3, 8, 4, stride=4)  # it says out_channels; its map is called "0"
    >>> anchors, pool = AnchorGenerator(((16,),), ((1.0,),)), MultiScaleRoIAlign(["0"], 7, 2)
    >>> model = FasterRCNN(backbone, num_classes=2, rpn_anchor_generator=anchors, box_roi_pool=pool, min_size=64)
    >>> sorted(model.eval()([facula.rand(3, 64, 64)])[0])
    ['boxes', 'labels', 'scores']
    """

    def __init__(
        self,
        backbone: nn.Module,
        num_classes: int | None = None,
        min_size: int | Sequence[int] = 800,
        max_size: int = 1333,
        image_mean: Sequence[float] | None = None,
        image_std: Sequence[float] | None = None,
        rpn_anchor_generator: AnchorGenerator | None = None,
        rpn_head: nn.Module | None = None,
        rpn_pre_nms_top_n_train: int = 2000,
        rpn_pre_nms_top_n_test: int = 1000,
        rpn_post_nms_top_n_train: int = 2000,
        rpn_post_nms_top_n_test: int = 1000,
        rpn_nms_thresh: float = 0.7,
        rpn_fg_iou_thresh: float = 0.7,
        rpn_bg_iou_thresh: float = 0.3,
        rpn_batch_size_per_image: int = 256,
        rpn_positive_fraction: float = 0.5,
        rpn_score_thresh: float = 0.0,
        box_roi_pool: nn.Module | None = None,
        box_head: nn.Module | None = None,
        box_predictor: nn.Module | None = None,
        box_score_thresh: float = 0.05,
        box_nms_thresh: float = 0.5,
        box_detections_per_img: int = 100,
        box_fg_iou_thresh: float = 0.5,
        box_bg_iou_thresh: float = 0.5,
        box_batch_size_per_image: int = 512,
        box_positive_fraction: float = 0.25,
        bbox_reg_weights: tuple[float, float, float, float] | None = None,
        **kwargs: Any,
    ) -> None:
        channels = checked_backbone("FasterRCNN", backbone, num_classes, box_predictor, "box_predictor")
        if not isinstance(rpn_anchor_generator, (AnchorGenerator, type(None))):
            raise TypeError(
                "FasterRCNN: rpn_anchor_generator should be of type AnchorGenerator or None, expected that, got "
                f"{type(rpn_anchor_generator)}. Make one of sizes and aspect_ratios."
            )
        anchors = pyramid_anchors() if rpn_anchor_generator is None else rpn_anchor_generator
        head = RPNHead(channels, anchors.num_anchors_per_location()[0]) if rpn_head is None else rpn_head
        rpn = RegionProposalNetwork(
            anchors,
            head,
            rpn_fg_iou_thresh,
            rpn_bg_iou_thresh,
            rpn_batch_size_per_image,
            rpn_positive_fraction,
            {"training": rpn_pre_nms_top_n_train, "testing": rpn_pre_nms_top_n_test},
            {"training": rpn_post_nms_top_n_train, "testing": rpn_post_nms_top_n_test},
            rpn_nms_thresh,
            rpn_score_thresh,
        )
        if box_roi_pool is None:
            box_roi_pool = ops.MultiScaleRoIAlign(featmap_names=["0", "1", "2", "3"], output_size=7, sampling_ratio=2)
        if box_head is None:
            box_head = TwoMLPHead(channels * box_roi_pool.output_size[0] ** 2, 1024)
        if box_predictor is None:
            box_predictor = FastRCNNPredictor(1024, num_classes or 0)
        roi_heads = RoIHeads(
            box_roi_pool,
            box_head,
            box_predictor,
            box_fg_iou_thresh,
            box_bg_iou_thresh,
            box_batch_size_per_image,
            box_positive_fraction,
            bbox_reg_weights,
            box_score_thresh,
            box_nms_thresh,
            box_detections_per_img,
        )
        mean = [0.485, 0.456, 0.406] if image_mean is None else image_mean
        std = [0.229, 0.224, 0.225] if image_std is None else image_std
        super().__init__(backbone, rpn, roi_heads, GeneralizedRCNNTransform(min_size, max_size, mean, std, **kwargs))


def checked_backbone(name: str, backbone: nn.Module, num_classes: int | None, predictor: Any, what: str) -> int:
    """The channels of a backbone; ValueError unless there are some, and either classes or a predictor are given."""
    if not hasattr(backbone, "out_channels"):
        raise ValueError(
            f"{name}: backbone should contain an attribute out_channels, expected one, got a {type(backbone).__name__} "
            "without. Set backbone.out_channels to the channels of its maps."
        )
    if (num_classes is None) == (predictor is None):
        raise ValueError(
            f"{name}: num_classes should be None when {what} is specified, and the other way round, expected one of them, got "
            f"{'neither' if predictor is None else 'both'}. Give one."
        )
    return int(backbone.out_channels)


FasterRCNN_ResNet50_FPN_Weights = published("FasterRCNN_ResNet50_FPN_Weights")


@detector(FasterRCNN_ResNet50_FPN_Weights, ResNet50_Weights.IMAGENET1K_V1, exact=True)
def fasterrcnn_resnet50_fpn(start: Start, **kwargs: Any) -> FasterRCNN:
    """Faster R-CNN with a ResNet-50 and a pyramid (41,808,406 parameters; 41,755,286 with weights)."""
    return FasterRCNN(resnet_pyramid(start), num_classes=start.num_classes, **kwargs)


def resnet_pyramid(start: Start, **options: Any) -> nn.Module:
    """A ResNet-50 with a pyramid, three of whose five parts are trained if it has weights."""
    depth = trained_layers(start.trained, start.trainable_layers, 5, 3)
    backbone = resnet50(weights=start.weights_backbone, norm_layer=start.norm_layer)
    return resnet_extractor(backbone, depth, **options)


def trained_pyramid(start: Start, **options: Any) -> nn.Module:
    """The same with statistics that are trained on."""
    depth = trained_layers(start.trained, start.trainable_layers, 5, 3)
    backbone = resnet50(weights=start.weights_backbone, norm_layer=nn.BatchNorm2d)
    return resnet_extractor(backbone, depth, **options)


def second_version(out_channels: int) -> dict[str, Any]:
    """The parts of the second version: a deeper head for proposals, and convolutions in the head for boxes."""
    anchors = pyramid_anchors()
    return {
        "rpn_anchor_generator": anchors,
        "rpn_head": RPNHead(out_channels, anchors.num_anchors_per_location()[0], conv_depth=2),
        "box_head": FastRCNNConvFCHead((out_channels, 7, 7), [256] * 4, [1024], norm_layer=nn.BatchNorm2d),
    }


FasterRCNN_ResNet50_FPN_V2_Weights = published("FasterRCNN_ResNet50_FPN_V2_Weights")


@detector(FasterRCNN_ResNet50_FPN_V2_Weights, None)
def fasterrcnn_resnet50_fpn_v2(start: Start, **kwargs: Any) -> FasterRCNN:
    """Faster R-CNN with a ResNet-50, a pyramid and deeper heads (43,712,278 parameters)."""
    backbone = trained_pyramid(start, norm_layer=nn.BatchNorm2d)
    return FasterRCNN(backbone, num_classes=start.num_classes, **{**second_version(256), **kwargs})


def _mobilenet(start: Start, **kwargs: Any) -> FasterRCNN:
    depth = trained_layers(start.trained, start.trainable_layers, 6, 3)
    backbone = mobilenet_v3_large(weights=start.weights_backbone, norm_layer=start.norm_layer)
    anchors = AnchorGenerator(((32, 64, 128, 256, 512),) * 3, ((0.5, 1.0, 2.0),) * 3)
    pyramid = mobilenet_extractor(backbone, True, depth)
    return FasterRCNN(pyramid, num_classes=start.num_classes, rpn_anchor_generator=anchors, **kwargs)


FasterRCNN_MobileNet_V3_Large_FPN_Weights = published("FasterRCNN_MobileNet_V3_Large_FPN_Weights")


@detector(FasterRCNN_MobileNet_V3_Large_FPN_Weights, MobileNet_V3_Large_Weights.IMAGENET1K_V1)
def fasterrcnn_mobilenet_v3_large_fpn(start: Start, **kwargs: Any) -> FasterRCNN:
    """Faster R-CNN with a MobileNet v3 and a pyramid (19,410,754 parameters; 19,386,354 with weights)."""
    return _mobilenet(start, **{"rpn_score_thresh": 0.05, **kwargs})


FasterRCNN_MobileNet_V3_Large_320_FPN_Weights = published("FasterRCNN_MobileNet_V3_Large_320_FPN_Weights")


@detector(FasterRCNN_MobileNet_V3_Large_320_FPN_Weights, MobileNet_V3_Large_Weights.IMAGENET1K_V1)
def fasterrcnn_mobilenet_v3_large_320_fpn(start: Start, **kwargs: Any) -> FasterRCNN:
    """The same for pictures of 320 pixels and few proposals (19,410,754 parameters; 19,386,354 with weights)."""
    small = {
        "min_size": 320,
        "max_size": 640,
        "rpn_pre_nms_top_n_test": 150,
        "rpn_post_nms_top_n_test": 150,
        "rpn_score_thresh": 0.05,
    }
    return _mobilenet(start, **{**small, **kwargs})
