"""Kaldi's features: what they refuse, what is random, and warped bands."""

import numpy as np
import pytest

import facula
from facula_audio.compliance import kaldi


@pytest.fixture
def sound():
    return facula.from_numpy((np.random.default_rng(0).standard_normal((2, 4000)) * 1000).astype(np.float32))


def test_dither_is_noise_of_that_level(sound):
    facula.manual_seed(0)
    quiet = facula.zeros(1, 4000)
    energy = kaldi.fbank(quiet, dither=3.0, use_energy=True, remove_dc_offset=False)[:, 0]
    np.testing.assert_allclose(energy.exp().mean().item() / 400, 9.0, rtol=0.1)
    assert not facula.equal(kaldi.fbank(sound, dither=1.0), kaldi.fbank(sound))


def test_short_sounds_give_nothing(sound):
    for call in (kaldi.fbank, kaldi.mfcc, kaldi.spectrogram):
        assert call(sound, min_duration=1.0).shape == (0,)


def test_no_warp_is_no_change():
    frequencies = facula.linspace(0, 8000, 50, dtype=facula.float64)
    facula.testing.assert_close(kaldi.vtln_warp_freq(100.0, 7000.0, 20.0, 8000.0, 1.0, frequencies), frequencies)
    mel = kaldi.mel_scale(frequencies)
    facula.testing.assert_close(kaldi.inverse_mel_scale(mel), frequencies)
    assert kaldi.inverse_mel_scale_scalar(kaldi.mel_scale_scalar(440.0)) == pytest.approx(440.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"channel": 2}, "expected a channel below the sound's 2, got 2"),
        ({"frame_length": 1000.0}, "expected a frame of 2 to 4000 samples, got 16000"),
        ({"frame_shift": 0.0}, "expected a frame_shift of a sample or more, got 0.0"),
        ({"frame_length": 25.07, "round_to_power_of_two": False}, "expected an even number of samples in a frame.*401"),
        ({"preemphasis_coefficient": 2.0}, r"expected preemphasis_coefficient in \[0, 1\], got 2.0"),
        ({"num_mel_bins": 3}, "expected num_bins of 4 or more, got 3"),
        ({"low_freq": 9000.0}, "expected low_freq below high_freq, both within 0 and 8000.0"),
        ({"vtln_warp": 0.9, "vtln_low": 10.0}, "expected vtln_low below vtln_high, both within the band"),
    ],
)
def test_bad_input(sound, options, message):
    with pytest.raises(AssertionError, match=message):
        kaldi.fbank(sound, **options)


def test_more_bad_input(sound):
    with pytest.raises(AssertionError, match="expected num_ceps of at most num_mel_bins, 23, got 30"):
        kaldi.mfcc(sound, num_ceps=30)
    with pytest.raises(ValueError, match="expected a window_type of hamming, .*, got 'kaiser'"):
        kaldi.fbank(sound, window_type="kaiser")
    with pytest.raises(AssertionError, match="vtln_warp_freq: expected vtln_low above low_freq"):
        kaldi.vtln_warp_freq(10.0, 7000.0, 20.0, 8000.0, 1.1, sound)
