"""Several microphones as one, by minimum variance distortionless response (MVDR)."""

from __future__ import annotations

import facula
from facula import Tensor, nn
from facula_audio import functional as F

__all__ = ["MVDR", "PSD", "RTFMVDR", "SoudenMVDR"]


class PSD(nn.Module):
    """The covariance of the channels at each frequency; with `multi_mask`, the mask has channels and is averaged.

    Shape: (..., channel, freq, time), mask (..., [channel,] freq, time) -> (..., freq, channel, channel).
    """

    def __init__(self, multi_mask: bool = False, normalize: bool = True, eps: float = 1e-15) -> None:
        super().__init__()
        self.multi_mask = multi_mask
        self.normalize = normalize
        self.eps = eps

    def forward(self, specgram: Tensor, mask: Tensor | None = None) -> Tensor:
        if mask is not None and self.multi_mask:
            mask = mask.mean(dim=-3)
        return F.psd(specgram, mask, self.normalize, self.eps)


class SoudenMVDR(nn.Module):
    """The enhanced speech by Souden's weights from both covariances.

    Shape: specgram (..., channel, freq, time), covariances (..., freq, channel, channel) -> (..., freq, time).
    """

    def forward(
        self,
        specgram: Tensor,
        psd_s: Tensor,
        psd_n: Tensor,
        reference_channel: int | Tensor,
        diagonal_loading: bool = True,
        diag_eps: float = 1e-7,
        eps: float = 1e-8,
    ) -> Tensor:
        weights = F.mvdr_weights_souden(psd_s, psd_n, reference_channel, diagonal_loading, diag_eps, eps)
        return F.apply_beamforming(weights, specgram)


class RTFMVDR(nn.Module):
    """The enhanced speech by the weights from the speaker's transfer function and the noise's covariance.

    Shape: specgram (..., channel, freq, time), rtf (..., freq, channel), psd_n (..., freq, channel, channel) ->
    (..., freq, time).
    """

    def forward(
        self,
        specgram: Tensor,
        rtf: Tensor,
        psd_n: Tensor,
        reference_channel: int | Tensor,
        diagonal_loading: bool = True,
        diag_eps: float = 1e-7,
        eps: float = 1e-8,
    ) -> Tensor:
        weights = F.mvdr_weights_rtf(rtf, psd_n, reference_channel, diagonal_loading, diag_eps, eps)
        return F.apply_beamforming(weights, specgram)


class MVDR(nn.Module):
    """The enhanced speech of several microphones, from masks of speech and noise.

    `solution` is "ref_channel" (Souden's), "stv_evd" or "stv_power" (by a steering vector from eigenvalues or the power
    method); with `online`, covariances are averaged over the calls so far.

    Shape: specgram (..., channel, freq, time), masks (..., freq, time), or with channels for `multi_mask` ->
    (..., freq, time). ValueError for real numbers or another solution.
    """

    def __init__(
        self,
        ref_channel: int = 0,
        solution: str = "ref_channel",
        multi_mask: bool = False,
        diag_loading: bool = True,
        diag_eps: float = 1e-7,
        online: bool = False,
    ) -> None:
        super().__init__()
        if solution not in ("ref_channel", "stv_evd", "stv_power"):
            raise ValueError(
                'MVDR: `solution` must be one of ["ref_channel", "stv_evd", "stv_power"], expected that, got '
                f"{solution!r}."
            )
        self.ref_channel = ref_channel
        self.solution = solution
        self.multi_mask = multi_mask
        self.diag_loading = diag_loading
        self.diag_eps = diag_eps
        self.online = online
        self.psd = PSD(multi_mask)
        for name in ("psd_s", "psd_n", "mask_sum_s", "mask_sum_n"):  # of all calls so far, if online
            self.register_buffer(name, facula.zeros(1))

    def forward(self, specgram: Tensor, mask_s: Tensor, mask_n: Tensor | None = None) -> Tensor:
        if specgram.dim() < 3:
            raise ValueError(
                f"MVDR: Expected at least 3D tensor (..., channel, freq, time), got {tuple(specgram.shape)}."
            )
        if not specgram.is_complex():
            raise ValueError(
                "MVDR: The type of ``specgram`` tensor must be complex, expected complex64 or complex128, got "
                f"{specgram.dtype}."
            )
        mask_n = 1 - mask_s if mask_n is None else mask_n
        wide = specgram.to(facula.complex128)
        psd_s, psd_n = self.psd(wide, mask_s), self.psd(wide, mask_n)
        if self.online:
            psd_s, psd_n = self._followed("s", psd_s, mask_s), self._followed("n", psd_n, mask_n)
        chosen = facula.zeros(specgram.shape[:-2], dtype=facula.complex128, device=specgram.device)
        chosen[..., self.ref_channel] = 1
        if self.solution == "ref_channel":
            weights = F.mvdr_weights_souden(psd_s, psd_n, chosen, self.diag_loading, self.diag_eps)
        else:
            if self.solution == "stv_evd":
                steering = F.rtf_evd(psd_s)
            else:
                steering = F.rtf_power(psd_s, psd_n, chosen, 3, self.diag_loading, self.diag_eps)
            weights = F.mvdr_weights_rtf(steering, psd_n, chosen, self.diag_loading, self.diag_eps)
        return F.apply_beamforming(weights, wide).to(specgram.dtype)

    def _followed(self, kind: str, psd: Tensor, mask: Tensor) -> Tensor:
        """The covariance over all calls, each weighted by the sum of its mask."""
        old, weight = getattr(self, f"psd_{kind}"), getattr(self, f"mask_sum_{kind}")
        total = (mask.mean(dim=-3) if self.multi_mask else mask).sum(dim=-1)
        if old.dim() > 1:
            share = (weight / (weight + total))[..., None, None]
            psd, total = old * share + psd * (1 - share), weight + total
        setattr(self, f"psd_{kind}", psd.detach())
        setattr(self, f"mask_sum_{kind}", total.detach())
        return psd
