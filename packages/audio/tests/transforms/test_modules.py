"""What the modules refuse, and that they are built and saved as modules are."""

import math

import numpy as np
import pytest

import facula
from facula import nn
from facula_audio import transforms as T


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: T.Fade(3, 20)(facula.ones(1, 9)), "expected fades of at most 9 samples, the sound's, got 3 and 20"),
        (lambda: T.Fade(3, 2, "s-curve"), "expected a fade_shape of linear, .*, got 's-curve'"),
        (lambda: T.Vol(-1.0), "If gain_type = amplitude or power, gain must be positive"),
        (lambda: T.Vol(1.0, "loud"), "expected a gain_type of amplitude, power or db"),
        (lambda: T.TimeStretch()(facula.ones(1, 201, 3) + 0j), "If no fixed_rate is specified, must pass a valid rate"),
        (lambda: T.InverseMelScale(201)(facula.zeros(1, 3, 4)), "Expected an input with 128 mel bins, got 3"),
        (lambda: T.InverseMelScale(201, driver="lu"), "driver must be one of .*got 'lu'"),
        (lambda: T.MVDR(solution="best"), "`solution` must be one of"),
        (
            lambda: T.MVDR()(facula.zeros(2, 3, 4), facula.zeros(3, 4)),
            "The type of ``specgram`` tensor must be complex",
        ),
        (lambda: T.MVDR()(facula.zeros(3, 4) + 0j, facula.zeros(3, 4)), "Expected at least 3D tensor"),
        (lambda: T.LFCC(dct_type=3), "LFCC: DCT type not supported, expected 2, got 3"),
        (lambda: T.LFCC(n_lfcc=500), "Cannot select more LFCC coefficients than # fft bins"),
        (lambda: T.GriffinLim(momentum=1.0), r"momentum must be in the range \[0, 1\)"),
    ],
)
@pytest.mark.filterwarnings("ignore:melscale_fbanks")
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_pipelines_are_saved_and_run():
    pipeline = nn.Sequential(T.MelSpectrogram(8000, n_fft=128, n_mels=12), T.AmplitudeToDB(), T.ComputeDeltas())
    x = facula.from_numpy(np.random.default_rng(0).standard_normal((2, 1000)).astype(np.float32))
    other = nn.Sequential(T.MelSpectrogram(8000, n_fft=128, n_mels=12), T.AmplitudeToDB(), T.ComputeDeltas())
    other.load_state_dict(pipeline.state_dict())
    assert facula.equal(pipeline(x), other(x))
    assert set(pipeline.state_dict()) == {"0.spectrogram.window", "0.mel_scale.fb"}


def test_griffin_lim_finds_a_sound_with_the_spectrogram():
    facula.manual_seed(0)
    x = facula.from_numpy(np.sin(2 * np.pi * 440 * np.arange(4000) / 8000).astype(np.float32))
    spectrum = T.Spectrogram(256, hop_length=64)
    wanted = spectrum(x)
    found = spectrum(T.GriffinLim(256, hop_length=64, length=4000)(wanted))
    assert float((found.sqrt() - wanted.sqrt()).norm() / wanted.sqrt().norm()) < 0.15


def test_inverse_of_the_spectrogram():
    x = facula.from_numpy(np.random.default_rng(0).standard_normal((3, 2, 1000)).astype(np.float32))
    for normalized in (False, True, "frame_length"):
        spec = T.Spectrogram(128, power=None, normalized=normalized)(x)
        back = T.InverseSpectrogram(128, normalized=normalized)(spec, length=1000)
        facula.testing.assert_close(back, x, rtol=1e-3, atol=1e-5)


def test_pitch_shift_moves_a_tone():
    x = facula.from_numpy(np.sin(2 * np.pi * 500 * np.arange(8000) / 8000).astype(np.float32))
    shifted = T.PitchShift(8000, 12)(x)
    spectrum = facula.fft.rfft(shifted[2000:6000]).abs()
    assert abs(int(spectrum.argmax()) * 2 - 1000) <= 6
    assert shifted.shape == x.shape


def test_beamforming_keeps_the_source_and_loses_the_noise():
    rng = np.random.default_rng(0)
    frames, freq = 400, 5
    draw = lambda *shape: rng.standard_normal(shape) + 1j * rng.standard_normal(shape)
    source, noise = draw(freq, frames), draw(freq, frames)
    source[:, frames // 2 :] = 0
    steering, other = draw(3, freq, 1), draw(3, freq, 1)
    mixture = facula.from_numpy(steering * source + 2 * other * noise + 0.01 * draw(3, freq, frames))
    speech = facula.from_numpy((np.abs(source) > 0).astype(np.float64))
    out = T.MVDR(solution="ref_channel", ref_channel=1)(mixture, speech, 1 - speech)
    wanted = (steering * source)[1]
    before, after = (np.abs(a.numpy() - wanted)[:, : frames // 2].mean() for a in (mixture[1], out))
    assert after < before / 3
    assert math.isfinite(after)
