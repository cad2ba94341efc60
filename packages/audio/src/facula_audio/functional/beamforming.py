"""Several microphones as one that listens in a direction: spatial covariances and the weights that they give.

M. Souden, J. Benesty, S. Affes, "On optimal frequency-domain multichannel linear filtering for noise reduction" (2010).
"""

from __future__ import annotations

import facula
from facula import Tensor

__all__ = ["apply_beamforming", "mvdr_weights_rtf", "mvdr_weights_souden", "psd", "rtf_evd", "rtf_power"]


def psd(specgram: Tensor, mask: Tensor | None = None, normalize: bool = True, eps: float = 1e-10) -> Tensor:
    """The covariance of the channels at each frequency, weighted by `mask` over time (normalised to sum 1).

    Shape: (..., channel, freq, time), mask (..., freq, time) -> (..., freq, channel, channel).
    ValueError for a mask of another shape.
    """
    x = specgram.transpose(-3, -2)  # (..., freq, channel, time)
    if mask is None:
        return x @ x.conj().transpose(-2, -1)
    if mask.shape[:-1] != x.shape[:-2] or mask.shape[-1] != x.shape[-1]:
        raise ValueError(
            "psd: The dimensions of mask except the channel dimension should be the same as specgram, expected "
            f"{(*x.shape[:-2], x.shape[-1])}, got {tuple(mask.shape)}."
        )
    if normalize:
        mask = mask / (mask.sum(dim=-1, keepdim=True) + eps)
    return (x * mask.unsqueeze(-2)) @ x.conj().transpose(-2, -1)


def _check(name: str, a: Tensor, b: Tensor, b_name: str, a_name: str, fits: bool) -> None:
    if not (a.is_complex() and b.is_complex()):
        raise TypeError(
            f"{name}: The type of {a_name} and {b_name} must be complex, expected complex64 or complex128, got "
            f"{a.dtype} and {b.dtype}."
        )
    if not fits:
        raise ValueError(
            f"{name}: The dimensions of {a_name} and {b_name} should fit, expected (..., freq, channel[, channel]), got "
            f"{tuple(a.shape)} and {tuple(b.shape)}."
        )


def _covariances(name: str, psd_s: Tensor, psd_n: Tensor) -> None:
    fits = psd_s.dim() >= 3 and psd_s.shape == psd_n.shape and psd_s.shape[-1] == psd_s.shape[-2]
    _check(name, psd_s, psd_n, "psd_n", "psd_s", fits)


def _loaded(psd: Tensor, diag_eps: float) -> Tensor:
    """Some of the trace added to the diagonal, so that the matrix can be inverted."""
    epsilon = psd.diagonal(0, -1, -2).sum(-1).real[..., None, None] * diag_eps + 1e-8
    return psd + epsilon * facula.eye(psd.shape[-1], dtype=psd.dtype, device=psd.device)


def _at(name: str, matrix: Tensor, reference_channel: int | Tensor) -> Tensor:
    """The column of the reference channel, by number or by a one-hot vector.   Shape: (..., C, C) -> (..., C)."""
    if isinstance(reference_channel, Tensor):
        chosen = reference_channel.to(matrix.dtype)
        return (matrix @ chosen[..., None, :, None]).squeeze(-1)
    if not isinstance(reference_channel, int):
        raise TypeError(
            f'{name}: Expected "int" or "Tensor" for reference_channel, got {type(reference_channel).__name__}.'
        )
    return matrix[..., reference_channel]


def mvdr_weights_souden(
    psd_s: Tensor,
    psd_n: Tensor,
    reference_channel: int | Tensor,
    diagonal_loading: bool = True,
    diag_eps: float = 1e-7,
    eps: float = 1e-8,
) -> Tensor:
    """The weights that keep the speech at the reference channel and have the least noise: N^-1 S u / trace(N^-1 S).

    Shape: (..., freq, channel, channel) twice -> (..., freq, channel). TypeError for real numbers or another
    reference, ValueError for shapes that differ.
    """
    _covariances("mvdr_weights_souden", psd_s, psd_n)
    ratio = facula.linalg.solve(_loaded(psd_n, diag_eps) if diagonal_loading else psd_n, psd_s)
    trace = ratio.diagonal(0, -1, -2).sum(-1)
    return _at("mvdr_weights_souden", ratio / (trace[..., None, None] + eps), reference_channel)


def mvdr_weights_rtf(
    rtf: Tensor,
    psd_n: Tensor,
    reference_channel: int | Tensor | None = None,
    diagonal_loading: bool = True,
    diag_eps: float = 1e-7,
    eps: float = 1e-8,
) -> Tensor:
    """The weights N^-1 v / (v^H N^-1 v) for the transfer function v from the speaker, scaled to the reference channel.

    Shape: rtf (..., freq, channel), psd_n (..., freq, channel, channel) -> (..., freq, channel).
    TypeError for real numbers or another reference, ValueError for shapes that do not fit.
    """
    fits = rtf.dim() >= 2 and rtf.shape == psd_n.shape[:-1] and psd_n.shape[-1] == psd_n.shape[-2]
    _check("mvdr_weights_rtf", rtf, psd_n, "psd_n", "rtf", fits)
    psd_n = _loaded(psd_n, diag_eps) if diagonal_loading else psd_n
    numerator = facula.linalg.solve(psd_n, rtf[..., None]).squeeze(-1)
    denominator = (rtf.conj() * numerator).sum(-1)
    weights = numerator / (denominator.real[..., None] + eps)
    if reference_channel is None:
        return weights
    scale = _at("mvdr_weights_rtf", rtf[..., None, :], reference_channel).conj()
    return weights * scale


def rtf_evd(psd_s: Tensor) -> Tensor:
    """The transfer function from the speaker as the principal eigenvector of the speech's covariance.

    Shape: (..., freq, channel, channel) -> (..., freq, channel). TypeError for real numbers.
    """
    _covariances("rtf_evd", psd_s, psd_s)
    return facula.linalg.eigh(psd_s)[1][..., -1]


def rtf_power(
    psd_s: Tensor,
    psd_n: Tensor,
    reference_channel: int | Tensor,
    n_iter: int = 3,
    diagonal_loading: bool = True,
    diag_eps: float = 1e-7,
) -> Tensor:
    """The transfer function from the speaker by `n_iter` steps of the power method on N^-1 S.

    Shape: (..., freq, channel, channel) twice -> (..., freq, channel). ValueError for n_iter below 1; TypeError as
    `mvdr_weights_souden`.
    """
    _covariances("rtf_power", psd_s, psd_n)
    if n_iter <= 0:
        raise ValueError(f"rtf_power: The number of iterations must be greater than 0, expected 3 or so, got {n_iter}.")
    phi = facula.linalg.solve(_loaded(psd_n, diag_eps) if diagonal_loading else psd_n, psd_s)
    rtf = _at("rtf_power", phi, reference_channel)[..., None]
    for _ in range(n_iter - 2):
        rtf = phi @ rtf
    return ((psd_s if n_iter >= 2 else psd_n) @ rtf).squeeze(-1)  # phi and psd_s are the first two steps


def apply_beamforming(beamform_weights: Tensor, specgram: Tensor) -> Tensor:
    """The weighted sum of the channels, w^H x.   Shape: (..., freq, channel), (..., channel, freq, time) -> (..., freq, time).

    TypeError for real numbers, ValueError for shapes that do not fit.
    """
    lead, channels, freq = specgram.shape[:-3], specgram.shape[-3], specgram.shape[-2]
    fits = tuple(beamform_weights.shape) == (*lead, freq, channels)
    _check("apply_beamforming", beamform_weights, specgram, "specgram", "beamform_weights", fits)
    return facula.einsum("...fc,...cft->...ft", beamform_weights.conj(), specgram)
