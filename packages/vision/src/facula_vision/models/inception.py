"""Inception v3.

Source: C. Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", https://arxiv.org/abs/1512.00567.
The numbers in the comments are for pictures of 299 by 299 pixels.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import facula
from facula import Tensor, nn
from facula_vision.models.googlenet import BasicConv2d, published_input, to_unit_range
from facula_vision.models.presets import preset
from facula_vision.models.weights import published

__all__ = ["Inception3", "InceptionOutputs", "Inception_V3_Weights", "inception_v3"]

_conv1x1 = partial(BasicConv2d, kernel_size=1)
_conv3x3 = partial(BasicConv2d, kernel_size=3, padding=1)
_conv5x5 = partial(BasicConv2d, kernel_size=5, padding=2)
_conv1x7 = partial(BasicConv2d, kernel_size=(1, 7), padding=(0, 3))
_conv7x1 = partial(BasicConv2d, kernel_size=(7, 1), padding=(3, 0))
_conv1x3 = partial(BasicConv2d, kernel_size=(1, 3), padding=(0, 1))
_conv3x1 = partial(BasicConv2d, kernel_size=(3, 1), padding=(1, 0))
_halving = partial(BasicConv2d, kernel_size=3, stride=2)


class InceptionOutputs(NamedTuple):
    """The scores of the network and, while it trains, of its earlier head; each (N, num_classes)."""

    logits: Tensor
    aux_logits: Tensor | None


def _mean(input: Tensor) -> Tensor:
    return nn.functional.avg_pool2d(input, kernel_size=3, stride=1, padding=1)


class InceptionA(nn.Module):
    """1x1, 5x5, twice 3x3, and the mean nearby.   Shape: (N, inputs, H, W) -> (N, 224 + pool_features, H, W)."""

    def __init__(self, inputs: int, pool_features: int) -> None:
        super().__init__()
        self.branch1x1 = _conv1x1(inputs, 64)
        self.branch5x5_1 = _conv1x1(inputs, 48)
        self.branch5x5_2 = _conv5x5(48, 64)
        self.branch3x3dbl_1 = _conv1x1(inputs, 64)
        self.branch3x3dbl_2 = _conv3x3(64, 96)
        self.branch3x3dbl_3 = _conv3x3(96, 96)
        self.branch_pool = _conv1x1(inputs, pool_features)

    def forward(self, input: Tensor) -> Tensor:
        fives = self.branch5x5_2(self.branch5x5_1(input))
        threes = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(input)))
        return facula.cat([self.branch1x1(input), fives, threes, self.branch_pool(_mean(input))], dim=1)


class InceptionB(nn.Module):
    """3x3, twice 3x3, and the maximum, all at stride 2.   Shape: (N, inputs, H, W) -> (N, 480 + inputs, H / 2, W / 2)."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.branch3x3 = _halving(inputs, 384)
        self.branch3x3dbl_1 = _conv1x1(inputs, 64)
        self.branch3x3dbl_2 = _conv3x3(64, 96)
        self.branch3x3dbl_3 = _halving(96, 96)

    def forward(self, input: Tensor) -> Tensor:
        threes = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(input)))
        pooled = nn.functional.max_pool2d(input, kernel_size=3, stride=2)
        return facula.cat([self.branch3x3(input), threes, pooled], dim=1)


class InceptionC(nn.Module):
    """1x1, 7x7 as rows and columns, twice that, and the mean nearby.   Shape: (N, inputs, H, W) -> (N, 768, H, W)."""

    def __init__(self, inputs: int, channels_7x7: int) -> None:
        super().__init__()
        c7 = channels_7x7
        self.branch1x1 = _conv1x1(inputs, 192)
        self.branch7x7_1 = _conv1x1(inputs, c7)
        self.branch7x7_2 = _conv1x7(c7, c7)
        self.branch7x7_3 = _conv7x1(c7, 192)
        self.branch7x7dbl_1 = _conv1x1(inputs, c7)
        self.branch7x7dbl_2 = _conv7x1(c7, c7)
        self.branch7x7dbl_3 = _conv1x7(c7, c7)
        self.branch7x7dbl_4 = _conv7x1(c7, c7)
        self.branch7x7dbl_5 = _conv1x7(c7, 192)
        self.branch_pool = _conv1x1(inputs, 192)

    def forward(self, input: Tensor) -> Tensor:
        sevens = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(input)))
        twice = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(input)))
        twice = self.branch7x7dbl_5(self.branch7x7dbl_4(twice))
        return facula.cat([self.branch1x1(input), sevens, twice, self.branch_pool(_mean(input))], dim=1)


class InceptionD(nn.Module):
    """3x3, 7x7 and 3x3, and the maximum, all at stride 2.   Shape: (N, inputs, H, W) -> (N, 512 + inputs, H / 2, W / 2)."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.branch3x3_1 = _conv1x1(inputs, 192)
        self.branch3x3_2 = _halving(192, 320)
        self.branch7x7x3_1 = _conv1x1(inputs, 192)
        self.branch7x7x3_2 = _conv1x7(192, 192)
        self.branch7x7x3_3 = _conv7x1(192, 192)
        self.branch7x7x3_4 = _halving(192, 192)

    def forward(self, input: Tensor) -> Tensor:
        threes = self.branch3x3_2(self.branch3x3_1(input))
        sevens = self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(input)))
        pooled = nn.functional.max_pool2d(input, kernel_size=3, stride=2)
        return facula.cat([threes, self.branch7x7x3_4(sevens), pooled], dim=1)


class InceptionE(nn.Module):
    """1x1, rows beside columns, the same after 3x3, and the mean nearby.   Shape: (N, inputs, H, W) -> (N, 2048, H, W)."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.branch1x1 = _conv1x1(inputs, 320)
        self.branch3x3_1 = _conv1x1(inputs, 384)
        self.branch3x3_2a = _conv1x3(384, 384)
        self.branch3x3_2b = _conv3x1(384, 384)
        self.branch3x3dbl_1 = _conv1x1(inputs, 448)
        self.branch3x3dbl_2 = _conv3x3(448, 384)
        self.branch3x3dbl_3a = _conv1x3(384, 384)
        self.branch3x3dbl_3b = _conv3x1(384, 384)
        self.branch_pool = _conv1x1(inputs, 192)

    def forward(self, input: Tensor) -> Tensor:
        near = self.branch3x3_1(input)
        far = self.branch3x3dbl_2(self.branch3x3dbl_1(input))
        crosses = [
            self.branch3x3_2a(near),
            self.branch3x3_2b(near),
            self.branch3x3dbl_3a(far),
            self.branch3x3dbl_3b(far),
        ]
        return facula.cat([self.branch1x1(input), *crosses, self.branch_pool(_mean(input))], dim=1)


class InceptionAux(nn.Module):
    """A head on an earlier layer, which helps training.   Shape: (N, inputs, 17, 17) -> (N, num_classes)."""

    def __init__(self, inputs: int, num_classes: int) -> None:
        super().__init__()
        self.conv0 = _conv1x1(inputs, 128)
        self.conv1 = BasicConv2d(128, 768, kernel_size=5)
        self.fc = nn.Linear(768, num_classes)

    def forward(self, input: Tensor) -> Tensor:
        x = nn.functional.avg_pool2d(input, kernel_size=5, stride=3)  # (N, inputs, 5, 5)
        x = self.conv1(self.conv0(x))  # (N, 768, 1, 1)
        return self.fc(nn.functional.adaptive_avg_pool2d(x, (1, 1)).flatten(1))


class Inception3(nn.Module):
    """A stem, eleven inception blocks of five kinds, the mean over the picture and a linear layer.

    While training with `aux_logits` it returns `InceptionOutputs`. `transform_input` takes pictures normalised for other
    networks and normalises them to -1..1.
    Shape: (N, 3, H, W) -> (N, num_classes), for H and W of at least 75.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        aux_logits: bool = True,
        transform_input: bool = False,
        init_weights: bool | None = None,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.aux_logits = aux_logits
        self.transform_input = transform_input
        self.Conv2d_1a_3x3 = BasicConv2d(3, 32, kernel_size=3, stride=2)
        self.Conv2d_2a_3x3 = BasicConv2d(32, 32, kernel_size=3)
        self.Conv2d_2b_3x3 = BasicConv2d(32, 64, kernel_size=3, padding=1)
        self.maxpool1 = nn.MaxPool2d(kernel_size=3, stride=2)
        self.Conv2d_3b_1x1 = BasicConv2d(64, 80, kernel_size=1)
        self.Conv2d_4a_3x3 = BasicConv2d(80, 192, kernel_size=3)
        self.maxpool2 = nn.MaxPool2d(kernel_size=3, stride=2)
        self.Mixed_5b = InceptionA(192, pool_features=32)
        self.Mixed_5c = InceptionA(256, pool_features=64)
        self.Mixed_5d = InceptionA(288, pool_features=64)
        self.Mixed_6a = InceptionB(288)
        self.Mixed_6b = InceptionC(768, channels_7x7=128)
        self.Mixed_6c = InceptionC(768, channels_7x7=160)
        self.Mixed_6d = InceptionC(768, channels_7x7=160)
        self.Mixed_6e = InceptionC(768, channels_7x7=192)
        self.AuxLogits = InceptionAux(768, num_classes) if aux_logits else None
        self.Mixed_7a = InceptionD(768)
        self.Mixed_7b = InceptionE(1280)
        self.Mixed_7c = InceptionE(2048)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.dropout = nn.Dropout(p=dropout)
        self.fc = nn.Linear(2048, num_classes)
        if init_weights is not False:
            self.reset_parameters()

    def reset_parameters(self) -> None:
        """A normal distribution cut at 2, of deviation 0.1 but for the earlier head's."""
        narrow: dict[nn.Module, float] = {}
        if self.AuxLogits is not None:
            narrow = {self.AuxLogits.conv1.conv: 0.01, self.AuxLogits.fc: 0.001}
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                nn.init.trunc_normal_(module.weight, mean=0.0, std=narrow.get(module, 0.1), a=-2, b=2)

    def forward(self, input: Tensor) -> Tensor | InceptionOutputs:
        x = to_unit_range(input) if self.transform_input else input
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))
        x = self.maxpool1(x)  # (N, 64, 73, 73)
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(x))
        x = self.maxpool2(x)  # (N, 192, 35, 35)
        x = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(x)))  # (N, 288, 35, 35)
        x = self.Mixed_6e(self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(x)))))  # (N, 768, 17, 17)
        aux = self.AuxLogits(x) if self.AuxLogits is not None and self.training else None
        x = self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x)))  # (N, 2048, 8, 8)
        logits = self.fc(self.dropout(self.avgpool(x)).flatten(1))
        return InceptionOutputs(logits, aux) if self.training and self.aux_logits else logits


Inception_V3_Weights = published("Inception_V3_Weights")


def _fitting(state: Mapping[str, Any], model: Inception3) -> Mapping[str, Any]:
    """The state without the earlier head, if the model has none."""
    return state if model.aux_logits else {key: state[key] for key in state if not key.startswith("AuxLogits")}


@preset(Inception_V3_Weights, needs=published_input, defaults={"init_weights": False}, adapt=_fitting)
def inception_v3(**config: Any) -> Inception3:
    """Inception v3 (27,161,264 parameters, 23,834,568 without the earlier head)."""
    return Inception3(**config)
