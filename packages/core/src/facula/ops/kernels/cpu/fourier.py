"""Fourier transforms of many numbers by SciPy's pocketfft: several rows at once on vector registers, and on all threads.

Frames take their window on all threads too.

NumPy's takes the rows one by one. SciPy's takes 0.3 s to import, so that short transforms stay with NumPy.
"""

from __future__ import annotations

import numpy as np

from facula.config import get_num_threads
from facula.devices.threads import ranges, share
from facula.ops.fft import _half_to_real, _real_to_half, _transform
from facula.ops.kernels import compiled
from facula.ops.stft import windowed_op

_MANY = 1 << 16  # numbers from which on it pays


def _serves(input):
    return input.size >= _MANY and input.dtype.char in "fdFD" and compiled.wanted()


def transform(xp, input, dims, norm, inverse):
    """The forward of `_transform`."""
    if not dims or not _serves(input):
        return _transform.forward(xp, input, dims, norm, inverse)
    from scipy import fft

    return (fft.ifftn if inverse else fft.fftn)(input, axes=dims, norm=norm, workers=get_num_threads())


def real_to_half(xp, input, dims, norm):
    """The forward of `_real_to_half`."""
    if not _serves(input):
        return _real_to_half.forward(xp, input, dims, norm)
    from scipy import fft

    return fft.rfftn(input, axes=dims, norm=norm, workers=get_num_threads())


def half_to_real(xp, input, dims, size, norm):
    """The forward of `_half_to_real`."""
    if not _serves(input):
        return _half_to_real.forward(xp, input, dims, size, norm)
    from scipy import fft

    workers = get_num_threads()
    wide = fft.ifftn(input, axes=dims[:-1], norm=norm, workers=workers) if len(dims) > 1 else input
    return fft.irfft(wide, size, axis=dims[-1], norm=norm, workers=workers)


def windowed(xp, frames, window):
    """The forward of `windowed_op`."""
    if not _serves(frames) or frames.ndim < 2 or window.ndim != 1 or window.dtype != frames.dtype:
        return windowed_op.forward(xp, frames, window)
    count, out = frames.shape[-2], np.empty(frames.shape, frames.dtype)
    share(
        lambda i, j: np.multiply(frames[..., i:j, :], window, out=out[..., i:j, :]),
        ranges(count, frames.size // count),
    )
    return out


_transform.kernel("cpu", transform)
_real_to_half.kernel("cpu", real_to_half)
_half_to_real.kernel("cpu", half_to_real)
windowed_op.kernel("cpu", windowed)
