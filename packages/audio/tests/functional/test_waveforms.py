"""Levels, effects, mixtures and features of waveforms: properties, and what they refuse."""

from pathlib import Path

import numpy as np
import pytest

import facula
import facula_audio
from facula_audio import functional as F
from facula_audio import transforms as T


def noise(*shape):
    return facula.from_numpy(np.random.default_rng(0).uniform(-0.9, 0.9, shape).astype(np.float32))


@pytest.mark.parametrize("density", ["TPDF", "RPDF", "GPDF"])
def test_dither_rounds_to_sixteen_bits(density):
    facula.manual_seed(0)
    x = noise(2, 500)
    out = F.dither(x, density)
    steps = out.numpy() * 2**15
    np.testing.assert_array_equal(steps, steps.round())
    assert float((out - x).abs().max()) < 10 / 2**15


def test_inputs_are_left_alone():
    x = noise(2, 400)
    before = x.clone()
    for call in (F.dcshift, F.contrast, F.overdrive, F.phaser, F.flanger, F.dither):
        call(x, *{F.dcshift: (0.4, 0.05), F.phaser: (8000,), F.flanger: (8000,)}.get(call, ()))
    assert facula.equal(x, before)


def test_convolutions_are_numpys():
    x, y = noise(3, 1, 40), noise(1, 2, 9)
    for mode in ("full", "same", "valid"):
        expected = np.stack([[np.convolve(a, b, mode) for b in y[0].numpy()] for a in x[:, 0].numpy()])
        for call in (F.convolve, F.fftconvolve):
            np.testing.assert_allclose(call(x, y, mode).numpy(), expected, atol=1e-5)
    assert F.convolve(y, x, "same").shape == (3, 2, 9)


def test_preemphasis_is_undone():
    x = 0.1 * noise(2, 200)
    facula.testing.assert_close(F.deemphasis(F.preemphasis(x)), x, rtol=1e-4, atol=1e-6)


def test_noise_has_the_ratio_asked_for():
    x, n = noise(2, 1000), noise(2, 1000).flip(-1) * 0.2
    found = F.add_noise(x, n, facula.tensor([10.0, -5.0])) - x
    ratio = 10 * ((x * x).sum(-1) / (found * found).sum(-1)).log10()
    np.testing.assert_allclose(ratio.numpy(), [10.0, -5.0], atol=1e-3)


def test_pitch_of_a_tone():
    x = facula.from_numpy(np.sin(2 * np.pi * 200 * np.arange(16000) / 16000).astype(np.float32))
    pitch = F.detect_pitch_frequency(x[None], 16000)
    assert float((pitch - 200).abs().max()) < 2
    with pytest.raises(RuntimeError, match="expected at least 16 frames of 0.01 s for win_length=30, got 1"):
        F.detect_pitch_frequency(x[None, :100], 16000)


def test_a_tone_is_as_loud_as_the_standard_says():
    """A sine of 997 Hz at full scale in one channel has -3.01 LKFS."""
    x = facula.from_numpy(np.sin(2 * np.pi * 997 * np.arange(96000) / 48000).astype(np.float32))
    assert float(F.loudness(0.5 * x[None], 48000)) == pytest.approx(-3.01 + 20 * np.log10(0.5), abs=0.1)
    assert T.Loudness(48000)(x.expand(3, 2, -1) * 0.1).shape == (3,)


def test_frechet_distance_of_equals_is_nothing():
    x = noise(50, 4)
    mean, spread = x.mean(0), x.T @ x
    assert float(F.frechet_distance(mean, spread, mean, spread)) == pytest.approx(0.0, abs=1e-3)
    one = facula.eye(1)
    assert float(F.frechet_distance(facula.tensor([1.0]), 4 * one, facula.tensor([3.0]), one)) == pytest.approx(5.0)


def test_speech_is_found_behind_silence():
    speech, rate = facula_audio.load(Path(__file__).parents[1] / "data" / "ten_of_clubs.wav")
    x = facula.cat([1e-4 * noise(1, 16000), speech], dim=1)[0]
    found = F.vad(x, rate)
    assert 14000 < x.shape[0] - found.shape[0] < 24000
    assert facula.equal(found, x[-found.shape[0] :])
    with pytest.warns(UserWarning, match="vad: expected .*, got 3 dimensions"):
        assert F.vad(x.expand(2, 1, -1), 16000).shape == (2, 1, found.shape[0])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: F.contrast(x, 200.0), ValueError, "Allowed range of values for enhancement_amount : 0-100"),
        (lambda x: F.dither(x, "flat"), ValueError, "expected density_function TPDF, RPDF or GPDF, got 'flat'"),
        (lambda x: F.convolve(x, x[0]), ValueError, "The operands must be the same dimension, got 2 and 1"),
        (lambda x: F.convolve(x, facula.zeros(3, 4)), ValueError, "Leading dimensions of x and y are not broadcastable"),
        (lambda x: F.fftconvolve(x, x, "half"), ValueError, "Unrecognized mode value, expected one of"),
        (lambda x: F.add_noise(x, x[0], facula.zeros(2)), ValueError, "Input leading dimensions don't match"),
        (lambda x: F.add_noise(x, x[:, 1:], facula.zeros(2)), ValueError, "Length dimensions of waveform and noise don't match"),
        (lambda x: F.compute_deltas(x, 2), ValueError, "Window length should be greater than or equal to 3"),
        (lambda x: F.loudness(facula.zeros(6, 9), 16000), ValueError, "Only up to 5 channels are supported"),
        (lambda x: F.frechet_distance(x, x, x, x), ValueError, "Input mu_x must be one-dimensional and sigma_x square"),
        (lambda x: F.frechet_distance(x[0], x[:, :2], x[1], x[:, :2]), ValueError, "Inputs must have the same shape"),
        (lambda x: F.inverse_spectrogram(x, None, 0, x[0], 4, 2, 4, False), ValueError, "to be complex dtype, got facula.float32"),
        (lambda x: F.inverse_spectrogram(x, None, 0, x[0], 4, 2, 4, "x"), ValueError, "invalid normalized parameter"),
        (lambda x: F.griffinlim(x, x[0], 4, 2, 4, 1.0, 1, 1.5, None, True), ValueError, r"momentum must be in range \[0, 1\)"),
        (lambda x: F.psd(x[None], x[:1]), ValueError, "The dimensions of mask except the channel dimension"),
        (lambda x: F.mvdr_weights_souden(x, x, 0), TypeError, "The type of psd_s and psd_n must be complex"),
        (lambda x: F.mvdr_weights_rtf(x, x), TypeError, "The type of rtf and psd_n must be complex"),
        (lambda x: F.rtf_evd(facula.complex(x, x)), ValueError, "The dimensions of psd_s and psd_n should fit"),
        (lambda x: F.rtf_power(*[facula.eye(2)[None] + 0j] * 2, 0, n_iter=0), ValueError, "number of iterations must be greater"),
        (lambda x: F.mvdr_weights_souden(*[facula.eye(2)[None] + 0j] * 2, "a"), TypeError, 'Expected "int" or "Tensor"'),
        (lambda x: F.apply_beamforming(facula.eye(2)[None] + 0j, x[None] + 0j), ValueError, "of beamform_weights and specgram"),
    ],
)  # fmt: skip
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call(facula.ones(2, 8))
