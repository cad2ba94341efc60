"""Policies of augmentation: AutoAugment, RandAugment, TrivialAugment, AugMix."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, ClassVar

import numpy as np

import facula
from facula import Tensor
from facula.tree import tree_flatten, tree_unflatten
from facula_vision import tv_tensors
from facula_vision.transforms.interpolation import InterpolationMode
from facula_vision.transforms.v2 import functional as F
from facula_vision.transforms.v2.base import Fill, Transform, chance, check_type, integer, is_pil_image, is_pure_tensor
from facula_vision.transforms.v2.functional.color import top
from facula_vision.tv_tensors import plain

__all__ = ["AugMix", "AutoAugment", "AutoAugmentPolicy", "RandAugment", "TrivialAugmentWide"]

Interpolation = InterpolationMode | str | int
Magnitudes = Callable[[int, int, int], Any]  # (bins, height, width) -> a magnitude for each bin
Space = dict[str, tuple[Magnitudes, bool]]  # and whether its sign is drawn


class AutoAugmentPolicy(Enum):
    """The dataset that a policy of AutoAugment was found on."""

    IMAGENET = "imagenet"
    CIFAR10 = "cifar10"
    SVHN = "svhn"


def _policies(table: str) -> list[list[tuple[str, float, int | None]]]:
    """Two steps (operation, probability, bin of its magnitude) a line."""
    found = []
    for line in table.strip().splitlines():
        words = line.split()
        steps = [words[:3], words[3:]]
        found.append([(name, float(p), None if bin == "-" else int(bin)) for name, p, bin in steps])
    return found


# The tables of the paper's appendix, https://arxiv.org/abs/1805.09501.
_POLICIES = {
    AutoAugmentPolicy.IMAGENET: """
        Posterize 0.4 8 Rotate 0.6 9
        Solarize 0.6 5 AutoContrast 0.6 -
        Equalize 0.8 - Equalize 0.6 -
        Posterize 0.6 7 Posterize 0.6 6
        Equalize 0.4 - Solarize 0.2 4
        Equalize 0.4 - Rotate 0.8 8
        Solarize 0.6 3 Equalize 0.6 -
        Posterize 0.8 5 Equalize 1.0 -
        Rotate 0.2 3 Solarize 0.6 8
        Equalize 0.6 - Posterize 0.4 6
        Rotate 0.8 8 Color 0.4 0
        Rotate 0.4 9 Equalize 0.6 -
        Equalize 0.0 - Equalize 0.8 -
        Invert 0.6 - Equalize 1.0 -
        Color 0.6 4 Contrast 1.0 8
        Rotate 0.8 8 Color 1.0 2
        Color 0.8 8 Solarize 0.8 7
        Sharpness 0.4 7 Invert 0.6 -
        ShearX 0.6 5 Equalize 1.0 -
        Color 0.4 0 Equalize 0.6 -
        Equalize 0.4 - Solarize 0.2 4
        Solarize 0.6 5 AutoContrast 0.6 -
        Invert 0.6 - Equalize 1.0 -
        Color 0.6 4 Contrast 1.0 8
        Equalize 0.8 - Equalize 0.6 -""",
    AutoAugmentPolicy.CIFAR10: """
        Invert 0.1 - Contrast 0.2 6
        Rotate 0.7 2 TranslateX 0.3 9
        Sharpness 0.8 1 Sharpness 0.9 3
        ShearY 0.5 8 TranslateY 0.7 9
        AutoContrast 0.5 - Equalize 0.9 -
        ShearY 0.2 7 Posterize 0.3 7
        Color 0.4 3 Brightness 0.6 7
        Sharpness 0.3 9 Brightness 0.7 9
        Equalize 0.6 - Equalize 0.5 -
        Contrast 0.6 7 Sharpness 0.6 5
        Color 0.7 7 TranslateX 0.5 8
        Equalize 0.3 - AutoContrast 0.4 -
        TranslateY 0.4 3 Sharpness 0.2 6
        Brightness 0.9 6 Color 0.2 8
        Solarize 0.5 2 Invert 0.0 -
        Equalize 0.2 - AutoContrast 0.6 -
        Equalize 0.2 - Equalize 0.6 -
        Color 0.9 9 Equalize 0.6 -
        AutoContrast 0.8 - Solarize 0.2 8
        Brightness 0.1 3 Color 0.7 0
        Solarize 0.4 5 AutoContrast 0.9 -
        TranslateY 0.9 9 TranslateY 0.7 9
        AutoContrast 0.9 - Solarize 0.8 3
        Equalize 0.8 - Invert 0.1 -
        TranslateY 0.7 9 AutoContrast 0.9 -""",
    AutoAugmentPolicy.SVHN: """
        ShearX 0.9 4 Invert 0.2 -
        ShearY 0.9 8 Invert 0.7 -
        Equalize 0.6 - Solarize 0.6 6
        Invert 0.9 - Equalize 0.6 -
        Equalize 0.6 - Rotate 0.9 3
        ShearX 0.9 4 AutoContrast 0.8 -
        ShearY 0.9 8 Invert 0.4 -
        ShearY 0.9 5 Solarize 0.2 6
        Invert 0.9 - AutoContrast 0.8 -
        Equalize 0.6 - Rotate 0.9 3
        ShearX 0.9 4 Solarize 0.3 3
        ShearY 0.8 8 Invert 0.7 -
        Equalize 0.9 - TranslateY 0.6 6
        Invert 0.9 - Equalize 0.6 -
        Contrast 0.3 3 Rotate 0.8 4
        Invert 0.8 - TranslateY 0.0 2
        ShearY 0.7 6 Solarize 0.4 8
        Invert 0.6 - Rotate 0.8 4
        ShearY 0.3 7 TranslateX 0.9 3
        ShearX 0.1 6 Invert 0.6 -
        Solarize 0.7 2 TranslateY 0.6 7
        ShearY 0.8 4 Invert 0.8 -
        ShearX 0.7 9 TranslateY 0.8 3
        ShearY 0.8 5 AutoContrast 0.7 -
        ShearX 0.7 2 Invert 0.1 -""",
}


def _nothing(bins: int, height: int, width: int) -> None:
    return None


def _up_to(most: float) -> Magnitudes:
    return lambda bins, height, width: np.linspace(0.0, most, bins)


def _bits(first: int, last: int) -> Magnitudes:
    return lambda bins, height, width: first - (np.arange(bins) / ((bins - 1) / (first - last))).round().astype(int)


def _space(most: float, angle: float, x: Magnitudes, y: Magnitudes, shear: float, bits: Magnitudes) -> Space:
    """The operations with their magnitudes."""
    return {
        "ShearX": (_up_to(shear), True),
        "ShearY": (_up_to(shear), True),
        "TranslateX": (x, True),
        "TranslateY": (y, True),
        "Rotate": (_up_to(angle), True),
        **dict.fromkeys(("Brightness", "Color", "Contrast", "Sharpness"), (_up_to(most), True)),
        "Posterize": (bits, False),
        "Solarize": (lambda bins, height, width: np.linspace(1.0, 0.0, bins), False),
        "AutoContrast": (_nothing, False),
        "Equalize": (_nothing, False),
    }


def _of_width(share: float) -> Magnitudes:
    return lambda bins, height, width: np.linspace(0.0, share * width, bins)


def _of_height(share: float) -> Magnitudes:
    return lambda bins, height, width: np.linspace(0.0, share * height, bins)


_AUTO = _space(0.9, 30.0, _of_width(150.0 / 331.0), _of_height(150.0 / 331.0), 0.3, _bits(8, 4))
_WIDE = _space(0.99, 135.0, _up_to(32.0), _up_to(32.0), 0.99, _bits(8, 2))
_MIX = _space(0.9, 30.0, _of_width(1.0 / 3.0), _of_height(1.0 / 3.0), 0.3, _bits(4, 0))
_PLAIN = ("Brightness", "Color", "Contrast", "Sharpness")


def augment(image: Any, name: str, magnitude: float, interpolation: Interpolation, fill: Any) -> Any:
    """One operation of a policy; ValueError for an unknown one."""

    def sheared(x: float, y: float) -> Any:
        return F.affine(
            image, angle=0.0, translate=[0, 0], scale=1.0, shear=[math.degrees(x), math.degrees(y)],
            interpolation=interpolation, fill=fill, center=[0, 0],
        )  # fmt: skip

    def moved(x: int, y: int) -> Any:
        return F.affine(
            image, angle=0.0, translate=[x, y], scale=1.0, interpolation=interpolation, shear=[0.0, 0.0], fill=fill
        )

    operations: dict[str, Callable[[], Any]] = {
        "Identity": lambda: image,
        "ShearX": lambda: sheared(math.atan(magnitude), 0.0),
        "ShearY": lambda: sheared(0.0, math.atan(magnitude)),
        "TranslateX": lambda: moved(int(magnitude), 0),
        "TranslateY": lambda: moved(0, int(magnitude)),
        "Rotate": lambda: F.rotate(image, angle=magnitude, interpolation=interpolation, fill=fill),
        "Brightness": lambda: F.adjust_brightness(image, brightness_factor=1.0 + magnitude),
        "Color": lambda: F.adjust_saturation(image, saturation_factor=1.0 + magnitude),
        "Contrast": lambda: F.adjust_contrast(image, contrast_factor=1.0 + magnitude),
        "Sharpness": lambda: F.adjust_sharpness(image, sharpness_factor=1.0 + magnitude),
        "Posterize": lambda: F.posterize(image, bits=int(magnitude)),
        "Solarize": lambda: F.solarize(image, threshold=(top(image) if isinstance(image, Tensor) else 255) * magnitude),
        "AutoContrast": lambda: F.autocontrast(image),
        "Equalize": lambda: F.equalize(image),
        "Invert": lambda: F.invert(image),
    }
    if name not in operations:
        raise ValueError(f"augment: expected one of {', '.join(operations)}, got {name!r}. Choose one of them.")
    return operations[name]()


class _Augment(Transform):
    """A policy for the one image or video of a sample; TypeError for boxes, masks or several images."""

    def __init__(self, interpolation: Interpolation, fill: Any) -> None:
        super().__init__()
        self.interpolation = interpolation
        self.fill = fill

    def _augmented(self, image: Any) -> Any:
        raise NotImplementedError

    def forward(self, *inputs: Any) -> Any:
        flat_inputs, spec = tree_flatten(inputs if len(inputs) > 1 else inputs[0])
        needed = self._needs_transform(flat_inputs)
        place = None
        for number, (inpt, need) in enumerate(zip(flat_inputs, needed, strict=True)):
            if isinstance(inpt, (tv_tensors.BoundingBoxes, tv_tensors.KeyPoints, tv_tensors.Mask)):
                raise TypeError(
                    f"Inputs of type {type(inpt).__name__} are not supported by {type(self).__name__}(): expected an "
                    "image, got it beside one. Transform the image alone."
                )
            if need and check_type(inpt, (is_pure_tensor, is_pil_image, tv_tensors.Image, tv_tensors.Video)):
                if place is not None:
                    raise TypeError(
                        "Auto augment transformations are only properly defined for a single image or video, expected "
                        "one, got more. Call it on each."
                    )
                place = number
        if place is None:
            raise TypeError(f"{type(self).__name__}: found no image in the sample, expected one, got none. Pass one.")
        flat_inputs[place] = self._augmented(flat_inputs[place])
        return tree_unflatten(flat_inputs, spec)

    def _one(self, image: Any, name: str, magnitude: float) -> Any:
        return augment(image, name, magnitude, self.interpolation, Fill(self.fill).of(image))

    def _drawn(self, image: Any, space: Space, name: str, bins: int, bin: Callable[[], int]) -> Any:
        """The operation with the magnitude of a bin, its sign drawn."""
        magnitudes, signed = space[name]
        found = magnitudes(bins, *F.get_size(image))
        magnitude = 0.0 if found is None else float(found[bin()])
        if signed and chance() <= 0.5:
            magnitude = -magnitude
        return self._one(image, name, magnitude)


class AutoAugment(_Augment):
    """One of 25 pairs of operations, drawn for each image, as found by search: https://arxiv.org/abs/1805.09501."""

    _AUGMENTATION_SPACE: ClassVar[Space] = {**_AUTO, "Invert": (_nothing, False)}

    def __init__(
        self,
        policy: AutoAugmentPolicy = AutoAugmentPolicy.IMAGENET,
        interpolation: Interpolation = InterpolationMode.NEAREST,
        fill: Any = None,
    ) -> None:
        super().__init__(interpolation, fill)
        if policy not in _POLICIES:
            raise ValueError(
                f"AutoAugment: the provided policy {policy} is not recognized, expected an AutoAugmentPolicy. Pass one."
            )
        self.policy = policy
        self._policies = _policies(_POLICIES[policy])

    @staticmethod
    def get_params(transform_num: int) -> tuple[int, Tensor, Tensor]:
        """(number of the pair, two numbers that decide whether, two that decide the signs)."""
        return integer(0, transform_num), facula.rand(2), facula.randint(2, (2,))

    def _augmented(self, image: Any) -> Any:
        for name, probability, bin in self._policies[integer(0, len(self._policies))]:
            if chance() <= probability:
                image = self._drawn(image, self._AUGMENTATION_SPACE, name, 10, lambda bin=bin or 0: bin)  # type: ignore[misc]
        return image


class RandAugment(_Augment):
    """`num_ops` operations of one magnitude, drawn for each image: https://arxiv.org/abs/1909.13719."""

    _AUGMENTATION_SPACE: ClassVar[Space] = {"Identity": (_nothing, False), **_AUTO}

    def __init__(
        self,
        num_ops: int = 2,
        magnitude: int = 9,
        num_magnitude_bins: int = 31,
        interpolation: Interpolation = InterpolationMode.NEAREST,
        fill: Any = None,
    ) -> None:
        super().__init__(interpolation, fill)
        self.num_ops = num_ops
        self.magnitude = magnitude
        self.num_magnitude_bins = num_magnitude_bins

    def _augmented(self, image: Any) -> Any:
        names = list(self._AUGMENTATION_SPACE)
        for _ in range(self.num_ops):
            name = names[integer(0, len(names))]
            image = self._drawn(image, self._AUGMENTATION_SPACE, name, self.num_magnitude_bins, lambda: self.magnitude)
        return image


class TrivialAugmentWide(_Augment):
    """One operation of a random magnitude, drawn for each image: https://arxiv.org/abs/2103.10158."""

    _AUGMENTATION_SPACE: ClassVar[Space] = {"Identity": (_nothing, False), **_WIDE}

    def __init__(
        self,
        num_magnitude_bins: int = 31,
        interpolation: Interpolation = InterpolationMode.NEAREST,
        fill: Any = None,
    ) -> None:
        super().__init__(interpolation, fill)
        self.num_magnitude_bins = num_magnitude_bins

    def _augmented(self, image: Any) -> Any:
        names = list(self._AUGMENTATION_SPACE)
        name, bins = names[integer(0, len(names))], self.num_magnitude_bins
        return self._drawn(image, self._AUGMENTATION_SPACE, name, bins, lambda: integer(0, bins))


class AugMix(_Augment):
    """The image mixed with `mixture_width` chains of operations on it: https://arxiv.org/abs/1912.02781.

    A chain has `chain_depth` operations, or one to three where that is not positive; `all_ops` takes in those that the
    paper's test of corruptions overlaps with. ValueError for a severity outside 1..10.
    """

    _PARTIAL_AUGMENTATION_SPACE: ClassVar[Space] = {name: entry for name, entry in _MIX.items() if name not in _PLAIN}
    _AUGMENTATION_SPACE: ClassVar[Space] = {**_PARTIAL_AUGMENTATION_SPACE, **{name: _MIX[name] for name in _PLAIN}}

    def __init__(
        self,
        severity: int = 3,
        mixture_width: int = 3,
        chain_depth: int = -1,
        alpha: float = 1.0,
        all_ops: bool = True,
        interpolation: Interpolation = InterpolationMode.BILINEAR,
        fill: Any = None,
    ) -> None:
        super().__init__(interpolation, fill)
        if not 1 <= severity <= 10:
            raise ValueError(f"AugMix: the severity must be between [1, 10], got {severity} instead. Choose it there.")
        self.severity = severity
        self.mixture_width = mixture_width
        self.chain_depth = chain_depth
        self.alpha = alpha
        self.all_ops = all_ops

    def _shares(self, alphas: Sequence[float]) -> np.ndarray:
        drawn = facula.distributions.Dirichlet(facula.tensor(list(alphas))).sample()
        return np.asarray(drawn.numpy(), dtype=np.float64)

    def _augmented(self, image: Any) -> Any:
        space = self._AUGMENTATION_SPACE if self.all_ops else self._PARTIAL_AUGMENTATION_SPACE
        pixels = F.pil_to_tensor(image) if is_pil_image(image) else plain(image)
        own, mixed = self._shares([self.alpha] * 2)
        chains = self._shares([self.alpha] * self.mixture_width) * mixed
        chains_of = [self._chain(pixels, space) for _ in chains]
        return self._mixed(image, pixels, chains_of, own, chains)

    def _chain(self, pixels: Tensor, space: Space) -> Tensor:
        names = list(space)
        for _ in range(self.chain_depth if self.chain_depth > 0 else integer(1, 4)):
            name = names[integer(0, len(names))]
            pixels = self._drawn(pixels, space, name, 10, lambda: integer(0, self.severity))
        return pixels

    def _mixed(self, image: Any, pixels: Tensor, chains: list[Tensor], own: float, shares: Sequence[float]) -> Any:
        """own x pixels + the sum of share x chain, as the kind of input that came."""
        total = pixels * float(own)
        for chain, share in zip(chains, shares, strict=True):
            total = total + chain * float(share)
        out = total.to(pixels.dtype)
        if is_pil_image(image):
            return F.to_pil_image(out, mode=image.mode)
        return image.like(out) if isinstance(image, tv_tensors.TVTensor) else out
