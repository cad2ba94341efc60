"""SSDlite: SSD with separable convolutions, for small machines.

Sources: M. Sandler et al., "MobileNetV2", https://arxiv.org/abs/1801.04381; A. Howard et al., "Searching for MobileNetV3",
https://arxiv.org/abs/1905.02244.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

from facula import Tensor, nn
from facula_vision import ops
from facula_vision.models.detection.anchor_utils import DefaultBoxGenerator
from facula_vision.models.detection.backbone_utils import channels_of, stage_starts, trained_layers
from facula_vision.models.detection.presets import Start, detector
from facula_vision.models.detection.ssd import SSD, ScoringHead, without_size
from facula_vision.models.mobilenetv3 import MobileNet_V3_Large_Weights, mobilenet_v3_large
from facula_vision.models.weights import published

__all__ = [
    "SSDLite320_MobileNet_V3_Large_Weights",
    "SSDLiteClassificationHead",
    "SSDLiteFeatureExtractorMobileNet",
    "SSDLiteHead",
    "SSDLiteRegressionHead",
    "ssdlite320_mobilenet_v3_large",
]

Norm = Callable[..., nn.Module]


def _near_zero(module: nn.Module) -> None:
    """Normal weights of deviation 0.03, no biases."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.normal_(layer.weight, mean=0.0, std=0.03)
            if layer.bias is not None:
                nn.init.constant_(layer.bias, 0.0)


def _separable(inputs: int, outputs: int, norm_layer: Norm) -> nn.Sequential:
    """A 3x3 convolution of each channel alone, then one of all channels."""
    alone = ops.Conv2dNormActivation(
        inputs, inputs, kernel_size=3, groups=inputs, norm_layer=norm_layer, activation_layer=nn.ReLU6
    )
    return nn.Sequential(alone, nn.Conv2d(inputs, outputs, 1))


def _halving(inputs: int, outputs: int, norm_layer: Norm) -> nn.Sequential:
    """Half the channels, half the size, then all channels."""
    make, hidden = partial(ops.Conv2dNormActivation, norm_layer=norm_layer, activation_layer=nn.ReLU6), outputs // 2
    middle = make(hidden, hidden, kernel_size=3, stride=2, groups=hidden)
    return nn.Sequential(make(inputs, hidden, kernel_size=1), middle, make(hidden, outputs, kernel_size=1))


class SSDLiteClassificationHead(ScoringHead):
    """A logit for each class of each anchor.   Shape: [(N, C, H, W), ...] -> (N, all anchors, num_classes)."""

    def __init__(self, in_channels: list[int], num_anchors: list[int], num_classes: int, norm_layer: Norm) -> None:
        pairs = zip(in_channels, num_anchors, strict=True)
        layers = nn.ModuleList(_separable(c, num_classes * a, norm_layer) for c, a in pairs)
        _near_zero(layers)
        super().__init__(layers, num_classes)


class SSDLiteRegressionHead(ScoringHead):
    """Four numbers for the box of each anchor.   Shape: [(N, C, H, W), ...] -> (N, all anchors, 4)."""

    def __init__(self, in_channels: list[int], num_anchors: list[int], norm_layer: Norm) -> None:
        pairs = zip(in_channels, num_anchors, strict=True)
        layers = nn.ModuleList(_separable(c, 4 * a, norm_layer) for c, a in pairs)
        _near_zero(layers)
        super().__init__(layers, 4)


class SSDLiteHead(nn.Module):
    """Both heads.   Shape: [(N, C, H, W), ...] -> {"bbox_regression", "cls_logits"}."""

    def __init__(self, in_channels: list[int], num_anchors: list[int], num_classes: int, norm_layer: Norm) -> None:
        super().__init__()
        self.classification_head = SSDLiteClassificationHead(in_channels, num_anchors, num_classes, norm_layer)
        self.regression_head = SSDLiteRegressionHead(in_channels, num_anchors, norm_layer)

    def forward(self, x: list[Tensor]) -> dict[str, Tensor]:
        return {"bbox_regression": self.regression_head(x), "cls_logits": self.classification_head(x)}


class SSDLiteFeatureExtractorMobileNet(nn.Module):
    """A MobileNet cut inside the block `c4_pos`, whose widest layer gives the first map, and blocks that halve the map.

    Shape: (N, 3, H, W) -> six maps, from 1/16 of the picture on.
    """

    def __init__(
        self, backbone: nn.Sequential, c4_pos: int, norm_layer: Norm, width_mult: float = 1.0, min_depth: int = 16
    ) -> None:
        super().__init__()
        if backbone[c4_pos].use_res_connect:
            raise AssertionError(
                f"SSDLiteFeatureExtractorMobileNet: backbone[c4_pos].use_res_connect should be False, expected that, got True "
                f"for {c4_pos}. Choose a block with a stride."
            )
        block = backbone[c4_pos].block
        first = nn.Sequential(*backbone[:c4_pos], block[0])
        second = nn.Sequential(block[1:], *backbone[c4_pos + 1 :])
        self.features = nn.Sequential(first, second)
        widths = [backbone[-1].out_channels, *(max(min_depth, int(n * width_mult)) for n in (512, 256, 256, 128))]
        self.extra = nn.ModuleList(_halving(inputs, outputs, norm_layer) for inputs, outputs in pairwise(widths))
        _near_zero(self.extra)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        found = []
        for block in (*self.features, *self.extra):
            x = block(x)
            found.append(x)
        return OrderedDict((str(k), level) for k, level in enumerate(found))


SSDLite320_MobileNet_V3_Large_Weights = published("SSDLite320_MobileNet_V3_Large_Weights")


@detector(SSDLite320_MobileNet_V3_Large_Weights, MobileNet_V3_Large_Weights.IMAGENET1K_V1)
def ssdlite320_mobilenet_v3_large(start: Start, norm_layer: Norm | None = None, **kwargs: Any) -> SSD:
    """SSDlite for pictures of 320 pixels with a MobileNet v3, its last layers halved (3,440,060 parameters)."""
    depth = trained_layers(start.trained, start.trainable_layers, 6, 6)
    norm = partial(nn.BatchNorm2d, eps=0.001, momentum=0.03) if norm_layer is None else norm_layer
    alone = start.weights_backbone is None  # the weights of the whole have half as many channels at the end
    features = mobilenet_v3_large(weights=start.weights_backbone, norm_layer=norm, reduced_tail=alone).features
    if alone:
        _near_zero(features)
    starts = stage_starts(features)
    for layer in features[: starts[len(starts) - depth] if depth else len(features)]:
        for parameter in layer.parameters():
            parameter.requires_grad_(False)
    backbone = SSDLiteFeatureExtractorMobileNet(features, starts[-2], norm)
    size = 320, 320
    anchors = DefaultBoxGenerator([[2, 3] for _ in range(6)], min_ratio=0.2, max_ratio=0.95)
    head = SSDLiteHead(channels_of(backbone, size), anchors.num_anchors_per_location(), start.num_classes, norm)
    own = {
        "score_thresh": 0.001,
        "nms_thresh": 0.55,
        "detections_per_img": 300,
        "topk_candidates": 300,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
        "head": head,
    }
    return SSD(backbone, anchors, size, start.num_classes, **{**own, **without_size(kwargs)})
