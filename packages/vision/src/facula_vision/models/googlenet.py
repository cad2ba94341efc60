"""GoogLeNet, also called Inception v1, with batch normalisation.

Source: C. Szegedy et al., "Going Deeper with Convolutions", https://arxiv.org/abs/1409.4842.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import facula
from facula import Tensor, nn
from facula_vision.models.presets import preset
from facula_vision.models.weights import published

__all__ = ["GoogLeNet", "GoogLeNetOutputs", "GoogLeNet_Weights", "googlenet"]


class GoogLeNetOutputs(NamedTuple):
    """The scores of the network and, while it trains, of its two earlier heads; each (N, num_classes)."""

    logits: Tensor
    aux_logits2: Tensor | None
    aux_logits1: Tensor | None


class BasicConv2d(nn.Module):
    """relu(norm(conv(x))).   Shape: (N, in_channels, H, W) -> (N, out_channels, h, w)."""

    def __init__(self, in_channels: int, out_channels: int, **options: Any) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, bias=False, **options)
        self.bn = nn.BatchNorm2d(out_channels, eps=0.001)

    def forward(self, input: Tensor) -> Tensor:
        return nn.functional.relu(self.bn(self.conv(input)), inplace=True)


class Inception(nn.Module):
    """Four views of the picture side by side: 1x1, twice 3x3 after fewer channels, and the maximum nearby.

    What the paper calls 5x5 is 3x3, as in the weights that are in use.
    Shape: (N, inputs, H, W) -> (N, ch1x1 + ch3x3 + ch5x5 + pool_proj, H, W).
    """

    def __init__(
        self, inputs: int, ch1x1: int, ch3x3red: int, ch3x3: int, ch5x5red: int, ch5x5: int, pool_proj: int
    ) -> None:
        super().__init__()
        conv1, conv3 = partial(BasicConv2d, kernel_size=1), partial(BasicConv2d, kernel_size=3, padding=1)
        self.branch1 = conv1(inputs, ch1x1)
        self.branch2 = nn.Sequential(conv1(inputs, ch3x3red), conv3(ch3x3red, ch3x3))
        self.branch3 = nn.Sequential(conv1(inputs, ch5x5red), conv3(ch5x5red, ch5x5))
        self.branch4 = nn.Sequential(nn.MaxPool2d(3, stride=1, padding=1, ceil_mode=True), conv1(inputs, pool_proj))

    def forward(self, input: Tensor) -> Tensor:
        branches = (self.branch1, self.branch2, self.branch3, self.branch4)
        return facula.cat([branch(input) for branch in branches], dim=1)


class InceptionAux(nn.Module):
    """A head on an earlier layer, which helps training.   Shape: (N, inputs, H, W) -> (N, num_classes)."""

    def __init__(self, inputs: int, num_classes: int, dropout: float = 0.7) -> None:
        super().__init__()
        self.conv = BasicConv2d(inputs, 128, kernel_size=1)
        self.fc1 = nn.Linear(2048, 1024)
        self.fc2 = nn.Linear(1024, num_classes)
        self.dropout = nn.Dropout(p=dropout)

    def forward(self, input: Tensor) -> Tensor:
        x = self.conv(nn.functional.adaptive_avg_pool2d(input, (4, 4))).flatten(1)  # (N, 2048)
        return self.fc2(self.dropout(nn.functional.relu(self.fc1(x), inplace=True)))


class GoogLeNet(nn.Module):
    """A stem, nine inception blocks, the mean over the picture and a linear layer.

    While training with `aux_logits` it returns `GoogLeNetOutputs`. `transform_input` takes pictures normalised for other
    networks and normalises them to -1..1.
    Shape: (N, 3, H, W) -> (N, num_classes), for H and W of at least 15.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        aux_logits: bool = True,
        transform_input: bool = False,
        init_weights: bool | None = None,
        dropout: float = 0.2,
        dropout_aux: float = 0.7,
    ) -> None:
        super().__init__()
        self.aux_logits = aux_logits
        self.transform_input = transform_input
        self.conv1 = BasicConv2d(3, 64, kernel_size=7, stride=2, padding=3)
        self.maxpool1 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.conv2 = BasicConv2d(64, 64, kernel_size=1)
        self.conv3 = BasicConv2d(64, 192, kernel_size=3, padding=1)
        self.maxpool2 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception3a = Inception(192, 64, 96, 128, 16, 32, 32)
        self.inception3b = Inception(256, 128, 128, 192, 32, 96, 64)
        self.maxpool3 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception4a = Inception(480, 192, 96, 208, 16, 48, 64)
        self.inception4b = Inception(512, 160, 112, 224, 24, 64, 64)
        self.inception4c = Inception(512, 128, 128, 256, 24, 64, 64)
        self.inception4d = Inception(512, 112, 144, 288, 32, 64, 64)
        self.inception4e = Inception(528, 256, 160, 320, 32, 128, 128)
        self.maxpool4 = nn.MaxPool2d(2, stride=2, ceil_mode=True)
        self.inception5a = Inception(832, 256, 160, 320, 32, 128, 128)
        self.inception5b = Inception(832, 384, 192, 384, 48, 128, 128)
        self.aux1 = InceptionAux(512, num_classes, dropout_aux) if aux_logits else None
        self.aux2 = InceptionAux(528, num_classes, dropout_aux) if aux_logits else None
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.dropout = nn.Dropout(p=dropout)
        self.fc = nn.Linear(1024, num_classes)
        if init_weights is not False:
            for module in self.modules():
                if isinstance(module, (nn.Conv2d, nn.Linear)):
                    nn.init.trunc_normal_(module.weight, mean=0.0, std=0.01, a=-2, b=2)

    def forward(self, input: Tensor) -> Tensor | GoogLeNetOutputs:
        x = to_unit_range(input) if self.transform_input else input
        x = self.maxpool1(self.conv1(x))  # (N, 64, H / 4, W / 4)
        x = self.maxpool2(self.conv3(self.conv2(x)))  # (N, 192, H / 8, W / 8)
        x = self.maxpool3(self.inception3b(self.inception3a(x)))  # (N, 480, H / 16, W / 16)
        x = self.inception4a(x)
        aux1 = self.aux1(x) if self.aux1 is not None and self.training else None
        x = self.inception4d(self.inception4c(self.inception4b(x)))
        aux2 = self.aux2(x) if self.aux2 is not None and self.training else None
        x = self.maxpool4(self.inception4e(x))  # (N, 832, H / 32, W / 32)
        x = self.inception5b(self.inception5a(x))  # (N, 1024, H / 32, W / 32)
        logits = self.fc(self.dropout(self.avgpool(x).flatten(1)))
        return GoogLeNetOutputs(logits, aux2, aux1) if self.training and self.aux_logits else logits


def to_unit_range(input: Tensor) -> Tensor:
    """Pixels less ImageNet's means over its deviations, as pixels less 0.5 over 0.5.   Shape: (N, 3, H, W) -> the same."""
    mean = facula.tensor([0.485, 0.456, 0.406], dtype=input.dtype, device=input.device).view(3, 1, 1)
    std = facula.tensor([0.229, 0.224, 0.225], dtype=input.dtype, device=input.device).view(3, 1, 1)
    return input * (std / 0.5) + (mean - 0.5) / 0.5


def published_input(meta: Mapping[str, Any]) -> dict[str, bool]:
    """The published weights come from another library, which normalised to -1..1."""
    return {"transform_input": True}


GoogLeNet_Weights = published("GoogLeNet_Weights")


def _fitting(state: Mapping[str, Any], model: GoogLeNet) -> Mapping[str, Any]:
    """The state without the earlier heads, if the model has none."""
    return state if model.aux_logits else {key: value for key, value in state.items() if not key.startswith("aux")}


@preset(
    GoogLeNet_Weights,
    needs=published_input,
    defaults={"aux_logits": False, "init_weights": False},
    adapt=_fitting,
)
def googlenet(**config: Any) -> GoogLeNet:
    """GoogLeNet (13,004,888 parameters, 6,624,904 without the two earlier heads; published weights come without)."""
    return GoogLeNet(**config)
