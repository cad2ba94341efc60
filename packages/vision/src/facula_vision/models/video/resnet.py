"""Residual networks for videos: 3-D convolutions, some of them, or space and time one after the other.

Source: D. Tran et al., "A Closer Look at Spatiotemporal Convolutions for Action Recognition",
https://arxiv.org/abs/1711.11248.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from facula import Tensor, nn
from facula_vision.models.presets import preset
from facula_vision.models.weights import published

__all__ = [
    "MC3_18_Weights",
    "R2Plus1D_18_Weights",
    "R3D_18_Weights",
    "VideoResNet",
    "mc3_18",
    "r2plus1d_18",
    "r3d_18",
]


class Conv3DSimple(nn.Conv3d):
    """3x3x3 over time and space."""

    def __init__(self, in_planes: int, out_planes: int, midplanes: int | None = None, stride: int = 1) -> None:
        super().__init__(in_planes, out_planes, kernel_size=3, stride=stride, padding=1, bias=False)

    @staticmethod
    def get_downsample_stride(stride: int) -> tuple[int, int, int]:
        """The stride of the shortcut."""
        return stride, stride, stride


class Conv3DNoTemporal(nn.Conv3d):
    """1x3x3: each frame alone."""

    def __init__(self, in_planes: int, out_planes: int, midplanes: int | None = None, stride: int = 1) -> None:
        strides = (1, stride, stride)
        super().__init__(in_planes, out_planes, (1, 3, 3), stride=strides, padding=(0, 1, 1), bias=False)

    @staticmethod
    def get_downsample_stride(stride: int) -> tuple[int, int, int]:
        """The stride of the shortcut."""
        return 1, stride, stride


class Conv2Plus1D(nn.Sequential):
    """1x3x3, then 3x1x1, with `midplanes` channels between them."""

    def __init__(self, in_planes: int, out_planes: int, midplanes: int, stride: int = 1) -> None:
        super().__init__(
            nn.Conv3d(in_planes, midplanes, (1, 3, 3), stride=(1, stride, stride), padding=(0, 1, 1), bias=False),
            nn.BatchNorm3d(midplanes),
            nn.ReLU(inplace=True),
            nn.Conv3d(midplanes, out_planes, (3, 1, 1), stride=(stride, 1, 1), padding=(1, 0, 0), bias=False),
        )

    @staticmethod
    def get_downsample_stride(stride: int) -> tuple[int, int, int]:
        """The stride of the shortcut."""
        return stride, stride, stride


class BasicBlock(nn.Module):
    """relu(x + two convolutions of it).   Shape: (N, inplanes, T, H, W) -> (N, planes, t, h, w)."""

    expansion: ClassVar[int] = 1

    def __init__(
        self,
        inplanes: int,
        planes: int,
        conv_builder: Callable[..., nn.Module],
        stride: int = 1,
        downsample: nn.Module | None = None,
    ) -> None:
        super().__init__()
        midplanes = (inplanes * planes * 27) // (inplanes * 9 + 3 * planes)  # as many parameters as 3x3x3 would have
        self.conv1 = nn.Sequential(
            conv_builder(inplanes, planes, midplanes, stride), nn.BatchNorm3d(planes), nn.ReLU(inplace=True)
        )
        self.conv2 = nn.Sequential(conv_builder(planes, planes, midplanes), nn.BatchNorm3d(planes))
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample

    def forward(self, input: Tensor) -> Tensor:
        x = self.conv2(self.conv1(input))
        return self.relu(x + (input if self.downsample is None else self.downsample(input)))


class BasicStem(nn.Sequential):
    """3x7x7 at half the picture.   Shape: (N, 3, T, H, W) -> (N, 64, T, H / 2, W / 2)."""

    def __init__(self) -> None:
        conv = nn.Conv3d(3, 64, (3, 7, 7), stride=(1, 2, 2), padding=(1, 3, 3), bias=False)
        super().__init__(conv, nn.BatchNorm3d(64), nn.ReLU(inplace=True))


class R2Plus1dStem(nn.Sequential):
    """1x7x7 at half the picture, then 3x1x1.   Shape: (N, 3, T, H, W) -> (N, 64, T, H / 2, W / 2)."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv3d(3, 45, (1, 7, 7), stride=(1, 2, 2), padding=(0, 3, 3), bias=False),
            nn.BatchNorm3d(45),
            nn.ReLU(inplace=True),
            nn.Conv3d(45, 64, (3, 1, 1), padding=(1, 0, 0), bias=False),
            nn.BatchNorm3d(64),
            nn.ReLU(inplace=True),
        )


class VideoResNet(nn.Module):
    """A stem, four stages of residual blocks, the mean over time and space and a linear layer.

    Shape: (N, 3, T, H, W) -> (N, num_classes).
    """

    def __init__(
        self,
        block: type[BasicBlock],
        conv_makers: Sequence[Any],
        layers: Sequence[int],
        stem: Callable[..., nn.Module],
        num_classes: int = 400,
        zero_init_residual: bool = False,
    ) -> None:
        super().__init__()
        self.stem = stem()
        inplanes, stages = 64, []
        for index, (maker, depth) in enumerate(zip(conv_makers, layers, strict=True)):
            planes, stride = 64 << index, 2 if index else 1
            outputs = planes * block.expansion
            downsample = None
            if stride != 1 or inplanes != outputs:
                strides = maker.get_downsample_stride(stride)
                shortcut = nn.Conv3d(inplanes, outputs, kernel_size=1, stride=strides, bias=False)
                downsample = nn.Sequential(shortcut, nn.BatchNorm3d(outputs))
            first = block(inplanes, planes, maker, stride, downsample)
            stages.append(nn.Sequential(first, *(block(outputs, planes, maker) for _ in range(depth - 1))))
            inplanes = outputs
        self.layer1, self.layer2, self.layer3, self.layer4 = stages
        self.avgpool = nn.AdaptiveAvgPool3d((1, 1, 1))
        self.fc = nn.Linear(inplanes, num_classes)
        self.reset_parameters(zero_init_residual)

    def reset_parameters(self, zero_init_residual: bool = False) -> None:
        """Convolutions by He's rule over the outputs; the last normalisation of a block to zero if asked for."""
        for module in self.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif zero_init_residual and isinstance(module, BasicBlock):
                nn.init.zeros_(module.conv2[1].weight)
        nn.init.normal_(self.fc.weight, 0, 0.01)
        nn.init.zeros_(self.fc.bias)

    def forward(self, input: Tensor) -> Tensor:
        x = self.layer4(self.layer3(self.layer2(self.layer1(self.stem(input)))))
        return self.fc(self.avgpool(x).flatten(1))


R3D_18_Weights = published("R3D_18_Weights")


@preset(R3D_18_Weights)
def r3d_18(**config: Any) -> VideoResNet:
    """ResNet-18 with 3-D convolutions (33,371,472 parameters)."""
    return VideoResNet(BasicBlock, [Conv3DSimple] * 4, [2, 2, 2, 2], BasicStem, **config)


MC3_18_Weights = published("MC3_18_Weights")


@preset(MC3_18_Weights)
def mc3_18(**config: Any) -> VideoResNet:
    """ResNet-18 with 3-D convolutions in the first stage and 2-D ones in the others (11,695,440 parameters)."""
    return VideoResNet(BasicBlock, [Conv3DSimple] + [Conv3DNoTemporal] * 3, [2, 2, 2, 2], BasicStem, **config)


R2Plus1D_18_Weights = published("R2Plus1D_18_Weights")


@preset(R2Plus1D_18_Weights)
def r2plus1d_18(**config: Any) -> VideoResNet:
    """ResNet-18 with convolutions over space, then over time (31,505,325 parameters)."""
    return VideoResNet(BasicBlock, [Conv2Plus1D] * 4, [2, 2, 2, 2], R2Plus1dStem, **config)
