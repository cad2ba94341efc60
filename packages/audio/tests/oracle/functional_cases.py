"""Calls of torchaudio's functions, written once for both: facts are recorded from them, and ours are held against those.

A case is a function of the framework's module, the audio package and the inputs; it returns one tensor or several.
"""

import math

import numpy as np


def inputs(fw, speech):
    """What the cases work on, from one real clip; numbers that look random are made by NumPy."""
    rng = np.random.default_rng(0)
    draw = lambda *shape: fw.from_numpy(rng.standard_normal(shape).astype(np.float32))
    d = {"clip": fw.from_numpy(speech[None]), "x": fw.from_numpy(speech[None, 4000:8000].copy())}
    d["stereo"] = fw.stack([d["x"][0], 0.5 * fw.flip(d["x"][0], [0])])
    d["batch"] = 0.1 * draw(2, 3, 2000)
    d["noise"] = draw(1, 4000)
    d["window"] = fw.hann_window(128)
    frames = np.lib.stride_tricks.sliding_window_view(
        np.pad(d["stereo"].numpy(), ((0, 0), (64, 64)), "reflect"), 128, 1
    )
    spec = np.fft.rfft(frames[:, ::64] * np.hanning(129)[:-1]).swapaxes(1, 2)
    d["wide_spec"], d["wide_power"] = fw.from_numpy(spec), fw.from_numpy(np.abs(spec) ** 2)  # for what adds up errors
    d["spec"], d["power"] = d["wide_spec"].to(fw.complex64), d["wide_power"].to(fw.float32)
    arrays = fw.complex(draw(2, 3, 9, 20), draw(2, 3, 9, 20))
    d["array"], d["mask"] = arrays, draw(2, 9, 20).sigmoid()
    d["logits"] = draw(2, 6, 4, 5)
    d["log_probs"] = draw(1, 12, 6).log_softmax(-1)
    return d


def _covariances(A, d):
    speech = A.functional.psd(d["array"], d["mask"])
    return speech, A.functional.psd(d["array"], 1 - d["mask"])


def _rnnt(reduction="mean", **options):
    def call(fw, A, d):
        lengths = fw.tensor([6, 4], dtype=fw.int32), fw.tensor([3, 2], dtype=fw.int32)
        targets = fw.tensor([[1, 2, 2], [3, 0, 1]], dtype=fw.int32)
        return A.functional.rnnt_loss(d["logits"], targets, *lengths, reduction=reduction, **options)

    return call


def _align(*tokens):
    return lambda fw, A, d: A.functional.forced_align(d["log_probs"], fw.tensor([list(tokens)]))


def _of(name, *args, on="x", **options):
    """A function of one input and numbers."""
    return lambda fw, A, d: getattr(A.functional, name)(d[on], *args, **options)


FRAMES = dict(n_fft=128, hop_length=64, win_length=128)

CASES = {
    "spectrogram": lambda fw, A, d: A.functional.spectrogram(
        d["stereo"], 10, d["window"], 128, 50, 128, 2.0, True, center=True, pad_mode="constant"
    ),
    "spectrogram_complex": lambda fw, A, d: A.functional.spectrogram(
        d["stereo"], 0, d["window"], 128, 64, 128, None, "frame_length", onesided=False
    ),
    "inverse_spectrogram": lambda fw, A, d: A.functional.inverse_spectrogram(
        d["spec"], 3980, 0, d["window"], 128, 64, 128, "window"
    ),
    "inverse_spectrogram_pad": lambda fw, A, d: A.functional.inverse_spectrogram(
        d["spec"], 3900, 20, d["window"], 128, 64, 128, "frame_length"
    ),
    "griffinlim": lambda fw, A, d: A.functional.griffinlim(
        d["power"], d["window"], 128, 64, 128, 2.0, 4, 0.99, 4000, False
    ),
    "griffinlim_plain": lambda fw, A, d: A.functional.griffinlim(
        d["power"], d["window"], 128, 64, 128, 2.0, 3, 0.0, None, False
    ),
    "phase_vocoder": lambda fw, A, d: A.functional.phase_vocoder(
        d["spec"], 1.3, fw.linspace(0, math.pi * 64, 65)[:, None]
    ),
    "phase_vocoder_slow": lambda fw, A, d: A.functional.phase_vocoder(
        d["wide_spec"], 0.65, fw.linspace(0, math.pi * 64, 65, dtype=fw.float64)[:, None]
    ),
    "pitch_shift": lambda fw, A, d: A.functional.pitch_shift(
        d["x"].to(fw.float64), 16000, 4, n_fft=256, window=fw.hann_window(256, dtype=fw.float64)
    ),
    "pitch_shift_down": _of("pitch_shift", 16000, -3, 24, on="stereo"),
    "spectral_centroid": lambda fw, A, d: A.functional.spectral_centroid(
        d["stereo"], 16000, 0, d["window"], 128, 64, 128
    ),
    "melscale_fbanks": lambda fw, A, d: A.functional.melscale_fbanks(129, 20.0, 7600.0, 30, 16000),
    "melscale_fbanks_slaney": lambda fw, A, d: A.functional.melscale_fbanks(
        257, 0.0, 8000.0, 40, 16000, "slaney", "slaney"
    ),
    "melscale_fbanks_odd": lambda fw, A, d: A.functional.melscale_fbanks(
        129, 100.0, 11025.0, 20, 22051, "slaney", "htk"
    ),
    "linear_fbanks": lambda fw, A, d: A.functional.linear_fbanks(129, 50.0, 7000.0, 32, 16000),
    "create_dct": lambda fw, A, d: (A.functional.create_dct(13, 40, "ortho"), A.functional.create_dct(7, 20, None)),
    "amplitude_to_DB": lambda fw, A, d: A.functional.amplitude_to_DB(d["power"], 10.0, 1e-10, 0.3, 60.0),
    "DB_to_amplitude": _of("DB_to_amplitude", 2.0, 0.5),
    "mu_law": lambda fw, A, d: (
        A.functional.mu_law_encoding(d["x"], 256),
        A.functional.mu_law_decoding(fw.arange(256), 256),
        A.functional.mu_law_decoding(fw.arange(0.0, 64.0), 64),
    ),
    "gain": _of("gain", 7.5),
    "contrast": _of("contrast", 60.0),
    "dcshift": lambda fw, A, d: (
        A.functional.dcshift(d["x"].clone() * 3, 0.4),
        A.functional.dcshift(d["x"].clone() * 3, 0.4, 0.05),
        A.functional.dcshift(d["x"].clone() * 3, -0.5, 0.1),
    ),
    "dither": _of("dither"),
    "dither_shaped": _of("dither", "TPDF", True, on="stereo"),
    "overdrive": _of("overdrive", 15, 30, on="stereo"),
    "phaser": _of("phaser", 16000, on="stereo"),
    "phaser_triangular": _of("phaser", 8000, 0.5, 0.9, 2.0, 0.7, 1.3, False, on="batch"),
    "flanger": _of("flanger", 16000, on="stereo"),
    "flanger_fed_back": _of("flanger", 8000, 1.0, 3.0, 40.0, 60.0, 4.0, 50.0, "triangular", "quadratic", on="batch"),
    "flanger_negative": _of("flanger", 8000, 0.0, 2.0, -60.0, 71.0, 10.0, on="batch"),
    "lfilter": lambda fw, A, d: A.functional.lfilter(
        d["batch"], fw.tensor([1.5, -0.4, 0.3]), fw.tensor([0.4, 0.2, -0.9]), clamp=False
    ),
    "lfilter_each": lambda fw, A, d: A.functional.lfilter(
        d["batch"], fw.tensor([[1.0, -0.4], [2.0, 0.3], [1.0, 0.9]]), fw.tensor([[4.0, 0.2], [1.0, -1.0], [0.5, 0.5]])
    ),
    "lfilter_all": lambda fw, A, d: A.functional.lfilter(
        d["x"], fw.tensor([[1.0, -0.4], [2.0, 0.3]]), fw.tensor([[0.4, 0.2], [1.0, -1.0]]), batching=False
    ),
    "filtfilt": lambda fw, A, d: A.functional.filtfilt(
        d["batch"], fw.tensor([1.0, -0.4, 0.3]), fw.tensor([0.4, 0.2, -0.9])
    ),
    "biquad": _of("biquad", 0.4, 0.2, 0.9, 1.0, 0.2, 0.6),
    "allpass_biquad": _of("allpass_biquad", 16000, 1000.0),
    "band_biquad": _of("band_biquad", 16000, 1000.0),
    "band_biquad_noise": _of("band_biquad", 16000, 1000.0, 0.9, True),
    "bandpass_biquad": _of("bandpass_biquad", 16000, 1000.0),
    "bandpass_biquad_skirt": _of("bandpass_biquad", 16000, 1000.0, 2.0, True),
    "bandreject_biquad": _of("bandreject_biquad", 16000, 1500.0, 0.3),
    "bass_biquad": _of("bass_biquad", 16000, 10.0, 200),
    "treble_biquad": _of("treble_biquad", 16000, -12.0),
    "deemph_biquad": lambda fw, A, d: (
        A.functional.deemph_biquad(d["x"], 44100),
        A.functional.deemph_biquad(d["x"], 48000),
    ),
    "equalizer_biquad": _of("equalizer_biquad", 16000, 800.0, 6.0, 1.2),
    "highpass_biquad": _of("highpass_biquad", 16000, 300.0),
    "lowpass_biquad": _of("lowpass_biquad", 16000, 900.0, on="batch"),
    "riaa_biquad": lambda fw, A, d: tuple(A.functional.riaa_biquad(d["x"], r) for r in (44100, 48000, 88200, 96000)),
    "biquad_tensors": lambda fw, A, d: A.functional.equalizer_biquad(
        d["x"], 16000, fw.tensor(800.0), fw.tensor([6.0]), fw.tensor(1.2)
    ),
    "preemphasis": _of("preemphasis", on="batch"),
    "deemphasis": _of("deemphasis", 0.9, on="batch"),
    "compute_deltas": _of("compute_deltas", on="power"),
    "compute_deltas_long": _of("compute_deltas", 8, "constant", on="power"),
    "sliding_window_cmn": lambda fw, A, d: tuple(
        A.functional.sliding_window_cmn(d["wide_power"].transpose(1, 2), window, least, center, scale)
        for window, least, center, scale in (
            (20, 5, False, False),
            (20, 30, False, True),
            (21, 5, True, True),
            (600, 100, True, False),
            (600, 100, False, True),
        )
    ),
    "detect_pitch_frequency": _of("detect_pitch_frequency", 16000, on="clip"),
    "detect_pitch_frequency_short": _of("detect_pitch_frequency", 16000, 0.02, 5, 100, 1000, on="stereo"),
    "loudness": lambda fw, A, d: (
        A.functional.loudness(d["clip"], 16000),
        A.functional.loudness(fw.cat([d["batch"], d["batch"][:, :2]], 1).to(fw.float64) * 5, 4000),
    ),
    "frechet_distance": lambda fw, A, d: A.functional.frechet_distance(
        d["batch"][0, 0, :3],
        d["batch"][0, :, :9] @ d["batch"][0, :, :9].T,
        d["batch"][1, 0, :3],
        d["batch"][1, :, :9] @ d["batch"][1, :, :9].T,
    ),
    "psd": lambda fw, A, d: (
        A.functional.psd(d["array"]),
        A.functional.psd(d["array"], d["mask"], False),
        *_covariances(A, d),
    ),
    "mvdr_weights_souden": lambda fw, A, d: (
        A.functional.mvdr_weights_souden(*_covariances(A, d), 1),
        A.functional.mvdr_weights_souden(*_covariances(A, d), fw.tensor([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])),
    ),
    "mvdr_weights_rtf": lambda fw, A, d: (
        A.functional.mvdr_weights_rtf(d["array"][..., 0].transpose(1, 2), _covariances(A, d)[1]),
        A.functional.mvdr_weights_rtf(d["array"][..., 0].transpose(1, 2), _covariances(A, d)[1], 2, diag_eps=1e-3),
        A.functional.mvdr_weights_rtf(
            d["array"][..., 0].transpose(1, 2), _covariances(A, d)[1], fw.tensor([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
        ),
    ),
    "rtf_evd": lambda fw, A, d: _without_phase(A.functional.rtf_evd(_covariances(A, d)[0])),
    "rtf_power": lambda fw, A, d: tuple(
        A.functional.rtf_power(*_covariances(A, d), 0, n_iter=n, diagonal_loading=n != 2) for n in (1, 2, 3, 5)
    ),
    "apply_beamforming": lambda fw, A, d: A.functional.apply_beamforming(
        d["array"][..., 3].transpose(1, 2), d["array"]
    ),
    "resample": lambda fw, A, d: tuple(
        A.functional.resample(d["stereo"], *args)
        for args in (
            (16000, 8000),
            (16000, 44100),
            (44100, 16000, 16, 0.9),
            (3, 2, 6, 0.99, "sinc_interp_kaiser"),
            (3, 4, 64, 0.95, "sinc_interp_kaiser", 8.5),
        )
    ),
    "speed": lambda fw, A, d: (
        *A.functional.speed(d["stereo"], 16000, 1.1, fw.tensor([4000, 2000])),
        A.functional.speed(d["x"], 1000, 0.9)[0],
    ),
    "convolve": lambda fw, A, d: tuple(
        A.functional.convolve(d["batch"], d["batch"][:, :1, :50] * 2, mode) for mode in ("full", "valid", "same")
    ),
    "convolve_longer": lambda fw, A, d: A.functional.convolve(d["batch"][:, :, :33], d["batch"], "same"),
    "fftconvolve": lambda fw, A, d: tuple(
        A.functional.fftconvolve(d["batch"], d["batch"][:1, :, :501] * 2, mode) for mode in ("full", "valid", "same")
    ),
    "add_noise": lambda fw, A, d: (
        A.functional.add_noise(d["x"], d["noise"], fw.tensor([5.0])),
        A.functional.add_noise(d["stereo"], d["noise"], fw.tensor([5.0, -3.0]), fw.tensor([4000, 1000])),
    ),
    "rnnt_loss": _rnnt(),
    "rnnt_loss_none": _rnnt("none", blank=0),
    "rnnt_loss_sum": _rnnt("sum", fused_log_softmax=False, blank=4),
    "forced_align": _align(1, 2, 3),
    "forced_align_repeats": _align(2, 2, 5, 5, 1),
    "forced_align_one": _align(4),
    "vad": _of("vad", 16000, on="clip"),
    "vad_time": lambda fw, A, d: A.functional.vad(
        fw.cat([d["noise"] * 1e-3, d["clip"]], 1), 16000, trigger_level=5.0, pre_trigger_time=0.1, search_time=0.5
    ),
    "vad_channels": lambda fw, A, d: A.functional.vad(
        fw.cat(
            [
                fw.cat([d["noise"] * 1e-3, d["clip"]], 1),
                fw.cat([d["noise"] * 1e-3, d["noise"] * 2e-3, d["clip"]], 1)[:, : d["clip"].shape[1] + 4000],
            ]
        ),
        16000,
    ),
    "vad_nobody": lambda fw, A, d: A.functional.vad(d["noise"] * 0, 16000),
}


def _without_phase(vectors):
    """Eigenvectors have any phase; turned so that the first entry is real."""
    first = vectors[..., :1]
    return vectors * (first.conj() / first.abs())


def _both_coefficients(fw, A, d):
    a, b = fw.tensor([1.5, -0.4, 0.3]), fw.tensor([0.4, 0.2, -0.9])
    return lambda x, a, b: A.functional.lfilter(x, a, b, clamp=False), (d["batch"], a, b)


def _each_channel(fw, A, d):
    a = fw.tensor([[1.0, -0.4], [2.0, 0.3], [1.0, 0.9]])
    return lambda x, a: A.functional.lfilter(x, a, fw.flip(a, [1]) * 0.5, clamp=False), (d["batch"], a)


def _slope(name, *args, on="batch", **options):
    return lambda fw, A, d: (lambda x: getattr(A.functional, name)(x, *args, **options), (d[on],))


GRADIENTS = {
    "lfilter": _both_coefficients,
    "lfilter_each": _each_channel,
    "filtfilt": lambda fw, A, d: (
        lambda x, a: A.functional.filtfilt(x, a, fw.tensor([0.4, 0.2, -0.9])),
        (d["batch"], fw.tensor([1.0, -0.4, 0.3])),
    ),
    "lowpass_biquad": lambda fw, A, d: (
        lambda x, f, q: A.functional.lowpass_biquad(x, 16000, f, q),
        (d["batch"], fw.tensor(900.0), fw.tensor(0.7)),
    ),
    "equalizer_biquad": lambda fw, A, d: (
        lambda x, f, g: A.functional.equalizer_biquad(x, 16000, f, g),
        (d["batch"], fw.tensor(900.0), fw.tensor(3.0)),
    ),
    "band_biquad": _slope("band_biquad", 16000, 900.0),
    "bass_biquad": _slope("bass_biquad", 16000, 5.0),
    "resample": _slope("resample", 3, 2),
    "resample_up": _slope("resample", 4, 7, 8, 0.9, "sinc_interp_kaiser"),
    "contrast": _slope("contrast"),
    "deemphasis": _slope("deemphasis"),
    "compute_deltas": _slope("compute_deltas"),
    "sliding_window_cmn": _slope("sliding_window_cmn", 2, 1, norm_vars=False),
    "fftconvolve": lambda fw, A, d: (A.functional.fftconvolve, (d["batch"], d["batch"][:1, :1, :99] * 2)),
    "convolve": lambda fw, A, d: (A.functional.convolve, (d["batch"], d["batch"][:, :, :99] * 2)),
    "add_noise": lambda fw, A, d: (A.functional.add_noise, (d["x"], d["noise"], fw.tensor([4.0]))),
    "spectral_centroid": lambda fw, A, d: (
        lambda x: A.functional.spectral_centroid(x, 16000, 0, d["window"], 128, 64, 128),
        (d["noise"],),
    ),
    "spectrogram": lambda fw, A, d: (
        lambda x: A.functional.spectrogram(x, 3, d["window"], 128, 50, 128, 2.0, True),
        (d["stereo"],),
    ),
    "rnnt_loss": lambda fw, A, d: (lambda x: _rnnt("none")(fw, A, {"logits": x}), (d["logits"],)),
    "rnnt_loss_clamp": lambda fw, A, d: (lambda x: _rnnt("none", clamp=0.1)(fw, A, {"logits": x}), (d["logits"],)),
    "frechet_distance": lambda fw, A, d: (
        lambda m, x: A.functional.frechet_distance(m, x @ x.T, m * 2, x[:, :9] @ x[:, :9].T),
        (d["batch"][0, 0, :3], d["batch"][0, :, :30]),
    ),
    "loudness": lambda fw, A, d: (lambda x: A.functional.loudness(x, 4000), (d["batch"].to(fw.float64) * 3,)),
}
