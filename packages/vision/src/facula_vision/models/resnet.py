"""Residual networks, with the names of parameters under which their weights are published.

Source: K. He, X. Zhang, S. Ren, J. Sun, "Deep Residual Learning for Image Recognition", https://arxiv.org/abs/1512.03385;
in groups: S. Xie et al., https://arxiv.org/abs/1611.05431; wide: S. Zagoruyko, N. Komodakis, https://arxiv.org/abs/1605.07146.
The stride of a bottleneck stands at its 3x3 convolution, as in the weights that are in use.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from facula import Tensor, nn
from facula_vision.models.presets import preset
from facula_vision.models.weights import published

__all__ = [
    "BasicBlock",
    "Bottleneck",
    "ResNeXt50_32X4D_Weights",
    "ResNeXt101_32X8D_Weights",
    "ResNeXt101_64X4D_Weights",
    "ResNet",
    "ResNet18_Weights",
    "ResNet34_Weights",
    "ResNet50_Weights",
    "ResNet101_Weights",
    "ResNet152_Weights",
    "Wide_ResNet50_2_Weights",
    "Wide_ResNet101_2_Weights",
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet152",
    "resnext50_32x4d",
    "resnext101_32x8d",
    "resnext101_64x4d",
    "wide_resnet50_2",
    "wide_resnet101_2",
]


Norm = Callable[..., nn.Module]


def conv3x3(inputs: int, outputs: int, stride: int = 1, groups: int = 1, dilation: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, stride, padding=dilation, dilation=dilation, groups=groups, bias=False)


def conv1x1(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel_size=1, stride=stride, bias=False)


class BasicBlock(nn.Module):
    """relu(x + two 3x3 convolutions of it).   Shape: (N, inplanes, H, W) -> (N, planes, H / stride, W / stride)."""

    expansion: ClassVar[int] = 1

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        downsample: nn.Module | None = None,
        groups: int = 1,
        base_width: int = 64,
        dilation: int = 1,
        norm_layer: Norm | None = None,
    ) -> None:
        super().__init__()
        if (groups, base_width) != (1, 64):
            raise ValueError(
                f"BasicBlock: BasicBlock only supports groups=1 and base_width=64, expected them, got {groups} and "
                f"{base_width}. Use Bottleneck for others."
            )
        if dilation > 1:
            raise NotImplementedError(
                f"BasicBlock: Dilation > 1 not supported in BasicBlock, expected 1, got {dilation}. Use Bottleneck."
            )
        norm = norm_layer or nn.BatchNorm2d
        self.conv1 = conv3x3(inplanes, planes, stride)
        self.bn1 = norm(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = conv3x3(planes, planes)
        self.bn2 = norm(planes)
        self.downsample = downsample

    def forward(self, input: Tensor) -> Tensor:
        x = self.relu(self.bn1(self.conv1(input)))
        x = self.bn2(self.conv2(x))
        return self.relu(x + (input if self.downsample is None else self.downsample(input)))


class Bottleneck(nn.Module):
    """relu(x + 1x1, 3x3, 1x1 convolutions of it).   Shape: (N, C, H, W) -> (N, 4 planes, H / stride, W / stride).

    The 3x3 convolution works in `groups` groups of `planes * base_width / 64` channels each.
    """

    expansion: ClassVar[int] = 4

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        downsample: nn.Module | None = None,
        groups: int = 1,
        base_width: int = 64,
        dilation: int = 1,
        norm_layer: Norm | None = None,
    ) -> None:
        super().__init__()
        norm = norm_layer or nn.BatchNorm2d
        width = planes * base_width // 64 * groups
        self.conv1 = conv1x1(inplanes, width)
        self.bn1 = norm(width)
        self.conv2 = conv3x3(width, width, stride, groups, dilation)
        self.bn2 = norm(width)
        self.conv3 = conv1x1(width, planes * self.expansion)
        self.bn3 = norm(planes * self.expansion)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample

    def forward(self, input: Tensor) -> Tensor:
        x = self.relu(self.bn1(self.conv1(input)))
        x = self.relu(self.bn2(self.conv2(x)))
        x = self.bn3(self.conv3(x))
        return self.relu(x + (input if self.downsample is None else self.downsample(input)))


class ResNet(nn.Module):
    """A 7x7 stem, four stages of residual blocks, the mean over the picture and a linear layer.

    `zero_init_residual` starts each block as the identity; `groups` and `width_per_group` are for bottlenecks.
    `replace_stride_with_dilation` tells for each of the last three stages whether it keeps the size of the picture and
    widens its convolutions instead.
    Shape: (N, 3, H, W) -> (N, num_classes), for H and W of at least 32 or so.
    """

    def __init__(
        self,
        block: type[BasicBlock] | type[Bottleneck],
        layers: Sequence[int],
        num_classes: int = 1000,
        zero_init_residual: bool = False,
        groups: int = 1,
        width_per_group: int = 64,
        replace_stride_with_dilation: Sequence[bool] | None = None,
        norm_layer: Norm | None = None,
    ) -> None:
        super().__init__()
        dilated = replace_stride_with_dilation or (False, False, False)
        if len(dilated) != 3:
            raise ValueError(
                "ResNet: replace_stride_with_dilation should be None or a 3-element tuple, expected one, got "
                f"{replace_stride_with_dilation}. Say yes or no for layer2, layer3 and layer4."
            )
        self._norm_layer = norm_layer or nn.BatchNorm2d
        self.inplanes = 64
        self.dilation = 1
        self.groups = groups
        self.base_width = width_per_group
        self.conv1 = nn.Conv2d(3, 64, kernel_size=7, stride=2, padding=3, bias=False)
        self.bn1 = self._norm_layer(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        self.layer1 = self._stage(block, 64, layers[0], stride=1)
        self.layer2 = self._stage(block, 128, layers[1], stride=2, dilate=dilated[0])
        self.layer3 = self._stage(block, 256, layers[2], stride=2, dilate=dilated[1])
        self.layer4 = self._stage(block, 512, layers[3], stride=2, dilate=dilated[2])
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(512 * block.expansion, num_classes)
        self.reset_parameters(zero_init_residual)

    def _stage(
        self, block: type[BasicBlock] | type[Bottleneck], planes: int, depth: int, stride: int, dilate: bool = False
    ) -> nn.Sequential:
        before = self.dilation  # the first block still reads the finer picture
        if dilate:
            self.dilation, stride = self.dilation * stride, 1
        outputs, norm = planes * block.expansion, self._norm_layer
        downsample = None
        if stride != 1 or self.inplanes != outputs:
            downsample = nn.Sequential(conv1x1(self.inplanes, outputs, stride), norm(outputs))
        rest = (self.groups, self.base_width)
        blocks = [block(self.inplanes, planes, stride, downsample, *rest, before, norm)]
        blocks += [block(outputs, planes, 1, None, *rest, self.dilation, norm) for _ in range(depth - 1)]
        self.inplanes = outputs
        return nn.Sequential(*blocks)

    def reset_parameters(self, zero_init_residual: bool = False) -> None:
        """Convolutions by He's rule over the outputs; the last normalisation of a block to zero if asked for."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif zero_init_residual and isinstance(module, (BasicBlock, Bottleneck)):
                last = module.bn2 if isinstance(module, BasicBlock) else module.bn3
                nn.init.zeros_(last.weight)

    def forward(self, input: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(input))))  # (N, 64, H / 4, W / 4)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))  # (N, C, H / 32, W / 32)
        return self.fc(self.avgpool(x).flatten(1))


ResNet18_Weights = published("ResNet18_Weights")


@preset(ResNet18_Weights)
def resnet18(**config: Any) -> ResNet:
    """ResNet-18 (11,689,512 parameters).

    >>> from facula_vision.models import resnet18
    >>> sum(p.numel() for p in resnet18(num_classes=10).parameters())
    11181642
    """
    return ResNet(BasicBlock, [2, 2, 2, 2], **config)


ResNet34_Weights = published("ResNet34_Weights")


@preset(ResNet34_Weights)
def resnet34(**config: Any) -> ResNet:
    """ResNet-34 (21,797,672 parameters)."""
    return ResNet(BasicBlock, [3, 4, 6, 3], **config)


ResNet50_Weights = published("ResNet50_Weights")


@preset(ResNet50_Weights)
def resnet50(**config: Any) -> ResNet:
    """ResNet-50 (25,557,032 parameters)."""
    return ResNet(Bottleneck, [3, 4, 6, 3], **config)


ResNet101_Weights = published("ResNet101_Weights")


@preset(ResNet101_Weights)
def resnet101(**config: Any) -> ResNet:
    """ResNet-101 (44,549,160 parameters)."""
    return ResNet(Bottleneck, [3, 4, 23, 3], **config)


ResNet152_Weights = published("ResNet152_Weights")


@preset(ResNet152_Weights)
def resnet152(**config: Any) -> ResNet:
    """ResNet-152 (60,192,808 parameters)."""
    return ResNet(Bottleneck, [3, 8, 36, 3], **config)


ResNeXt50_32X4D_Weights = published("ResNeXt50_32X4D_Weights")


@preset(ResNeXt50_32X4D_Weights)
def resnext50_32x4d(**config: Any) -> ResNet:
    """ResNeXt-50, 32 groups of 4 channels (25,028,904 parameters)."""
    return ResNet(Bottleneck, [3, 4, 6, 3], groups=32, width_per_group=4, **config)


ResNeXt101_32X8D_Weights = published("ResNeXt101_32X8D_Weights")


@preset(ResNeXt101_32X8D_Weights)
def resnext101_32x8d(**config: Any) -> ResNet:
    """ResNeXt-101, 32 groups of 8 channels (88,791,336 parameters)."""
    return ResNet(Bottleneck, [3, 4, 23, 3], groups=32, width_per_group=8, **config)


ResNeXt101_64X4D_Weights = published("ResNeXt101_64X4D_Weights")


@preset(ResNeXt101_64X4D_Weights)
def resnext101_64x4d(**config: Any) -> ResNet:
    """ResNeXt-101, 64 groups of 4 channels (83,455,272 parameters)."""
    return ResNet(Bottleneck, [3, 4, 23, 3], groups=64, width_per_group=4, **config)


Wide_ResNet50_2_Weights = published("Wide_ResNet50_2_Weights")


@preset(Wide_ResNet50_2_Weights)
def wide_resnet50_2(**config: Any) -> ResNet:
    """ResNet-50 with bottlenecks twice as wide (68,883,240 parameters)."""
    return ResNet(Bottleneck, [3, 4, 6, 3], width_per_group=128, **config)


Wide_ResNet101_2_Weights = published("Wide_ResNet101_2_Weights")


@preset(Wide_ResNet101_2_Weights)
def wide_resnet101_2(**config: Any) -> ResNet:
    """ResNet-101 with bottlenecks twice as wide (126,886,696 parameters)."""
    return ResNet(Bottleneck, [3, 4, 23, 3], width_per_group=128, **config)
