"""Backbones that give feature maps of several scales."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from typing import Any

import facula
from facula import Tensor, nn
from facula_vision.models import mobilenetv2, mobilenetv3, resnet
from facula_vision.models.feature_extraction import IntermediateLayerGetter
from facula_vision.ops import FeaturePyramidNetwork, FrozenBatchNorm2d
from facula_vision.ops.feature_pyramid_network import ExtraFPNBlock, LastLevelMaxPool

__all__ = ["BackboneWithFPN", "mobilenet_backbone", "resnet_fpn_backbone"]

Norm = Callable[..., nn.Module]


class BackboneWithFPN(nn.Module):
    """Layers of a model, and a pyramid over their outputs; one more level by pooling unless `extra_blocks` says else.

    `return_layers` maps names of the model's children to names in the result.
    Shape: (N, 3, H, W) -> {name: (N, out_channels, h, w)}.
    """

    def __init__(
        self,
        backbone: nn.Module,
        return_layers: dict[str, str],
        in_channels_list: list[int],
        out_channels: int,
        extra_blocks: ExtraFPNBlock | None = None,
        norm_layer: Norm | None = None,
    ) -> None:
        super().__init__()
        extra_blocks = LastLevelMaxPool() if extra_blocks is None else extra_blocks
        self.body = IntermediateLayerGetter(backbone, return_layers)
        self.fpn = FeaturePyramidNetwork(in_channels_list, out_channels, extra_blocks, norm_layer)
        self.out_channels = out_channels

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return self.fpn(self.body(x))


def _checked_depth(name: str, count: int, most: int) -> None:
    if not 0 <= count <= most:
        raise ValueError(
            f"{name}: Trainable layers should be in the range [0,{most}], expected that, got {count}. Choose one of them."
        )


def resnet_fpn_backbone(
    *,
    backbone_name: str,
    weights: Any,
    norm_layer: Norm = FrozenBatchNorm2d,
    trainable_layers: int = 3,
    returned_layers: list[int] | None = None,
    extra_blocks: ExtraFPNBlock | None = None,
) -> BackboneWithFPN:
    """A residual network with a pyramid of 256 channels over its stages `returned_layers` (1 to 4, all by default).

    `trainable_layers` of its five parts, counted from the last, are trained. ValueError for other numbers.

    >>> import facula
    >>> from facula_vision.models.detection.backbone_utils import resnet_fpn_backbone
    >>> backbone = resnet_fpn_backbone(backbone_name="resnet18", weights=None)
    >>> {name: tuple(level.shape[1:]) for name, level in backbone(facula.zeros(1, 3, 64, 64)).items()}
    {'0': (256, 16, 16), '1': (256, 8, 8), '2': (256, 4, 4), '3': (256, 2, 2), 'pool': (256, 1, 1)}
    """
    backbone = getattr(resnet, backbone_name)(weights=weights, norm_layer=norm_layer)
    return resnet_extractor(backbone, trainable_layers, returned_layers, extra_blocks)


def resnet_extractor(
    backbone: resnet.ResNet,
    trainable_layers: int,
    returned_layers: list[int] | None = None,
    extra_blocks: ExtraFPNBlock | None = None,
    norm_layer: Norm | None = None,
) -> BackboneWithFPN:
    """A pyramid over a residual network, of which some parts are frozen."""
    _checked_depth("resnet_fpn_backbone", trainable_layers, 5)
    trained = ["layer4", "layer3", "layer2", "layer1", "conv1"][:trainable_layers]
    if trainable_layers == 5:
        trained.append("bn1")
    for name, parameter in backbone.named_parameters():
        if not name.startswith(tuple(trained)):
            parameter.requires_grad_(False)
    returned_layers = [1, 2, 3, 4] if returned_layers is None else returned_layers
    if min(returned_layers) <= 0 or max(returned_layers) >= 5:
        raise ValueError(
            f"resnet_fpn_backbone: Each returned layer should be in the range [1,4], expected that, got {returned_layers}. "
            "Choose among them."
        )
    names = {f"layer{k}": str(v) for v, k in enumerate(returned_layers)}
    channels = [backbone.inplanes // 8 * 2 ** (k - 1) for k in returned_layers]
    return BackboneWithFPN(backbone, names, channels, 256, extra_blocks, norm_layer)


def mobilenet_backbone(
    *,
    backbone_name: str,
    weights: Any,
    fpn: bool,
    norm_layer: Norm = FrozenBatchNorm2d,
    trainable_layers: int = 2,
    returned_layers: list[int] | None = None,
    extra_blocks: ExtraFPNBlock | None = None,
) -> nn.Module:
    """A MobileNet (v2 or v3) with a pyramid of 256 channels over two of its stages, or alone with 256 channels.

    `trainable_layers` of its stages, counted from the last, are trained. ValueError for other numbers.
    """
    family = mobilenetv2 if backbone_name.startswith("mobilenet_v2") else mobilenetv3
    backbone = getattr(family, backbone_name)(weights=weights, norm_layer=norm_layer)
    return mobilenet_extractor(backbone, fpn, trainable_layers, returned_layers, extra_blocks)


def stage_starts(features: Iterable[nn.Module]) -> list[int]:
    """Where the stages of a MobileNet begin: the stem, the blocks with a stride, and the last layer."""
    layers = list(features)
    strided = [k for k, block in enumerate(layers) if getattr(block, "_is_cn", False)]
    return [0, *strided, len(layers) - 1]


def mobilenet_extractor(
    backbone: nn.Module,
    fpn: bool,
    trainable_layers: int,
    returned_layers: list[int] | None = None,
    extra_blocks: ExtraFPNBlock | None = None,
    norm_layer: Norm | None = None,
) -> nn.Module:
    """A pyramid over a MobileNet, of which some stages are frozen."""
    features = backbone.features
    starts = stage_starts(features)
    _checked_depth("mobilenet_backbone", trainable_layers, len(starts))
    frozen = len(features) if trainable_layers == 0 else starts[len(starts) - trainable_layers]
    for block in features[:frozen]:
        for parameter in block.parameters():
            parameter.requires_grad_(False)
    if not fpn:
        last = nn.Conv2d(features[-1].out_channels, 256, 1)
        alone = nn.Sequential(features, last)
        alone.out_channels = 256
        return alone
    returned = [len(starts) - 2, len(starts) - 1] if returned_layers is None else returned_layers
    if min(returned) < 0 or max(returned) >= len(starts):
        raise ValueError(
            f"mobilenet_backbone: Each returned layer should be in the range [0,{len(starts) - 1}], expected that, got "
            f"{returned}. Choose among them."
        )
    names = {str(starts[k]): str(v) for v, k in enumerate(returned)}
    channels = [features[starts[k]].out_channels for k in returned]
    return BackboneWithFPN(features, names, channels, 256, extra_blocks, norm_layer)


def trained_layers(is_trained: bool, wanted: int | None, most: int, default: int) -> int:
    """How many parts of a backbone are trained: all of one that starts at random, with a warning if told otherwise."""
    if not is_trained:
        if wanted is not None:
            warnings.warn(
                "Changing trainable_backbone_layers has no effect if neither pretrained nor pretrained_backbone have been set "
                f"to True, falling back to trainable_backbone_layers={most} so that all layers are trainable",
                stacklevel=3,
            )
        return most
    count = default if wanted is None else wanted
    _checked_depth("trainable_backbone_layers", count, most)
    return count


def channels_of(backbone: nn.Module, size: tuple[int, int]) -> list[int]:
    """The channels of each map that a backbone gives for pictures (width, height), found by running it."""
    before = backbone.training
    backbone.eval()
    with facula.no_grad():
        example = next(backbone.parameters())
        found = backbone(example.new_zeros((1, 3, size[1], size[0])))
    backbone.train(before)
    levels = [found] if isinstance(found, Tensor) else list(found.values())
    return [level.shape[1] for level in levels]
