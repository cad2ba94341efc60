"""Augmentation by masks over frequency and time (D. Park et al., "SpecAugment", 2019)."""

from __future__ import annotations

from facula import Tensor, nn
from facula_audio import functional as F

__all__ = ["FrequencyMasking", "SpecAugment", "TimeMasking"]


class _AxisMasking(nn.Module):
    """A random mask along one axis (counted from the end)."""

    def __init__(self, mask_param: int, axis: int, iid_masks: bool, p: float = 1.0) -> None:
        super().__init__()
        self.mask_param = mask_param
        self.axis = axis
        self.iid_masks = iid_masks
        self.p = p

    def forward(self, specgram: Tensor, mask_value: float | Tensor = 0.0) -> Tensor:
        axis = specgram.dim() + self.axis
        if self.iid_masks:
            return F.mask_along_axis_iid(specgram, self.mask_param, mask_value, axis, self.p)
        return F.mask_along_axis(specgram, self.mask_param, float(mask_value), axis, self.p)


class FrequencyMasking(_AxisMasking):
    """A band of fewer than `freq_mask_param` frequencies set to a value; one for each example with `iid_masks`.

    Shape: (..., freq, time) -> the same.
    """

    def __init__(self, freq_mask_param: int, iid_masks: bool = False) -> None:
        super().__init__(freq_mask_param, -2, iid_masks)


class TimeMasking(_AxisMasking):
    """A stretch of fewer than `time_mask_param` frames set to a value; one for each example with `iid_masks`.

    At most a share `p` of the frames is masked. Shape: (..., freq, time) -> the same. ValueError for p outside 0..1.
    """

    def __init__(self, time_mask_param: int, iid_masks: bool = False, p: float = 1.0) -> None:
        if not 0.0 <= p <= 1.0:
            raise ValueError(f"TimeMasking: The value of p must be between 0.0 and 1.0, expected that, got {p}.")
        super().__init__(time_mask_param, -1, iid_masks, p)


class SpecAugment(nn.Module):
    """Several masks over time and over frequency, with the mean of the spectrogram or zero.

    Shape: (..., freq, time) -> the same.
    """

    def __init__(
        self,
        n_time_masks: int,
        time_mask_param: int,
        n_freq_masks: int,
        freq_mask_param: int,
        iid_masks: bool = True,
        p: float = 1.0,
        zero_masking: bool = False,
    ) -> None:
        super().__init__()
        self.n_time_masks = n_time_masks
        self.time_mask_param = time_mask_param
        self.n_freq_masks = n_freq_masks
        self.freq_mask_param = freq_mask_param
        self.iid_masks = iid_masks
        self.p = p
        self.zero_masking = zero_masking

    def forward(self, specgram: Tensor) -> Tensor:
        value: float | Tensor = 0.0 if self.zero_masking else specgram.mean()
        over_time = _AxisMasking(self.time_mask_param, -1, self.iid_masks and specgram.dim() > 2, self.p)
        over_frequency = _AxisMasking(self.freq_mask_param, -2, self.iid_masks and specgram.dim() > 2, self.p)
        for _ in range(self.n_time_masks):
            specgram = over_time(specgram, value)
        for _ in range(self.n_freq_masks):
            specgram = over_frequency(specgram, value)
        return specgram
