"""Filters given by their coefficients; all have gradients at the waveform and at the coefficients."""

from __future__ import annotations

import facula
from facula import Tensor
from facula_audio.functional.recursion import iir_op

__all__ = ["deemphasis", "filtfilt", "lfilter", "preemphasis"]


def lfilter(waveform: Tensor, a_coeffs: Tensor, b_coeffs: Tensor, clamp: bool = True, batching: bool = True) -> Tensor:
    """a[0] y[n] + a[1] y[n - 1] + ... = b[0] x[n] + b[1] x[n - 1] + ..., clipped to -1..1 if `clamp`.

    Coefficients are (order + 1), or (filters, order + 1): then the filters go to the channels one by one, or, if
    `batching` is off, each filter to the whole waveform. Shape: (..., time) -> (..., time), with a new dimension of
    filters before the last if `batching` is off. ValueError for coefficients that do not fit.

    >>> import facula
    >>> from facula_audio.functional import lfilter
    >>> lfilter(facula.tensor([1.0, 0.0, 0.0]), facula.tensor([1.0, -0.5]), facula.tensor([1.0, 0.0]))
    tensor([1.0000, 0.5000, 0.2500])
    """
    if a_coeffs.shape != b_coeffs.shape:
        raise ValueError(
            f"lfilter: Expected coeffs to be the same size, got a_coeffs {tuple(a_coeffs.shape)} and b_coeffs "
            f"{tuple(b_coeffs.shape)}. Fill the shorter up with zeros."
        )
    if a_coeffs.dim() > 2:
        raise ValueError(
            f"lfilter: Expected coeffs of 1 or 2 dimensions, got {a_coeffs.dim()}. Use (filters, order + 1)."
        )
    length = waveform.shape[-1]
    if a_coeffs.dim() == 1:
        shape, sounds = waveform.shape, waveform.reshape(-1, 1, length)
        a_coeffs, b_coeffs = a_coeffs[None], b_coeffs[None]
    elif batching:
        if waveform.dim() < 2 or waveform.shape[-2] != a_coeffs.shape[0]:
            raise ValueError(
                f"lfilter: Expected number of batches in waveform and coeffs to be the same, got {a_coeffs.shape[0]} "
                f"filters for a waveform of shape {tuple(waveform.shape)}. Use batching=False."
            )
        shape, sounds = waveform.shape, waveform.reshape(-1, a_coeffs.shape[0], length)
    else:
        filters = a_coeffs.shape[0]
        shape = (*waveform.shape[:-1], filters, length)
        sounds = waveform.reshape(-1, 1, length).expand(-1, filters, -1)
    out = iir_op(sounds, b_coeffs.to(sounds.dtype), a_coeffs.to(sounds.dtype)).reshape(shape)
    return out.clamp(-1.0, 1.0) if clamp else out


def filtfilt(waveform: Tensor, a_coeffs: Tensor, b_coeffs: Tensor, clamp: bool = True) -> Tensor:
    """`lfilter` forwards, then backwards, so that no frequency is delayed.   Shape: (..., time) -> (..., time).

    The first pass is not clipped. With two-dimensional coefficients, each filter has its own channel.
    """
    forwards = lfilter(waveform, a_coeffs, b_coeffs, clamp=False)
    return lfilter(forwards.flip(-1), a_coeffs, b_coeffs, clamp=clamp).flip(-1)


def preemphasis(waveform: Tensor, coeff: float = 0.97) -> Tensor:
    """y[n] = x[n] - coeff x[n - 1]: high frequencies become louder.   Shape: (..., time) -> (..., time)."""
    return facula.cat([waveform[..., :1], waveform[..., 1:] - coeff * waveform[..., :-1]], dim=-1)


def deemphasis(waveform: Tensor, coeff: float = 0.97) -> Tensor:
    """y[n] = x[n] + coeff y[n - 1], the inverse of `preemphasis`, clipped to -1..1.   Shape: (..., time) -> (..., time)."""
    return lfilter(waveform, waveform.new_tensor([1.0, -coeff]), waveform.new_tensor([1.0, 0.0]))
