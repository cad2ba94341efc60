"""Transforms of colours, at random and not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import facula
from facula_vision.transforms.v2 import functional as F
from facula_vision.transforms.v2.base import RandomApplied, Transform, chance, query_chw, uniform

__all__ = [
    "RGB",
    "ColorJitter",
    "Grayscale",
    "RandomAdjustSharpness",
    "RandomAutocontrast",
    "RandomChannelPermutation",
    "RandomEqualize",
    "RandomGrayscale",
    "RandomInvert",
    "RandomPhotometricDistort",
    "RandomPosterize",
    "RandomSolarize",
]


class Grayscale(Transform):
    """The grey picture, in one channel or in three equal ones."""

    def __init__(self, num_output_channels: int = 1) -> None:
        super().__init__()
        self.num_output_channels = num_output_channels

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.rgb_to_grayscale, inpt, num_output_channels=self.num_output_channels)


class RandomGrayscale(RandomApplied):
    """The grey picture in as many channels as before, with probability `p`."""

    def __init__(self, p: float = 0.1) -> None:
        super().__init__(p=p)

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        return dict(num_input_channels=query_chw(flat_inputs)[0])

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.rgb_to_grayscale, inpt, num_output_channels=params["num_input_channels"])


class RGB(Transform):
    """Three channels, equal ones for a grey picture."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.grayscale_to_rgb, inpt)


_JITTERS = (
    (F.adjust_brightness, "brightness_factor"),
    (F.adjust_contrast, "contrast_factor"),
    (F.adjust_saturation, "saturation_factor"),
    (F.adjust_hue, "hue_factor"),
)


class ColorJitter(Transform):
    """Brightness, contrast, saturation and hue changed by random factors, in random order.

    A number x stands for the range from max(0, 1 - x) to 1 + x, for the hue from -x to x (at most half a turn). ValueError
    for ranges that cannot be.
    """

    def __init__(
        self,
        brightness: float | Sequence[float] | None = None,
        contrast: float | Sequence[float] | None = None,
        saturation: float | Sequence[float] | None = None,
        hue: float | Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        self.brightness = _range("brightness", brightness)
        self.contrast = _range("contrast", contrast)
        self.saturation = _range("saturation", saturation)
        self.hue = _range("hue", hue, center=0.0, bound=(-0.5, 0.5))

    @staticmethod
    def get_params(
        brightness: Sequence[float] | None,
        contrast: Sequence[float] | None,
        saturation: Sequence[float] | None,
        hue: Sequence[float] | None,
    ) -> tuple[Any, float | None, float | None, float | None, float | None]:
        """The order of the four changes and their factors."""
        order = facula.randperm(4)
        factors = [None if span is None else uniform(*span) for span in (brightness, contrast, saturation, hue)]
        return order, factors[0], factors[1], factors[2], factors[3]

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        order, *factors = self.get_params(self.brightness, self.contrast, self.saturation, self.hue)
        names = [name for _, name in _JITTERS]
        return dict(fn_idx=order, **dict(zip(names, factors, strict=True)))

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        for number in map(int, params["fn_idx"]):
            adjust, name = _JITTERS[number]
            if params[name] is not None:
                inpt = self._call_kernel(adjust, inpt, params[name])
        return inpt


def _range(
    name: str, value: Any, center: float = 1.0, bound: tuple[float, float] = (0.0, float("inf"))
) -> tuple[float, float] | None:
    if value is None:
        return None
    if isinstance(value, (int, float)):
        if value < 0:
            raise ValueError(
                f"ColorJitter: if {name} is a single number, it must be non negative, got {value}. Pass 0 or above."
            )
        low, high = center - value, center + value
        low = max(low, 0.0) if center else low
    elif isinstance(value, Sequence) and len(value) == 2:
        low, high = float(value[0]), float(value[1])
    else:
        raise TypeError(
            f"ColorJitter: {name} should be a single number or a sequence with length 2, got {value!r}. Pass one."
        )
    if not bound[0] <= low <= high <= bound[1]:
        raise ValueError(
            f"ColorJitter: {name} values should be between {bound} and increasing, got {[low, high]}. Choose them so."
        )
    return None if low == high == center else (float(low), float(high))


class RandomChannelPermutation(Transform):
    """The channels in random order."""

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        return dict(permutation=facula.randperm(query_chw(flat_inputs)[0]))

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.permute_channels, inpt, params["permutation"])


class RandomPhotometricDistort(Transform):
    """Brightness, contrast, saturation, hue and the order of channels, each changed with probability `p`.

    As SSD is trained: https://arxiv.org/abs/1512.02325.
    """

    def __init__(
        self,
        brightness: tuple[float, float] = (0.875, 1.125),
        contrast: tuple[float, float] = (0.5, 1.5),
        saturation: tuple[float, float] = (0.5, 1.5),
        hue: tuple[float, float] = (-0.05, 0.05),
        p: float = 0.5,
    ) -> None:
        super().__init__()
        self.brightness = brightness
        self.contrast = contrast
        self.hue = hue
        self.saturation = saturation
        self.p = p

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        channels = query_chw(flat_inputs)[0]
        spans = (self.brightness, self.contrast, self.saturation, self.hue)
        factors = [uniform(*span) if chance() < self.p else None for span in spans]
        return dict(
            **dict(zip([name for _, name in _JITTERS], factors, strict=True)),
            contrast_before=chance() < 0.5,
            channel_permutation=facula.randperm(channels) if chance() < self.p else None,
        )

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        brightness, contrast, saturation, hue = _JITTERS
        early = params["contrast_before"]
        for adjust, name in (
            brightness,
            *([contrast] if early else []),
            saturation,
            hue,
            *([] if early else [contrast]),
        ):
            if params[name] is not None:
                inpt = self._call_kernel(adjust, inpt, params[name])
        if params["channel_permutation"] is not None:
            inpt = self._call_kernel(F.permute_channels, inpt, params["channel_permutation"])
        return inpt


class RandomEqualize(RandomApplied):
    """The histogram evened out, with probability `p`."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.equalize, inpt)


class RandomInvert(RandomApplied):
    """The colours inverted, with probability `p`."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.invert, inpt)


class RandomAutocontrast(RandomApplied):
    """Each channel stretched from black to white, with probability `p`."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.autocontrast, inpt)


class RandomPosterize(RandomApplied):
    """Only the first `bits` bits of each number, with probability `p`."""

    def __init__(self, bits: int, p: float = 0.5) -> None:
        super().__init__(p=p)
        self.bits = bits

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.posterize, inpt, bits=self.bits)


class RandomSolarize(RandomApplied):
    """Numbers from the threshold on inverted, with probability `p`."""

    def __init__(self, threshold: float, p: float = 0.5) -> None:
        super().__init__(p=p)
        self.threshold = threshold

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.solarize, inpt, threshold=self.threshold)


class RandomAdjustSharpness(RandomApplied):
    """The sharpness times a factor, with probability `p`."""

    def __init__(self, sharpness_factor: float, p: float = 0.5) -> None:
        super().__init__(p=p)
        self.sharpness_factor = sharpness_factor

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.adjust_sharpness, inpt, sharpness_factor=self.sharpness_factor)
