"""A pyramid of feature maps with equal channels, made of the maps that a backbone gives at several scales.

Source: T.-Y. Lin et al., "Feature Pyramid Networks for Object Detection", https://arxiv.org/abs/1612.03144.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import facula.nn.functional as F
from facula import Tensor, nn
from facula_vision.ops.layers import Conv2dNormActivation

__all__ = ["ExtraFPNBlock", "FeaturePyramidNetwork", "LastLevelMaxPool", "LastLevelP6P7"]

Levels = tuple[list[Tensor], list[str]]


class ExtraFPNBlock(nn.Module):
    """What adds levels to a pyramid: (its maps, the backbone's maps, names) -> (maps, names)."""

    def forward(self, results: list[Tensor], x: list[Tensor], names: list[str]) -> Levels:
        raise NotImplementedError("ExtraFPNBlock: expected a subclass with a forward of its own, got none. Write it.")


class LastLevelMaxPool(ExtraFPNBlock):
    """One more level: every second pixel of the last one."""

    def forward(self, results: list[Tensor], x: list[Tensor], names: list[str]) -> Levels:
        return [*results, F.max_pool2d(results[-1], kernel_size=1, stride=2, padding=0)], [*names, "pool"]


class LastLevelP6P7(ExtraFPNBlock):
    """Two more levels, p6 and p7, by convolutions with stride 2 of the last map of the backbone (or of the pyramid,
    where the channels are equal)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.p6 = nn.Conv2d(in_channels, out_channels, 3, 2, 1)
        self.p7 = nn.Conv2d(out_channels, out_channels, 3, 2, 1)
        for layer in (self.p6, self.p7):
            nn.init.kaiming_uniform_(layer.weight, a=1)
            nn.init.constant_(layer.bias, 0)
        self.use_P5 = in_channels == out_channels

    def forward(self, results: list[Tensor], x: list[Tensor], names: list[str]) -> Levels:
        p6 = self.p6(results[-1] if self.use_P5 else x[-1])
        p7 = self.p7(F.relu(p6))
        return [*results, p6, p7], [*names, "p6", "p7"]


class FeaturePyramidNetwork(nn.Module):
    """Each map by a 1x1 convolution, plus the next coarser result enlarged, then by a 3x3 convolution.

    Shape: {name: (N, in_channels_list[i], H / 2^i, W / 2^i)} -> {name: (N, out_channels, same)}, and the extra levels.
    ValueError for no channels.

    >>> import facula
    >>> from facula_vision.ops import FeaturePyramidNetwork
    >>> pyramid = FeaturePyramidNetwork([4, 8], 5)
    >>> maps = pyramid({"fine": facula.rand(1, 4, 8, 8), "coarse": facula.rand(1, 8, 4, 4)})
    >>> {name: tuple(level.shape) for name, level in maps.items()}
    {'fine': (1, 5, 8, 8), 'coarse': (1, 5, 4, 4)}
    """

    def __init__(
        self,
        in_channels_list: list[int],
        out_channels: int,
        extra_blocks: ExtraFPNBlock | None = None,
        norm_layer: Callable[..., nn.Module] | None = None,
    ) -> None:
        super().__init__()
        if 0 in in_channels_list:
            raise ValueError(
                f"FeaturePyramidNetwork: in_channels=0 is not supported, expected at least 1, got {in_channels_list}. "
                "Leave that level out."
            )
        self.inner_blocks = nn.ModuleList()
        self.layer_blocks = nn.ModuleList()
        plain: dict[str, Any] = {"norm_layer": norm_layer, "activation_layer": None}
        for channels in in_channels_list:
            self.inner_blocks.append(Conv2dNormActivation(channels, out_channels, 1, padding=0, **plain))
            self.layer_blocks.append(Conv2dNormActivation(out_channels, out_channels, 3, **plain))
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_uniform_(layer.weight, a=1)
                if layer.bias is not None:
                    nn.init.constant_(layer.bias, 0)
        self.extra_blocks = extra_blocks

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        """Weights published before a block had parts of its own: `inner_blocks.0.weight` is `inner_blocks.0.0.weight` now."""
        state_dict, prefix = args[:2]
        for block in ("inner_blocks", "layer_blocks"):
            for index in range(len(self.inner_blocks)):
                for name in ("weight", "bias"):
                    old = f"{prefix}{block}.{index}.{name}"
                    if old in state_dict:
                        state_dict[f"{prefix}{block}.{index}.0.{name}"] = state_dict.pop(old)
        super()._load_from_state_dict(*args, **kwargs)

    def forward(self, x: dict[str, Tensor]) -> dict[str, Tensor]:
        names, maps = list(x), list(x.values())
        above = self.inner_blocks[-1](maps[-1])
        results = [self.layer_blocks[-1](above)]
        for index in range(len(maps) - 2, -1, -1):
            beside = self.inner_blocks[index](maps[index])
            above = beside + F.interpolate(above, size=beside.shape[-2:], mode="nearest")
            results.insert(0, self.layer_blocks[index](above))
        if self.extra_blocks is not None:
            results, names = self.extra_blocks(results, maps, names)
        return OrderedDict(zip(names, results, strict=True))
