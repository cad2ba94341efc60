"""ShuffleNet, second version.

Source: N. Ma et al., "ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture Design",
https://arxiv.org/abs/1807.11164.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import facula
from facula import Tensor, nn
from facula_vision.models.presets import preset
from facula_vision.models.weights import published

__all__ = [
    "ShuffleNetV2",
    "ShuffleNet_V2_X0_5_Weights",
    "ShuffleNet_V2_X1_0_Weights",
    "ShuffleNet_V2_X1_5_Weights",
    "ShuffleNet_V2_X2_0_Weights",
    "shufflenet_v2_x0_5",
    "shufflenet_v2_x1_0",
    "shufflenet_v2_x1_5",
    "shufflenet_v2_x2_0",
]


def _pointwise(inputs: int, outputs: int) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, kernel_size=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]


def _depthwise(channels: int, stride: int) -> list[nn.Module]:
    conv = nn.Conv2d(channels, channels, kernel_size=3, stride=stride, padding=1, groups=channels, bias=False)
    return [conv, nn.BatchNorm2d(channels)]


class InvertedResidual(nn.Module):
    """One half of the channels goes through convolutions, the other stays; then both are shuffled together.

    At stride 2 both halves are made of all channels. Shape: (N, inp, H, W) -> (N, oup, H / stride, W / stride).
    """

    def __init__(self, inp: int, oup: int, stride: int) -> None:
        super().__init__()
        half = oup // 2
        if stride == 1 and inp != oup:
            raise ValueError(
                f"InvertedResidual: expected as many outputs as inputs at stride 1, got {inp} and {oup}. Use stride 2."
            )
        self.stride = stride
        self.branch1 = nn.Sequential(*(_depthwise(inp, stride) + _pointwise(inp, half) if stride > 1 else []))
        inputs = inp if stride > 1 else half
        self.branch2 = nn.Sequential(*_pointwise(inputs, half), *_depthwise(half, stride), *_pointwise(half, half))

    def forward(self, input: Tensor) -> Tensor:
        if self.stride == 1:
            left, right = input.chunk(2, dim=1)
        else:
            left, right = self.branch1(input), input
        return facula.channel_shuffle(facula.cat([left, self.branch2(right)], dim=1), 2)


class ShuffleNetV2(nn.Module):
    """A stem, three stages of `stages_repeats` blocks, a 1x1 convolution, the mean over the picture and a linear layer.

    `stages_out_channels` are the channels of the stem, of the stages and of the last convolution.
    Shape: (N, 3, H, W) -> (N, num_classes), for H and W of at least 32.
    """

    def __init__(
        self, stages_repeats: Sequence[int], stages_out_channels: Sequence[int], num_classes: int = 1000
    ) -> None:
        super().__init__()
        if len(stages_repeats) != 3 or len(stages_out_channels) != 5:
            raise ValueError(
                "ShuffleNetV2: expected stages_repeats as list of 3 positive ints and stages_out_channels of 5, "
                f"got {len(stages_repeats)} and {len(stages_out_channels)}. Give one number for each part."
            )
        stem, *channels, last = stages_out_channels
        conv = nn.Conv2d(3, stem, kernel_size=3, stride=2, padding=1, bias=False)
        self.conv1 = nn.Sequential(conv, nn.BatchNorm2d(stem), nn.ReLU(inplace=True))
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        inputs = [stem, *channels]
        stages = [
            nn.Sequential(InvertedResidual(inp, oup, 2), *(InvertedResidual(oup, oup, 1) for _ in range(repeats - 1)))
            for inp, oup, repeats in zip(inputs, channels, stages_repeats, strict=False)
        ]
        self.stage2, self.stage3, self.stage4 = stages
        self.conv5 = nn.Sequential(*_pointwise(channels[-1], last))
        self.fc = nn.Linear(last, num_classes)

    def forward(self, input: Tensor) -> Tensor:
        x = self.maxpool(self.conv1(input))  # (N, C, H / 4, W / 4)
        x = self.stage4(self.stage3(self.stage2(x)))  # (N, C, H / 32, W / 32)
        return self.fc(self.conv5(x).mean(dim=(2, 3)))


ShuffleNet_V2_X0_5_Weights = published("ShuffleNet_V2_X0_5_Weights")


@preset(ShuffleNet_V2_X0_5_Weights)
def shufflenet_v2_x0_5(**config: Any) -> ShuffleNetV2:
    """ShuffleNet v2 with half the channels (1,366,792 parameters)."""
    return ShuffleNetV2([4, 8, 4], [24, 48, 96, 192, 1024], **config)


ShuffleNet_V2_X1_0_Weights = published("ShuffleNet_V2_X1_0_Weights")


@preset(ShuffleNet_V2_X1_0_Weights)
def shufflenet_v2_x1_0(**config: Any) -> ShuffleNetV2:
    """ShuffleNet v2 (2,278,604 parameters)."""
    return ShuffleNetV2([4, 8, 4], [24, 116, 232, 464, 1024], **config)


ShuffleNet_V2_X1_5_Weights = published("ShuffleNet_V2_X1_5_Weights")


@preset(ShuffleNet_V2_X1_5_Weights)
def shufflenet_v2_x1_5(**config: Any) -> ShuffleNetV2:
    """ShuffleNet v2 with one and a half times the channels (3,503,624 parameters)."""
    return ShuffleNetV2([4, 8, 4], [24, 176, 352, 704, 1024], **config)


ShuffleNet_V2_X2_0_Weights = published("ShuffleNet_V2_X2_0_Weights")


@preset(ShuffleNet_V2_X2_0_Weights)
def shufflenet_v2_x2_0(**config: Any) -> ShuffleNetV2:
    """ShuffleNet v2 with twice the channels (7,393,996 parameters)."""
    return ShuffleNetV2([4, 8, 4], [24, 244, 488, 976, 2048], **config)
