"""Calls of torchaudio's transforms, written once for both; `functional_cases.py` says how."""

import numpy as np


def inputs(fw, speech):
    """What the cases work on, from one real clip; numbers that look random are made by NumPy."""
    rng = np.random.default_rng(1)
    draw = lambda *shape: fw.from_numpy(rng.standard_normal(shape).astype(np.float32))
    d = {"clip": fw.from_numpy(speech[None]), "x": fw.from_numpy(speech[None, 4000:8000].copy())}
    d["stereo"] = fw.stack([d["x"][0], 0.5 * fw.flip(d["x"][0], [0])])
    d["batch"] = 0.3 * draw(2, 3, 2000)
    d["noise"] = draw(1, 4000)
    d["power"] = draw(2, 65, 40) ** 2
    d["spec"] = fw.complex(draw(2, 65, 40), draw(2, 65, 40))
    d["array"], d["mask"], d["masks"] = (
        fw.complex(draw(3, 9, 20), draw(3, 9, 20)),
        draw(9, 20).sigmoid(),
        draw(3, 9, 20).sigmoid(),
    )
    d["logits"] = draw(2, 6, 4, 5)
    return d


def _of(name, *args, on="stereo", **options):
    return lambda fw, A, d: getattr(A.transforms, name)(*args, **options)(d[on])


def _spectral(name, on="stereo", **options):
    """A transform of frames with a Hamming window, at small sizes."""
    return lambda fw, A, d: getattr(A.transforms, name)(
        n_fft=128, hop_length=48, win_length=100, window_fn=fw.hamming_window, wkwargs={"periodic": False}, **options
    )(d[on])


def _wide(name, **options):
    """In float64: phases that are added up or fed back make rounding errors large."""
    return lambda fw, A, d: getattr(A.transforms, name)(**options).to(fw.float64)(d["power"].to(fw.float64))


MEL = {"n_fft": 256, "hop_length": 80, "n_mels": 32}


def _mvdr(**options):
    def call(fw, A, d):
        masks = (d["masks"], 1 - d["masks"]) if options.get("multi_mask") else (d["mask"],)
        transform = A.transforms.MVDR(diag_eps=1e-5, **options)
        first = transform(d["array"], *masks)
        return (first, transform(d["array"] * 2, *masks)) if options.get("online") else first

    return call


def _rnnt(fw, A, d):
    lengths = fw.tensor([6, 4], dtype=fw.int32), fw.tensor([3, 2], dtype=fw.int32)
    return A.transforms.RNNTLoss(blank=1)(d["logits"], fw.tensor([[0, 2, 2], [3, 0, 0]], dtype=fw.int32), *lengths)


CASES = {
    "Spectrogram": _of("Spectrogram"),
    "Spectrogram_window": _spectral("Spectrogram", power=1.0, normalized=True, pad=7, pad_mode="constant"),
    "Spectrogram_complex": _spectral("Spectrogram", power=None, center=False, onesided=False),
    "InverseSpectrogram": lambda fw, A, d: (
        A.transforms.InverseSpectrogram(n_fft=128)(d["spec"]),
        A.transforms.InverseSpectrogram(n_fft=128, hop_length=32, pad=5, normalized=True)(d["spec"], 1200),
    ),
    "GriffinLim": _wide("GriffinLim", n_fft=128, n_iter=5, rand_init=False),
    "GriffinLim_length": _wide("GriffinLim", n_fft=128, n_iter=3, hop_length=32, power=1.0, momentum=0.2, length=1250, rand_init=False),
    "SpectralCentroid": _of("SpectralCentroid", 16000, n_fft=200, pad=3),
    "TimeStretch": lambda fw, A, d: (
        A.transforms.TimeStretch(n_freq=65, fixed_rate=0.9).to(fw.float64)(d["spec"].to(fw.complex128)),
        A.transforms.TimeStretch(hop_length=50, n_freq=65).to(fw.float64)(d["spec"].to(fw.complex128), 1.7),
    ),
    "PitchShift": _of("PitchShift", 16000, 3, on="x"),
    "PitchShift_down": _of("PitchShift", 16000, -5, n_fft=256, hop_length=40, win_length=200, on="x"),
    "MelScale": _of("MelScale", n_mels=20, n_stft=65, norm="slaney", mel_scale="slaney", on="power"),
    "InverseMelScale": lambda fw, A, d: A.transforms.InverseMelScale(65, n_mels=16)(A.transforms.MelScale(16, n_stft=65)(d["power"])),
    "MelSpectrogram": _of("MelSpectrogram", 16000, **MEL),
    "MelSpectrogram_slaney": _of(
        "MelSpectrogram", 16000, f_min=60.0, f_max=7000.0, power=1.0, norm="slaney", mel_scale="slaney", normalized=True, **MEL
    ),
    "AmplitudeToDB": lambda fw, A, d: (
        A.transforms.AmplitudeToDB()(d["power"]), A.transforms.AmplitudeToDB("magnitude", 30.0)(d["power"][:, None])
    ),
    "MFCC": _of("MFCC", 16000, 13, melkwargs=MEL),
    "MFCC_log": _of("MFCC", 16000, 20, norm=None, log_mels=True, melkwargs=MEL),
    "LFCC": _of("LFCC", 16000, 40, n_lfcc=13, speckwargs={"n_fft": 256, "hop_length": 80}),
    "LFCC_log": _of("LFCC", 16000, 32, 100.0, 6000.0, 20, log_lf=True, speckwargs={"n_fft": 256, "hop_length": 80}),
    "ComputeDeltas": _of("ComputeDeltas", 7, on="power"),
    "SlidingWindowCmn": _of("SlidingWindowCmn", 15, 4, True, True, on="power"),
    "Loudness": _of("Loudness", 4000, on="batch"),
    "Vad": _of("Vad", 16000, on="clip"),
    "Vad_settings": _of("Vad", 16000, trigger_level=4.0, search_time=0.3, allowed_gap=0.1, on="clip"),
    "Resample": lambda fw, A, d: tuple(
        A.transforms.Resample(*args)(d["stereo"])
        for args in ((16000, 11025), (8000, 16000, "sinc_interp_kaiser"), (16000, 6000, "sinc_interp_hann", 12, 0.9), (8000, 8000))
    ),
    "Resample_double": lambda fw, A, d: A.transforms.Resample(16000, 12000, dtype=fw.float64)(d["x"].to(fw.float64)),
    "Speed": lambda fw, A, d: A.transforms.Speed(16000, 1.15)(d["stereo"], fw.tensor([4000, 3001])),
    "SpeedPerturbation": lambda fw, A, d: A.transforms.SpeedPerturbation(16000, [0.9])(d["stereo"], fw.tensor([4000, 3001])),
    "Fade": lambda fw, A, d: tuple(
        A.transforms.Fade(300, 900, shape)(d["stereo"])
        for shape in ("linear", "exponential", "logarithmic", "quarter_sine", "half_sine")
    ),
    "Vol": lambda fw, A, d: tuple(
        A.transforms.Vol(*args)(d["stereo"]) for args in ((0.3,), (3.0, "power"), (-6.0, "db"), (40.0, "db"))
    ),
    "AddNoise": lambda fw, A, d: A.transforms.AddNoise()(d["x"], d["noise"], fw.tensor([3.0])),
    "Convolve": lambda fw, A, d: A.transforms.Convolve("same")(d["stereo"], d["batch"][:, 0, :30]),
    "FFTConvolve": lambda fw, A, d: A.transforms.FFTConvolve("valid")(d["stereo"], d["batch"][:, 0, :300]),
    "Preemphasis": _of("Preemphasis", 0.9),
    "Deemphasis": _of("Deemphasis", 0.95),
    "MuLawEncoding": _of("MuLawEncoding", 128),
    "MuLawDecoding": lambda fw, A, d: A.transforms.MuLawDecoding(64)(fw.arange(64)),
    "PSD": lambda fw, A, d: (
        A.transforms.PSD()(d["array"], d["mask"]), A.transforms.PSD(True, False)(d["array"], d["masks"]), A.transforms.PSD()(d["array"])
    ),
    "SoudenMVDR": lambda fw, A, d: A.transforms.SoudenMVDR()(
        d["array"], A.transforms.PSD()(d["array"], d["mask"]), A.transforms.PSD()(d["array"], 1 - d["mask"]), 1
    ),
    "RTFMVDR": lambda fw, A, d: A.transforms.RTFMVDR()(
        d["array"], d["array"][..., 0].transpose(0, 1), A.transforms.PSD()(d["array"], d["mask"]), 2, diag_eps=1e-4
    ),
    "MVDR": _mvdr(),
    "MVDR_evd": _mvdr(solution="stv_evd", ref_channel=1),
    "MVDR_power": _mvdr(solution="stv_power", multi_mask=True, diag_loading=False),
    "MVDR_online": _mvdr(online=True),
    "MVDR_online_masks": _mvdr(online=True, multi_mask=True),
    "RNNTLoss": _rnnt,
    "FrequencyMasking_none": lambda fw, A, d: A.transforms.FrequencyMasking(0)(d["power"]),
    "TimeMasking_none": lambda fw, A, d: A.transforms.TimeMasking(30, p=0.01)(d["power"]),
}  # fmt: skip


def _slope(name, *args, on="stereo", **options):
    return lambda fw, A, d: (getattr(A.transforms, name)(*args, **options), (d[on],))


GRADIENTS = {
    "MelSpectrogram": _slope("MelSpectrogram", 16000, on="noise", **MEL),
    "MFCC": _slope("MFCC", 16000, 13, log_mels=True, melkwargs=MEL, on="noise"),
    "InverseSpectrogram": lambda fw, A, d: (
        lambda power: A.transforms.InverseSpectrogram(n_fft=128)(fw.polar(power, power)), (d["power"],)
    ),
    "TimeStretch": lambda fw, A, d: (
        lambda power: A.transforms.TimeStretch(n_freq=65, fixed_rate=1.3)(fw.polar(power + 0.5, power)).abs(), (d["power"],)
    ),
    "InverseMelScale": lambda fw, A, d: (A.transforms.InverseMelScale(65, n_mels=16), (d["power"][:, :16],)),
    "Fade": _slope("Fade", 300, 900, "half_sine"),
    "Vol": _slope("Vol", 2.0, "power"),
    "Resample": _slope("Resample", 16000, 12000),
    "SoudenMVDR": lambda fw, A, d: (
        lambda mask: A.transforms.SoudenMVDR()(
            d["array"], A.transforms.PSD()(d["array"], mask), A.transforms.PSD()(d["array"], 1 - mask), 1
        ).abs(),
        (d["mask"],),
    ),
    "MVDR_power": lambda fw, A, d: (
        lambda mask: A.transforms.MVDR(solution="stv_power")(d["array"], mask).abs(), (d["mask"],)
    ),
}  # fmt: skip
