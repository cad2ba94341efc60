"""Features of sound beside torch: `python benchmarks/audio.py [--rounds 9] [--threads 2] [--minutes 10]`.

The spectrogram and the resampling are written in torch's own operators, as its users do without torchaudio; where torchaudio
is installed, each line is also torchaudio's, and there are more. All are timed in turn, so that a busy machine is as bad for
one as for the other; a ratio is facula's time over theirs, the median over rounds.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch

import facula
import facula_audio

Step = Callable[[], Any]
TORCHAUDIO = find_spec("torchaudio") is not None


def noise(fw: Any, rate: int, minutes: float) -> Any:
    """One channel, the same numbers for both."""
    count = int(rate * minutes * 60)
    return fw.from_numpy(np.random.default_rng(0).uniform(-0.5, 0.5, (1, count)).astype(np.float32))


def mel_in_torch(minutes: float) -> Step:
    """|stft|^2 of 400 samples every 160, in 80 mel bands."""
    x, window = noise(torch, 16000, minutes), torch.hann_window(400)
    bank = torch.from_numpy(facula_audio.functional.melscale_fbanks(201, 0.0, 8000.0, 80, 16000).numpy())

    def step() -> Any:
        power = torch.stft(x, 400, 160, 400, window, return_complex=True).abs().pow(2.0)
        return torch.matmul(power.transpose(-1, -2), bank).transpose(-1, -2)

    return step


def resample_in_torch(minutes: float) -> Step:
    """A windowed sinc for 48 kHz to 16 kHz as a convolution."""
    x = noise(torch, 48000, minutes / 10)
    kernel, width = facula_audio.functional.sinc_kernel(3, 1)
    kernel = torch.from_numpy(kernel.float().numpy())

    def step() -> Any:
        padded = torch.nn.functional.pad(x, (width, width + 3))
        return torch.nn.functional.conv1d(padded[:, None], kernel, stride=3).transpose(1, 2).reshape(1, -1)

    return step


def mel(fw: Any, audio: Any, minutes: float) -> Step:
    transform = audio.transforms.MelSpectrogram(16000, n_fft=400, hop_length=160, n_mels=80)
    x = noise(fw, 16000, minutes)
    return lambda: transform(x)


def resample(fw: Any, audio: Any, minutes: float) -> Step:
    transform = audio.transforms.Resample(48000, 16000)
    x = noise(fw, 48000, minutes / 10)
    return lambda: transform(x)


def _of(name: str, share: float, *args: Any) -> Callable[..., Step]:
    """A function of a shorter sound."""

    def make(fw: Any, audio: Any, minutes: float) -> Step:
        x, function = noise(fw, 16000, minutes * share), getattr(audio.functional, name)
        return lambda: function(x, *args)

    return make


def fbank(fw: Any, audio: Any, minutes: float) -> Step:
    x = noise(fw, 16000, minutes / 10)
    return lambda: audio.compliance.kaldi.fbank(x, num_mel_bins=80)


def biquad_gradient(fw: Any, audio: Any, minutes: float) -> Step:
    x = noise(fw, 16000, minutes / 10)

    def step() -> None:
        with fw.enable_grad():
            leaf = x.detach().requires_grad_()
            audio.functional.lowpass_biquad(leaf, 16000, 3000.0).sum().backward()

    return step


def transducer(fw: Any, audio: Any, minutes: float) -> Step:
    """The loss of 4 sentences of 100 frames and 20 tokens, and its gradient."""
    rng = np.random.default_rng(0)
    logits = fw.from_numpy(rng.standard_normal((4, 100, 21, 128)).astype(np.float32))
    targets = fw.from_numpy(rng.integers(0, 127, (4, 20)).astype(np.int32))
    lengths = fw.full((4,), 100, dtype=fw.int32), fw.full((4,), 20, dtype=fw.int32)

    def step() -> None:
        with fw.enable_grad():
            leaf = logits.detach().requires_grad_()
            audio.functional.rnnt_loss(leaf, targets, *lengths).backward()

    return step


def alignment(fw: Any, audio: Any, minutes: float) -> Step:
    rng = np.random.default_rng(0)
    scores = fw.from_numpy(rng.standard_normal((1, 1000, 30)).astype(np.float32)).log_softmax(-1)
    targets = fw.from_numpy(rng.integers(1, 30, (1, 150)))
    return lambda: audio.functional.forced_align(scores, targets)


BOTH = {"MelSpectrogram": (mel, mel_in_torch), "Resample 48k to 16k": (resample, resample_in_torch)}
MORE = {
    "kaldi.fbank": fbank,
    "lowpass_biquad": _of("lowpass_biquad", 1.0, 16000, 3000.0),
    "lowpass_biquad and its gradient": biquad_gradient,
    "loudness": _of("loudness", 0.1, 16000),
    "detect_pitch_frequency": _of("detect_pitch_frequency", 0.02, 16000),
    "pitch_shift": _of("pitch_shift", 0.002, 16000, 4),
    "phaser": _of("phaser", 0.002, 16000),
    "flanger": _of("flanger", 0.002, 16000),
    "vad": _of("vad", 0.01, 16000),
    "rnnt_loss and its gradient": transducer,
    "forced_align": alignment,
}


def timed(step: Step) -> float:
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def compare(name: str, ours: Step, theirs: Step, whose: str, rounds: int) -> str:
    """One row of the table."""
    times = [(timed(ours), timed(theirs)) for _ in range(rounds + 1)][1:]  # the first warms up
    a, b = (statistics.median(column) * 1e3 for column in zip(*times, strict=True))
    ratio = statistics.median(x / y for x, y in times)
    return f"| {name} | {whose} | {a:.1f} | {b:.1f} | **{ratio:.2f}** |"


def main() -> None:
    """Print one line for each feature and rival."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=10.0, help="of sound for the spectrogram; others take a share")
    chosen = parser.parse_args()
    facula.set_num_threads(chosen.threads)
    torch.set_num_threads(chosen.threads)
    print("| feature | beside | facula (ms) | theirs (ms) | ratio |\n|---|---|---|---|---|")
    with facula.no_grad(), torch.no_grad():
        for name, (make, plain) in BOTH.items():
            step = make(facula, facula_audio, chosen.minutes)
            print(compare(name, step, plain(chosen.minutes), f"torch {torch.__version__}", chosen.rounds), flush=True)
        if TORCHAUDIO:
            import torchaudio
            import torchaudio.compliance.kaldi

            for name, make in {**{n: b[0] for n, b in BOTH.items()}, **MORE}.items():
                ours, theirs = make(facula, facula_audio, chosen.minutes), make(torch, torchaudio, chosen.minutes)
                print(compare(name, ours, theirs, f"torchaudio {torchaudio.__version__}", chosen.rounds), flush=True)


if __name__ == "__main__":
    main()
