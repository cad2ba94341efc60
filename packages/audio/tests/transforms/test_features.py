"""Features of sound: values computed by hand, invariants, gradients."""

import numpy as np
import pytest

import facula
from facula_audio import functional as F
from facula_audio import transforms as T
from facula_audio.functional import banks


def sine(frequency, rate, seconds=0.5):
    return facula.from_numpy(np.sin(2 * np.pi * frequency * np.arange(int(rate * seconds)) / rate).astype(np.float32))


def noise(*shape):
    return facula.from_numpy(np.random.default_rng(0).standard_normal(shape).astype(np.float32))


def frames_by_hand(x, n_fft, hop, win):
    """|rfft|^2 of centred, reflected, Hann-windowed frames in plain NumPy."""
    x = np.pad(np.asarray(x, dtype=np.float64), n_fft // 2, mode="reflect")
    window = np.zeros(n_fft)
    left = (n_fft - win) // 2
    window[left : left + win] = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(win) / win)
    count = (len(x) - n_fft) // hop + 1
    return np.stack([np.abs(np.fft.rfft(window * x[i * hop : i * hop + n_fft])) ** 2 for i in range(count)], axis=1)


@pytest.mark.parametrize(("n_fft", "hop", "win"), [(64, None, None), (64, 10, 40), (100, 25, 100)])
def test_spectrogram_is_the_formula(n_fft, hop, win):
    x = noise(2, 3, 500)
    transform = facula.transforms.create("spectrogram", n_fft=n_fft, hop_length=hop, win_length=win)
    found = transform(x)
    expected = frames_by_hand(x[1, 2].numpy(), n_fft, transform.hop_length, transform.win_length)
    assert found.shape == (2, 3, *expected.shape)
    np.testing.assert_allclose(found[1, 2].numpy(), expected, rtol=1e-3, atol=1e-3)


def test_a_pure_tone_peaks_at_its_frequency():
    for frequency in (440, 1000, 3500):
        spec = T.Spectrogram(n_fft=512)(sine(frequency, 16000))
        assert abs(int(spec.mean(dim=-1).argmax()) - frequency * 512 / 16000) <= 0.5


def test_parseval():
    x = noise(256)
    spec = T.Spectrogram(n_fft=64, hop_length=64, window_fn=facula.ones, center=False, onesided=False)(x)
    assert float(spec.sum()) / 64 == pytest.approx(float((x * x).sum()), rel=1e-4)


def test_powers_and_norms():
    x = noise(400)
    complex_spec = T.Spectrogram(n_fft=64, power=None)(x)
    assert complex_spec.dtype == facula.complex64
    magnitude = T.Spectrogram(n_fft=64, power=1.0)(x)
    np.testing.assert_allclose(magnitude.numpy(), np.abs(complex_spec.numpy()), rtol=1e-5, atol=1e-6)
    window = T.Spectrogram(n_fft=64).window
    by_window = T.Spectrogram(n_fft=64, power=1.0, normalized=True)(x)
    np.testing.assert_allclose(by_window.numpy() * float((window**2).sum().sqrt()), magnitude.numpy(), rtol=1e-4)
    by_length = T.Spectrogram(n_fft=64, power=1.0, normalized="frame_length")(x)
    np.testing.assert_allclose(by_length.numpy() * 8, magnitude.numpy(), rtol=1e-4, atol=1e-6)
    assert T.Spectrogram(n_fft=64, pad=64)(x).shape[-1] == magnitude.shape[-1] + 4
    with pytest.raises(ValueError, match="invalid normalized parameter"):
        T.Spectrogram(normalized="loud")(x)


@pytest.mark.parametrize("scale", ["htk", "slaney"])
def test_mel_bands(scale):
    bank = F.melscale_fbanks(257, 0.0, 8000.0, 40, 16000, mel_scale=scale)
    assert bank.shape == (257, 40)
    assert float(bank.min()) == 0.0
    assert float(bank.max()) <= 1.0
    peaks = bank.argmax(dim=0).numpy()
    assert (np.diff(peaks) > 0).all()
    inner = bank[peaks[0] + 1 : peaks[-1]].sum(dim=1)  # neighbouring triangles add up to one
    np.testing.assert_allclose(inner.numpy(), 1.0, atol=1e-5)


def test_mel_values_by_hand():
    np.testing.assert_allclose(banks._mel_of(np.array([0.0, 1000.0]), "htk"), [0.0, 999.9856], atol=1e-3)
    np.testing.assert_allclose(banks._mel_of(np.array([500.0, 1000.0, 6400.0]), "slaney"), [7.5, 15.0, 42.0], atol=1e-9)
    for scale in ("htk", "slaney"):
        frequencies = np.linspace(0, 8000, 50)
        np.testing.assert_allclose(
            banks._frequency_of(banks._mel_of(frequencies, scale), scale), frequencies, atol=1e-8
        )
    area = F.melscale_fbanks(4001, 0.0, 8000.0, 10, 16000, norm="slaney").sum(dim=0) * 2.0
    np.testing.assert_allclose(area.numpy(), 1.0, atol=2e-3)


def test_mel_spectrogram_is_its_parts():
    x = noise(2, 4000)
    mel = facula.transforms.create("mel_spectrogram", sample_rate=8000, n_fft=256, n_mels=20)
    spec = T.Spectrogram(n_fft=256)(x)
    bank = F.melscale_fbanks(129, 0.0, 4000.0, 20, 8000)
    np.testing.assert_allclose(mel(x).numpy(), bank.numpy().T @ spec.numpy(), rtol=1e-4, atol=1e-4)
    assert mel(x).shape == (2, 20, 32)
    loudest = int(mel(sine(1000, 8000)).mean(dim=-1).argmax())
    assert loudest == int(bank[1000 * 256 // 8000].argmax())


def test_decibels():
    x = facula.tensor([[[1.0, 100.0], [1e-12, 0.01]]])
    assert T.AmplitudeToDB()(x).view(-1).tolist() == pytest.approx([0.0, 20.0, -100.0, -20.0], abs=1e-4)
    assert T.AmplitudeToDB("magnitude")(x).view(-1).tolist() == pytest.approx([0.0, 40.0, -200.0, -40.0], abs=1e-4)
    assert T.AmplitudeToDB(top_db=30.0)(x).view(-1).tolist() == pytest.approx([0.0, 20.0, -10.0, -10.0], abs=1e-4)
    batch = facula.stack([x, x * 1000])  # each sound has its own loudest point
    assert T.AmplitudeToDB(top_db=30.0)(batch).amin(dim=(1, 2, 3)).tolist() == pytest.approx([-10.0, 20.0], abs=1e-4)
    back = F.DB_to_amplitude(F.amplitude_to_DB(x, 10.0, 1e-10, 0.0), 1.0, 1.0)
    np.testing.assert_allclose(back.numpy(), x.numpy(), atol=1e-9, rtol=1e-4)


def test_cosine_transform():
    matrix = F.create_dct(13, 13, "ortho").numpy()
    np.testing.assert_allclose(matrix.T @ matrix, np.eye(13), atol=1e-5)
    plain = F.create_dct(4, 6, None).numpy()
    assert plain.shape == (6, 4)
    assert plain[2, 3] == pytest.approx(2 * np.cos(np.pi * 2.5 * 3 / 6), abs=1e-6)


def test_mfcc():
    x = noise(3, 4000)
    mfcc = facula.transforms.create("mfcc", sample_rate=8000, n_mfcc=12, melkwargs={"n_fft": 256, "n_mels": 24})
    out = mfcc(x)
    assert out.shape == (3, 12, 32)
    decibels = T.AmplitudeToDB(top_db=80.0)(mfcc.MelSpectrogram(x)).numpy()
    np.testing.assert_allclose(out.numpy()[:, 0], decibels.sum(axis=1) / np.sqrt(24), rtol=1e-3, atol=1e-2)
    logged = T.MFCC(8000, 12, log_mels=True, melkwargs={"n_fft": 256, "n_mels": 24})(x)
    assert bool(facula.isfinite(logged).all())


@pytest.mark.parametrize("method", ["sinc_interp_hann", "sinc_interp_kaiser"])
@pytest.mark.parametrize(("before", "after"), [(16000, 8000), (8000, 16000), (44100, 16000), (3, 2)])
def test_resampled_tones_stay_tones(before, after, method):
    length = 900
    frequency = 0.05 * min(before, after)
    x = np.sin(2 * np.pi * frequency * np.arange(length) / before).astype(np.float32)
    found = F.resample(facula.from_numpy(x), before, after, lowpass_filter_width=16, resampling_method=method)
    assert found.shape == (-(-length * after // before),)
    expected = np.sin(2 * np.pi * frequency * np.arange(len(found)) / after)
    edge = len(found) // 5
    np.testing.assert_allclose(found.numpy()[edge:-edge], expected[edge:-edge], atol=0.01)


def test_resampling_removes_what_the_new_rate_cannot_hold():
    x = sine(7000, 16000)
    assert float(F.resample(x, 16000, 8000, lowpass_filter_width=32)[100:-100].abs().max()) < 0.01


def test_resample_by_hand():
    """From 1 to 2 per step: each output is a sum over sinc(0.99 (n - m / 2)) under a Hann window."""
    x = noise(20).numpy().astype(np.float64)
    found = F.resample(facula.from_numpy(x.astype(np.float32)), 1, 2)
    for m in (0, 7, 20, 39):
        t = (np.arange(20) - m / 2) * 0.99
        window = np.where(np.abs(t) < 6, np.cos(t * np.pi / 12) ** 2, 0.0)
        assert float(found[m]) == pytest.approx(0.99 * float(np.sum(x * np.sinc(t) * window)), abs=1e-4)


def test_resample_module_and_edges():
    x = noise(2, 3, 321)
    module = facula.transforms.create("resample", 441, 160)
    assert facula.equal(module(x), F.resample(x, 44100, 16000))
    assert module(x).shape == (2, 3, 117)
    assert T.Resample(8000, 8000)(x) is x
    assert F.resample(x.to(facula.float64), 2, 1).dtype == facula.float64


def test_mu_law():
    x = facula.linspace(-1, 1, 101)
    codes = facula.transforms.create("mu_law_encoding")(x)
    assert (int(codes.min()), int(codes.max()), int(codes[50])) == (0, 255, 128)
    back = T.MuLawDecoding()(codes)
    assert float((back - x).abs().max()) < 0.03


@pytest.mark.parametrize(
    "transform",
    [
        lambda x: T.MelSpectrogram(8000, n_fft=32, n_mels=4)(x),
        lambda x: T.MFCC(8000, 3, log_mels=True, melkwargs={"n_fft": 32, "n_mels": 4})(x),
        lambda x: F.resample(x, 3, 2),
    ],
)
def test_gradients(transform):
    x = noise(60).requires_grad_()
    weight = None
    step = 1e-2
    out = transform(x)
    weight = noise(*out.shape)
    (out * weight).sum().backward()
    for index in (7, 30):
        with facula.no_grad():
            moved = facula.zeros(60)
            moved[index] = step
            slope = ((transform(x + moved) - transform(x - moved)) * weight).sum() / (2 * step)
        assert float(x.grad[index]) == pytest.approx(float(slope), rel=0.05, abs=0.05)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: F.melscale_fbanks(10, 0.0, 1.0, 3, 16, norm="l2"), ValueError, "norm must be one of None"),
        (lambda: F.melscale_fbanks(10, 0.0, 1.0, 3, 16, mel_scale="bark"), ValueError, "mel_scale should be one of"),
        (lambda: F.create_dct(3, 4, "l2"), ValueError, 'norm must be either "ortho" or None'),
        (lambda: F.resample(facula.zeros(3), 0, 1), ValueError, "desired frequency should be positive, got 0 and 1"),
        (lambda: F.resample(facula.zeros(3), 1.5, 1), ValueError, "frequencies must be of integer type"),
        (lambda: F.resample(facula.zeros(3, dtype=facula.int64), 1, 2), TypeError, "expected floating point type"),
        (lambda: F.resample(facula.zeros(3), 1, 2, resampling_method="x"), ValueError, "invalid resampling method"),
        (lambda: F.resample(facula.zeros(3), 1, 2, 0), ValueError, "low pass filter width should be positive"),
        (lambda: T.MelScale(f_min=9000.0), ValueError, "require f_min: 9000.0 <= f_max: 8000.0"),
        (lambda: T.AmplitudeToDB(top_db=-1), ValueError, "top_db must be positive value"),
        (lambda: T.MFCC(dct_type=3), ValueError, "DCT type not supported, expected 2, got 3"),
        (lambda: T.MFCC(n_mfcc=200, melkwargs={"n_fft": 2048}), ValueError, "more MFCC coefficients than # mel bins"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize(
    ("name", "kind"),
    [("mel_scale", T.MelScale), ("amplitude_to_db", T.AmplitudeToDB), ("mu_law_decoding", T.MuLawDecoding)],
)
@pytest.mark.filterwarnings("ignore:melscale_fbanks")
def test_by_name(name, kind):
    assert type(facula.transforms.create(name)) is kind


def test_too_many_bands_warn():
    with pytest.warns(UserWarning, match="at least one mel filterbank has all zero values"):
        F.melscale_fbanks(17, 0.0, 8000.0, 40, 16000)
