"""Fourier transforms, windows and masked reductions: errors, round trips, what masks mean."""

import math

import pytest

import facula


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: facula.fft.fft(x, norm="x"), RuntimeError, 'Invalid normalization mode: "x"'),
        (lambda x: facula.fft.fft(x, n=0), RuntimeError, r"Invalid number of data points \(0\) specified"),
        (lambda x: facula.fft.rfft(x.to(facula.complex64)), RuntimeError, "rfft expects a real input tensor"),
        (lambda x: facula.fft.fftn(x, dim=(0, 0)), RuntimeError, "FFT dims must be unique"),
        (lambda x: facula.fft.fft(x, dim=3), IndexError, "Dimension out of range"),
        (lambda x: facula.fft.fftn(x, s=(2,), dim=(0, 1)), RuntimeError, "must have the same length"),
        (lambda x: facula.stft(x, 4), RuntimeError, "requires the return_complex parameter"),
        (lambda x: facula.stft(x, 99, center=False, return_complex=True), RuntimeError, "expected 0 < n_fft <="),
        (lambda x: facula.istft(x, 4), RuntimeError, "requires a complex-valued input tensor"),
        (lambda x: facula.signal.windows.hann(-1), ValueError, "requires non-negative window length, got M=-1"),
        (lambda x: facula.signal.windows.gaussian(3, std=0), ValueError, "Standard deviation must be positive"),
        (
            lambda x: facula.signal.windows.kaiser(3, dtype=facula.int64),
            ValueError,
            "expects float32 or float64 dtypes",
        ),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call(facula.ones(2, 8))


def test_round_trips():
    x = facula.randn(3, 8, dtype=facula.float64)
    assert facula.allclose(facula.fft.irfft(facula.fft.rfft(x)), x)
    assert facula.allclose(facula.fft.ifftn(facula.fft.fftn(x)).real, x)
    assert facula.allclose(facula.fft.hfft(facula.fft.ihfft(x), 8), x)
    signal, window = facula.randn(2, 64), facula.hann_window(16)
    spectrum = facula.stft(signal, 16, 4, window=window, return_complex=True)
    assert facula.allclose(facula.istft(spectrum, 16, 4, window=window, length=64), signal, atol=1e-5)


def test_transforms_keep_single_precision():
    assert facula.fft.fft(facula.ones(4)).dtype is facula.complex64
    assert facula.fft.irfft(facula.fft.rfft(facula.ones(4))).dtype is facula.float32
    assert facula.fft.fft(facula.ones(4, dtype=facula.int64)).dtype is facula.complex64


def test_windows_are_periodic_or_symmetric():
    assert facula.hann_window(4).tolist() == pytest.approx([0, 0.5, 1, 0.5], abs=1e-6)
    assert facula.hann_window(5, periodic=False).tolist() == pytest.approx([0, 0.5, 1, 0.5, 0], abs=1e-6)
    assert facula.signal.windows.hann(1).tolist() == [1]
    assert facula.kaiser_window(0).shape == (0,)


def test_masked_reductions_skip_elements():
    x, mask = (
        facula.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]),
        facula.tensor([[True, False, True], [False, False, False]]),
    )
    assert facula.masked.mean(x, 1, mask=mask)[0].item() == 2
    assert math.isnan(facula.masked.mean(x, 1, mask=mask)[1].item())
    assert facula.masked.amax(x, 1, mask=mask).tolist() == [3, -math.inf]
    assert facula.masked.prod(x, mask=mask).item() == 3
    assert facula.masked.softmax(x, 1, mask=mask)[0, 1].item() == 0
    with pytest.raises(IndexError, match="expected mask dimensionality"):
        facula.masked.sum(x, mask=facula.ones(1, 2, 3).bool())
