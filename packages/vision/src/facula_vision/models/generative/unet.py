"""U-Net: down to what is in a picture, up again to where it is.

Source: O. Ronneberger, P. Fischer, T. Brox, "U-Net: Convolutional Networks for Biomedical Image Segmentation",
https://arxiv.org/abs/1505.04597. Convolutions keep the size of the picture and are normalised, as is usual today.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import facula
from facula import Tensor, nn
from facula_vision.models.presets import preset

__all__ = ["UNet", "unet"]


class DoubleConv(nn.Sequential):
    """Two 3x3 convolutions.   Shape: (N, inputs, H, W) -> (N, outputs, H, W)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        )


class Up(nn.Module):
    """Twice the picture, joined with what was there on the way down.

    Shape: (N, inputs, h, w), (N, outputs, H, W) -> (N, outputs, H, W), with H = 2 h or 2 h + 1.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(inputs, outputs, kernel_size=2, stride=2)
        self.conv = DoubleConv(2 * outputs, outputs)

    def forward(self, input: Tensor, skip: Tensor) -> Tensor:
        x = self.up(input)
        high, wide = skip.shape[-2] - x.shape[-2], skip.shape[-1] - x.shape[-1]  # 1 where an odd size was halved
        x = nn.functional.pad(x, (0, wide, 0, high)) if high or wide else x
        return self.conv(facula.cat([skip, x], dim=1))


class UNet(nn.Module):
    """Two convolutions at each size, halved on the way down and doubled on the way up, then one score for each class.

    Shape: (N, in_channels, H, W) -> (N, num_classes, H, W), for H and W of at least 2 ** (len(channels) - 1).

    >>> import facula
    >>> from facula_vision.models.generative import UNet
    >>> UNet(in_channels=1, num_classes=3, channels=(4, 8))(facula.zeros(2, 1, 17, 20)).shape
    facula.Size([2, 3, 17, 20])
    """

    def __init__(
        self, in_channels: int = 3, num_classes: int = 2, channels: Sequence[int] = (64, 128, 256, 512, 1024)
    ) -> None:
        super().__init__()
        pairs = list(itertools.pairwise(channels))
        self.stem = DoubleConv(in_channels, channels[0])
        self.pool = nn.MaxPool2d(2)
        self.down = nn.ModuleList([DoubleConv(few, many) for few, many in pairs])
        self.up = nn.ModuleList([Up(many, few) for few, many in reversed(pairs)])
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        self.head = nn.Conv2d(channels[0], num_classes, kernel_size=1)

    def forward(self, input: Tensor) -> Tensor:
        seen = [self.stem(input)]
        for conv in self.down:
            seen.append(conv(self.pool(seen[-1])))
        x = seen.pop()  # the smallest picture
        for up in self.up:
            x = up(x, seen.pop())
        return self.head(x)


@preset()
def unet(**config: Any) -> UNet:
    """The U-Net of the paper (31,037,698 parameters)."""
    return UNet(**config)
