"""Window functions: hann, hamming, blackman, bartlett, kaiser and the windows of `facula.signal.windows`."""

from __future__ import annotations

import numpy as np

from facula import dtypes
from facula.errors import type_error, value_error
from facula.ops.create import _place


def _made(name, count, values, dtype, device, requires_grad):
    if count < 0:
        raise value_error(f"{name}: requires non-negative window length, got M={count}. Use zero or more.")
    d = dtypes.default().numpy if dtype is None else dtypes.numpy_of(dtype)
    if not dtypes.is_float(d):
        raise value_error(f"{name}: expects float32 or float64 dtypes, got: {dtype}. Use a floating-point dtype.")
    return _place(np.asarray(values if count > 1 else np.ones(count)).astype(d), device, requires_grad)


def _angles(count, sym):
    """0 to 2 pi over the window (to just below it for a periodic one)."""
    return 2 * np.pi * np.arange(count) / max(count - 1 if sym else count, 1)


def _cosines(count, sym, weights):
    angles = _angles(count, sym)
    return sum((-1) ** i * a * np.cos(i * angles) for i, a in enumerate(weights)) + 0 * angles


def _centred(count, sym):
    """Positions counted from the middle of the window."""
    n = count if sym else count + 1
    return np.arange(count) - (n - 1) / 2


def signal_windows_general_cosine(M, *, a, sym=True, dtype=None, layout=None, device=None, requires_grad=False):
    """The sum of cosines with alternating signs and weights `a`.   Shape: (M)."""
    if not isinstance(a, (list, tuple)):
        raise type_error(
            f"general_cosine: Coefficients must be a list/tuple, got {type(a).__name__}. Pass e.g. [0.5, 0.5]."
        )
    if not a:
        raise value_error("general_cosine: Coefficients cannot be empty, got none. Pass at least one weight.")
    return _made("general_cosine", M, _cosines(M, sym, a), dtype, device, requires_grad)


def signal_windows_general_hamming(
    M, *, alpha=0.54, sym=True, dtype=None, layout=None, device=None, requires_grad=False
):
    """alpha - (1 - alpha) cos(2 pi n / (M - 1)).   Shape: (M).

    >>> import facula
    >>> facula.signal.windows.general_hamming(3, alpha=0.5)
    tensor([0., 1., 0.])
    """
    return _made("general_hamming", M, _cosines(M, sym, (alpha, 1 - alpha)), dtype, device, requires_grad)


def signal_windows_hamming(M, *, sym=True, dtype=None, layout=None, device=None, requires_grad=False):
    """The Hamming window.   Shape: (M).

    >>> import facula
    >>> facula.signal.windows.hamming(3)
    tensor([0.0800, 1.0000, 0.0800])
    """
    return _made("hamming", M, _cosines(M, sym, (0.54, 0.46)), dtype, device, requires_grad)


def signal_windows_hann(M, *, sym=True, dtype=None, layout=None, device=None, requires_grad=False):
    """The Hann window.   Shape: (M).

    >>> import facula
    >>> facula.signal.windows.hann(3)
    tensor([0., 1., 0.])
    """
    return _made("hann", M, _cosines(M, sym, (0.5, 0.5)), dtype, device, requires_grad)


def signal_windows_blackman(M, *, sym=True, dtype=None, layout=None, device=None, requires_grad=False):
    """The Blackman window.   Shape: (M).

    >>> import facula
    >>> facula.signal.windows.blackman(3).abs()
    tensor([1.3878e-17, 1.0000e+00, 1.3878e-17])
    """
    return _made("blackman", M, _cosines(M, sym, (0.42, 0.5, 0.08)), dtype, device, requires_grad)


def signal_windows_nuttall(M, *, sym=True, dtype=None, layout=None, device=None, requires_grad=False):
    """Nuttall's four-term window with minimal sidelobes.   Shape: (M)."""
    return _made(
        "nuttall", M, _cosines(M, sym, (0.3635819, 0.4891775, 0.1365995, 0.0106411)), dtype, device, requires_grad
    )


def signal_windows_bartlett(M, *, sym=True, dtype=None, layout=None, device=None, requires_grad=False):
    """The triangular window that is zero at its ends.   Shape: (M).

    >>> import facula
    >>> facula.signal.windows.bartlett(5)
    tensor([0.0000, 0.5000, 1.0000, 0.5000, 0.0000])
    """
    return _made("bartlett", M, 1 - np.abs(_angles(M, sym) / np.pi - 1), dtype, device, requires_grad)


def signal_windows_cosine(M, *, sym=True, dtype=None, layout=None, device=None, requires_grad=False):
    """Half a period of a sine.   Shape: (M)."""
    n = M if sym else M + 1
    return _made("cosine", M, np.sin(np.pi * (np.arange(M) + 0.5) / max(n, 1)), dtype, device, requires_grad)


def signal_windows_exponential(
    M, *, center=None, tau=1.0, sym=True, dtype=None, layout=None, device=None, requires_grad=False
):
    """exp(-|n - center| / tau).   Shape: (M)."""
    if tau <= 0:
        raise value_error(f"exponential: Tau must be positive, got: {tau} instead.")
    if sym and center is not None:
        raise value_error("exponential: Center must be None for symmetric windows, got a number. Pass sym=False.")
    middle = ((M if sym else M + 1) - 1) / 2 if center is None else center
    return _made("exponential", M, np.exp(-np.abs(np.arange(M) - middle) / tau), dtype, device, requires_grad)


def signal_windows_gaussian(M, *, std=1.0, sym=True, dtype=None, layout=None, device=None, requires_grad=False):
    """exp(-(n / std)^2 / 2), n counted from the middle.   Shape: (M).

    >>> import facula
    >>> facula.signal.windows.gaussian(3)
    tensor([0.6065, 1.0000, 0.6065])
    """
    if std <= 0:
        raise value_error(f"gaussian: Standard deviation must be positive, got: {std} instead.")
    return _made("gaussian", M, np.exp(-((_centred(M, sym) / std) ** 2) / 2), dtype, device, requires_grad)


def signal_windows_kaiser(M, *, beta=12.0, sym=True, dtype=None, layout=None, device=None, requires_grad=False):
    """The Kaiser window I0(beta sqrt(1 - x^2)) / I0(beta), x from -1 to 1.   Shape: (M)."""
    if beta < 0:
        raise value_error(f"kaiser: beta must be non-negative, got: {beta} instead.")
    half = max((M if sym else M + 1) - 1, 1) / 2
    inside = np.sqrt(np.maximum(1 - (_centred(M, sym) / half) ** 2, 0))
    return _made("kaiser", M, np.i0(beta * inside) / np.i0(beta), dtype, device, requires_grad)


def hann_window(
    window_length, periodic=True, *, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False
):
    """The Hann window, periodic by default.   Shape: (window_length).

    >>> import facula
    >>> facula.hann_window(4)
    tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """
    return signal_windows_hann(window_length, sym=not periodic, dtype=dtype, device=device, requires_grad=requires_grad)


def hamming_window(
    window_length,
    periodic=True,
    alpha=0.54,
    beta=0.46,
    *,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
):
    """alpha - beta cos(2 pi n / N), periodic by default.   Shape: (window_length).

    >>> import facula
    >>> facula.hamming_window(4)
    tensor([0.0800, 0.5400, 1.0000, 0.5400])
    """
    return _made(
        "hamming_window",
        window_length,
        _cosines(window_length, not periodic, (alpha, beta)),
        dtype,
        device,
        requires_grad,
    )


def blackman_window(
    window_length, periodic=True, *, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False
):
    """The Blackman window, periodic by default.   Shape: (window_length).

    >>> import facula
    >>> facula.blackman_window(4).abs()
    tensor([1.3878e-17, 3.4000e-01, 1.0000e+00, 3.4000e-01])
    """
    return signal_windows_blackman(
        window_length, sym=not periodic, dtype=dtype, device=device, requires_grad=requires_grad
    )


def bartlett_window(
    window_length, periodic=True, *, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False
):
    """The triangular window, periodic by default.   Shape: (window_length).

    >>> import facula
    >>> facula.bartlett_window(4)
    tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """
    return signal_windows_bartlett(
        window_length, sym=not periodic, dtype=dtype, device=device, requires_grad=requires_grad
    )


def kaiser_window(
    window_length,
    periodic=True,
    beta=12.0,
    *,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
):
    """The Kaiser window, periodic by default.   Shape: (window_length).

    >>> import facula
    >>> facula.kaiser_window(4).shape
    facula.Size([4])
    """
    return signal_windows_kaiser(
        window_length, beta=beta, sym=not periodic, dtype=dtype, device=device, requires_grad=requires_grad
    )
