"""LeNet-5.

Source: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-Based Learning Applied to Document Recognition", 1998.
"""

from __future__ import annotations

from typing import Any

from facula import Tensor, nn
from facula_vision.models.presets import preset

__all__ = ["LeNet", "lenet"]


class LeNet(nn.Module):
    """Two convolutions, each with pooling, then three linear layers; tanh between them as in the paper.

    Shape: (N, in_channels, 28, 28) -> (N, num_classes).

    >>> import facula
    >>> from facula_vision.models import LeNet
    >>> LeNet()(facula.zeros(2, 1, 28, 28)).shape
    facula.Size([2, 10])
    """

    def __init__(self, num_classes: int = 10, in_channels: int = 1) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(in_channels, 6, kernel_size=5, padding=2),  # (N, 6, 28, 28)
            nn.Tanh(),
            nn.AvgPool2d(2),  # (N, 6, 14, 14)
            nn.Conv2d(6, 16, kernel_size=5),  # (N, 16, 10, 10)
            nn.Tanh(),
            nn.AvgPool2d(2),  # (N, 16, 5, 5)
        )
        self.classifier = nn.Sequential(
            nn.Linear(16 * 5 * 5, 120),
            nn.Tanh(),
            nn.Linear(120, 84),
            nn.Tanh(),
            nn.Linear(84, num_classes),
        )

    def forward(self, input: Tensor) -> Tensor:
        return self.classifier(self.features(input).flatten(1))


@preset()
def lenet(**config: Any) -> LeNet:
    """LeNet-5 for pictures of 28 by 28 pixels: 61,706 parameters."""
    return LeNet(**config)
