"""Short-time Fourier transforms: frames of a signal, windowed and transformed, and the way back by overlap and add."""

from __future__ import annotations

from facula.autograd.op import op, sample
from facula.autograd.state import whole
from facula.errors import runtime_error
from facula.ops import rules
from facula.ops.create import ones
from facula.ops.fft import fft_fft, fft_ifft, fft_irfft, fft_rfft
from facula.ops.index import narrow
from facula.ops.join import cat
from facula.ops.strided import _unfold_back, unfold


@op(rules.broadcast, onnx="Mul", samples=[sample((3, 4), (4,)), sample((2, 3, 5), (5,))])
def windowed_op(xp, frames, window, /):
    """Each frame times the window.   Shape: (*, frames, n), (n) -> (*, frames, n)."""
    return xp.multiply(frames, window)


windowed_op.vjp(frames=lambda g, window: g * window.conj(), window=lambda g, frames: g * frames.conj())
windowed_op.array_vjp()


def _window_of(name, window, win_length, n_fft, like):
    """The window of n_fft entries, zeros around a shorter one."""
    if window is not None and (window.ndim != 1 or window.shape[0] != win_length):
        raise runtime_error(
            f"{name}: expected a 1D window tensor of size equal to win_length={win_length}, but got window with size {list(window.shape)}."
        )
    window = ones(win_length, dtype=like.dtype.to_real(), device=like.device) if window is None else window
    if win_length == n_fft:
        return window
    left = (n_fft - win_length) // 2
    return cat([window.new_zeros((left,)), window, window.new_zeros((n_fft - win_length - left,))])


def _reflected(x, n, mode):
    from facula.ops import function

    return function("pad")(x.unsqueeze(-2), (n, n), mode=mode).squeeze(-2)


@whole
def stft(
    input, n_fft, hop_length=None, win_length=None, window=None, center=True, pad_mode="reflect", normalized=False, onesided=None,
    return_complex=None, align_to_window=None,
):  # fmt: skip
    """The Fourier transforms of windows of a signal, `hop_length` apart.

    Shape: (*, time) -> (*, frequencies, frames), complex (or with a last dimension of 2 if `return_complex` is False).

    >>> import facula
    >>> facula.stft(facula.ones(32), n_fft=8, window=facula.hann_window(8), return_complex=True).shape
    facula.Size([5, 17])
    """
    hop, length = n_fft // 4 if hop_length is None else hop_length, n_fft if win_length is None else win_length
    if return_complex is None and not (input.is_complex() or (window is not None and window.is_complex())):
        raise runtime_error(
            "stft: stft requires the return_complex parameter be given for real inputs. Pass return_complex=True."
        )
    if input.ndim not in (1, 2):
        raise runtime_error(f"stft: expected a 1D or 2D tensor, got {input.ndim}D. Join the leading dimensions.")
    x = input if input.ndim == 2 else input.unsqueeze(0)
    if center:
        x = _reflected(x, n_fft // 2, pad_mode)
    if not 0 < n_fft <= x.shape[-1]:
        raise runtime_error(f"stft: expected 0 < n_fft <= {x.shape[-1]}, but got n_fft={n_fft}. Use a smaller window.")
    if hop <= 0:
        raise runtime_error(f"stft: expected hop_length > 0, but got hop_length={hop}. Use a positive step.")
    if not 0 < length <= n_fft:
        raise runtime_error(
            f"stft: expected 0 < win_length <= n_fft, but got win_length={length}. Use a smaller window."
        )
    frames = windowed_op(unfold(x, -1, n_fft, hop), _window_of("stft", window, length, n_fft, input))
    half = not frames.is_complex() if onesided is None else onesided
    norm = "ortho" if normalized else None
    out = (fft_rfft(frames, norm=norm) if half else fft_fft(frames, norm=norm)).transpose(-2, -1)
    out = out if input.ndim == 2 else out.squeeze(0)
    return out if return_complex or return_complex is None else _pairs(out)


def _pairs(x):
    from facula.ops import function

    return function("view_as_real")(x)


def istft(
    input, n_fft, hop_length=None, win_length=None, window=None, center=True, normalized=False, onesided=None, length=None,
    return_complex=False,
):  # fmt: skip
    """The signal whose `stft` is nearest to `input`: overlap and add, divided by the sum of squared windows.

    D. Griffin and J. Lim, "Signal estimation from modified short-time Fourier transform" (1984).

    Shape: (*, frequencies, frames) -> (*, samples).

    >>> import facula
    >>> window = facula.hann_window(8)
    >>> frames = facula.stft(facula.ones(32), 8, window=window, return_complex=True)
    >>> facula.istft(frames, 8, window=window).shape
    facula.Size([32])
    """
    hop, win_length = n_fft // 4 if hop_length is None else hop_length, n_fft if win_length is None else win_length
    if not input.is_complex():
        raise runtime_error(
            f"istft: istft requires a complex-valued input tensor matching the output from stft with return_complex=True, got {input.dtype}."
        )
    half = onesided if onesided is not None else input.shape[-2] != n_fft
    x = (input if input.ndim == 3 else input.unsqueeze(0)).transpose(1, 2)
    if x.shape[-1] != (n_fft // 2 + 1 if half else n_fft):
        raise runtime_error(
            f"istft: expected the frequency dimension (3rd to the last) of the input tensor to match n_fft={n_fft}, got {x.shape[-1]}."
        )
    norm = "ortho" if normalized else None
    frames = (
        fft_ifft(x, n_fft, norm=norm)
        if return_complex
        else fft_irfft(narrow(x, -1, 0, n_fft // 2 + 1), n_fft, norm=norm)
    )
    shape_window = _window_of("istft", window, win_length, n_fft, frames)
    frames = frames * shape_window
    total = n_fft + hop * (frames.shape[1] - 1)
    signal = _unfold_back(frames, (frames.shape[0], total), 1, n_fft, hop)
    squares = (shape_window * shape_window).expand((frames.shape[1], n_fft))
    envelope = _unfold_back(squares, (total,), 0, n_fft, hop)
    start = n_fft // 2 if center else 0
    end = start + length if length is not None else total - start if center else total
    stop = min(end, total)
    envelope = narrow(envelope, 0, start, stop - start)
    if float(envelope.detach().abs().min()) < 1e-11:
        raise runtime_error(
            "istft: window overlap add min: expected all sums of squared windows above 1e-11, got a smaller one. Use a smaller hop."
        )
    out = narrow(signal, 1, start, stop - start) / envelope
    if end > total:
        out = cat([out, out.new_zeros((out.shape[0], end - total))], 1)
    return out if input.ndim == 3 else out.squeeze(0)
