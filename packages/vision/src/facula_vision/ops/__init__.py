"""Operators and layers for images that models are made of."""

from __future__ import annotations

from facula_vision.ops.layers import (
    Conv2dNormActivation,
    Permute,
    SqueezeExcitation,
    StochasticDepth,
    stochastic_depth,
)

__all__ = ["Conv2dNormActivation", "Permute", "SqueezeExcitation", "StochasticDepth", "stochastic_depth"]
