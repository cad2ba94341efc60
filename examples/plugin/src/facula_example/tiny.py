"""A model: two linear layers around the package's own op."""

from __future__ import annotations

from typing import Any

from facula import Tensor, nn
from facula_example.squareplus import squareplus


class TinyNet(nn.Module):
    """Classify points.   Shape: (N, in_features) -> (N, num_classes)."""

    def __init__(self, in_features: int = 2, hidden: int = 16, num_classes: int = 2) -> None:
        super().__init__()
        self.hidden = nn.Linear(in_features, hidden)
        self.head = nn.Linear(hidden, num_classes)

    def forward(self, input: Tensor) -> Tensor:
        return self.head(squareplus(self.hidden(input)))


def tiny_net(**config: Any) -> TinyNet:
    """The preset of sixteen hidden units."""
    return TinyNet(**config)
