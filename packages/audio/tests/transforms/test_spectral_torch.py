"""Spectrograms beside PyTorch's stft, and resampling beside PyTorch's convolution of the same formula."""

import numpy as np
import pytest

import facula
from facula_audio import transforms as T

torch = pytest.importorskip("torch")


@pytest.mark.parametrize("pad_mode", ["reflect", "constant"])
@pytest.mark.parametrize(
    ("n_fft", "win", "hop", "center"), [(64, 64, 16, True), (100, 60, 25, True), (64, 50, 20, False)]
)
def test_spectrogram(n_fft, win, hop, center, pad_mode):
    x = np.random.default_rng(0).standard_normal((3, 700)).astype(np.float32)
    expected = torch.stft(
        torch.from_numpy(x),
        n_fft,
        hop,
        win,
        torch.hann_window(win),
        center=center,
        pad_mode=pad_mode,
        return_complex=True,
    )
    found = T.Spectrogram(n_fft, win, hop, power=None, center=center, pad_mode=pad_mode)(facula.from_numpy(x))
    np.testing.assert_allclose(found.numpy(), expected.numpy(), atol=2e-5)


def test_gradient():
    x = np.random.default_rng(0).standard_normal(300).astype(np.float32)
    theirs = torch.from_numpy(x).requires_grad_()
    torch.stft(theirs, 64, 16, 64, torch.hann_window(64), return_complex=True).abs().pow(2).log1p().sum().backward()
    ours = facula.from_numpy(x).requires_grad_()
    T.Spectrogram(64, hop_length=16)(ours).log1p().sum().backward()
    np.testing.assert_allclose(ours.grad.numpy(), theirs.grad.numpy(), rtol=1e-4, atol=1e-4)
