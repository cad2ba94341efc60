"""Calls of torchaudio's Kaldi features, written once for both; `functional_cases.py` says how."""


def inputs(fw, speech):
    """One real clip on the scale of 16-bit numbers, in two channels."""
    sound = fw.from_numpy(speech[None, 2000:10000].copy()) * 32768
    return {"x": sound, "stereo": fw.cat([fw.flip(sound, [1]), sound * 0.5])}


def _of(name, on="x", **options):
    return lambda fw, A, d: getattr(A.compliance.kaldi, name)(d[on], **options)


def _banks(*args):
    return lambda fw, A, d: A.compliance.kaldi.get_mel_banks(*args)


CASES = {
    "spectrogram": _of("spectrogram"),
    "spectrogram_blackman": _of(
        "spectrogram", "stereo", channel=1, window_type="blackman", blackman_coeff=0.4, snip_edges=False, raw_energy=False,
        subtract_mean=True,
    ),
    "spectrogram_exact": _of(
        "spectrogram", round_to_power_of_two=False, window_type="rectangular", preemphasis_coefficient=0.0, remove_dc_offset=False,
        energy_floor=0.0, frame_length=20.0, frame_shift=7.0,
    ),
    "fbank": _of("fbank"),
    "fbank_80": _of("fbank", num_mel_bins=80, window_type="hamming", snip_edges=False, frame_shift=30.0),
    "fbank_energy": _of("fbank", use_energy=True, use_log_fbank=False, use_power=False, window_type="hanning"),
    "fbank_htk": _of("fbank", use_energy=True, htk_compat=True, raw_energy=False, low_freq=60.0, high_freq=-400.0),
    "fbank_warped": _of("fbank", vtln_warp=0.9, vtln_low=60.0, vtln_high=7000.0, energy_floor=1e9, use_energy=True),
    "fbank_short": _of("fbank", min_duration=10.0),
    "mfcc": _of("mfcc"),
    "mfcc_energy": _of("mfcc", use_energy=True, num_ceps=20, num_mel_bins=40, subtract_mean=True),
    "mfcc_htk": _of("mfcc", htk_compat=True, cepstral_lifter=0.0),
    "mfcc_htk_energy": _of("mfcc", htk_compat=True, use_energy=True, vtln_warp=1.1),
    "get_mel_banks": _banks(23, 512, 16000.0, 20.0, 0.0, 100.0, -500.0, 1.0),
    "get_mel_banks_warped": _banks(40, 256, 8000.0, 20.0, 3700.0, 100.0, 3500.0, 1.2),
    "mel_scale": lambda fw, A, d: (
        A.compliance.kaldi.mel_scale(fw.arange(0.0, 8000.0, 500.0)),
        A.compliance.kaldi.inverse_mel_scale(fw.arange(0.0, 2800.0, 300.0)),
        fw.tensor([A.compliance.kaldi.mel_scale_scalar(440.0), A.compliance.kaldi.inverse_mel_scale_scalar(1000.0)]),
    ),
    "vtln_warp_freq": lambda fw, A, d: (
        A.compliance.kaldi.vtln_warp_freq(100.0, 7000.0, 20.0, 8000.0, 0.85, fw.arange(0.0, 8100.0, 37.0)),
        A.compliance.kaldi.vtln_warp_mel_freq(100.0, 7000.0, 20.0, 8000.0, 1.2, fw.arange(40.0, 2800.0, 37.0)),
    ),
}  # fmt: skip


GRADIENTS = {
    "fbank": lambda fw, A, d: (lambda x: A.compliance.kaldi.fbank(x), (d["x"],)),
    "mfcc": lambda fw, A, d: (lambda x: A.compliance.kaldi.mfcc(x, use_energy=True), (d["x"],)),
}
