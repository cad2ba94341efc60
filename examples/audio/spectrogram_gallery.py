"""Draw a real clip in four ways: samples, spectrogram, mel bands and cepstral coefficients."""

from __future__ import annotations

import argparse
from pathlib import Path

import facula
import facula_audio as torchaudio
from facula_audio import transforms

CLIP = Path(__file__).parent / "data" / "pocketsphinx" / "librivox-0880.flac"


def features(waveform: facula.Tensor, rate: int) -> dict[str, facula.Tensor]:
    """The pictures' numbers, each (bands, frames), in windows of 25 ms every 5 ms."""
    sizes = {"n_fft": 512, "win_length": rate // 40, "hop_length": rate // 200}
    decibels = transforms.AmplitudeToDB(top_db=70)
    cepstrum = transforms.MFCC(rate, n_mfcc=21, melkwargs={"n_mels": 80, **sizes})(waveform)[0, 1:]  # 0 is loudness
    mean, deviation = cepstrum.mean(dim=1, keepdim=True), cepstrum.std(dim=1, keepdim=True)
    return {
        "Spectrogram, dB": decibels(transforms.Spectrogram(**sizes)(waveform))[0],
        "80 mel bands, dB": decibels(transforms.MelSpectrogram(rate, n_mels=80, **sizes)(waveform))[0],
        "20 cepstral coefficients of the mel bands, each by its own spread": (cepstrum - mean) / deviation,
    }


def draw(path: Path, waveform: facula.Tensor, rate: int, title: str) -> None:
    """One column of pictures over the same seconds."""
    from matplotlib.figure import Figure

    seconds = waveform.shape[1] / rate
    pictures = features(waveform, rate)
    figure = Figure(figsize=(9, 9), dpi=110, layout="constrained")
    rows = figure.subplots(1 + len(pictures), 1, sharex=True, height_ratios=[1, 2, 2, 1.4])
    rows[0].plot(facula.arange(waveform.shape[1]).numpy() / rate, waveform[0].numpy(), linewidth=0.5, color="#2563c9")
    rows[0].set_title(title, loc="left", fontsize=11)
    rows[0].set_ylabel("amplitude")
    for axes, (name, picture) in zip(rows[1:], pictures.items(), strict=True):
        top = rate / 2000 if name.startswith("Spectrogram") else len(picture)
        axes.imshow(picture.numpy(), origin="lower", aspect="auto", cmap="magma", extent=(0, seconds, 0, top))
        axes.set_title(name, loc="left", fontsize=9)
        axes.set_ylabel("kHz" if name.startswith("Spectrogram") else "coefficient" if "cepstral" in name else "band")
    rows[-1].set_xlabel("seconds")
    figure.savefig(path)


def main(arguments: list[str] | None = None) -> Path:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clip", type=Path, default=CLIP)
    parser.add_argument("--output", type=Path, default=Path("gallery.png"))
    options = parser.parse_args(arguments)
    waveform, rate = torchaudio.load(options.clip)
    draw(options.output, waveform[:1], rate, options.clip.name)
    print(f"{options.clip.name}: {waveform.shape[1] / rate:.2f} s at {rate} Hz, drawn in {options.output}")
    return options.output


if __name__ == "__main__":
    main()
