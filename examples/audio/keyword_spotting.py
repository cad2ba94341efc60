"""Train M5 on raw waveforms to tell keywords apart, and test it on voices that it never heard.

--data names a folder with Google's Speech Commands, fetched by `SPEECHCOMMANDS(root, download=True)`. --speak writes a small
data set of the same layout there first: ten words said by the voices of the program espeak-ng, an eleventh of them for the test.
"""

from __future__ import annotations

import argparse
import subprocess
import time
from pathlib import Path

import facula
from facula import nn
from facula.utils.data import DataLoader, TensorDataset
from facula_audio.datasets import SPEECHCOMMANDS
from facula_audio.functional import resample
from facula_audio.models import m5

RATE = 8000
WORDS = "yes no up down left right on off stop go".split()
ACCENTS = "en-us en-gb en-gb-scotland en-gb-x-rp en-029".split()


def speak(root: Path, words: list[str], voices: int) -> None:
    """Let espeak-ng say every word in `voices` variants, each at its own pitch and speed, in Speech Commands' layout."""
    listed = subprocess.run(["espeak-ng", "--voices=variant"], capture_output=True, text=True, check=True).stdout
    variants = [line.split("!v/")[1].split()[0] for line in listed.splitlines() if "!v/" in line]
    base = root / "SpeechCommands" / "speech_commands_v0.02"
    lists: dict[str, list[str]] = {"validation_list.txt": [], "testing_list.txt": []}
    for voice in range(voices):
        name = f"{ACCENTS[voice % len(ACCENTS)]}+{variants[voice % len(variants)]}"
        speed, pitch = 110 + 17 * voice % 90, 20 + 13 * voice % 60
        for word in words:
            clip = f"{word}/{voice:04x}_nohash_0.wav"
            (base / word).mkdir(parents=True, exist_ok=True)
            command = ["espeak-ng", "-v", name, "-s", str(speed), "-p", str(pitch), "-w", str(base / clip), word]
            subprocess.run(command, check=True)
            if voice % 11 == 10:  # 11 and the number of accents share no factor
                lists["testing_list.txt"].append(clip)
    for name, clips in lists.items():
        (base / name).write_text("".join(f"{clip}\n" for clip in clips))


def second_at_8_khz(waveform: facula.Tensor, rate: int) -> facula.Tensor:
    """The second around the loudest part, at 8 kHz, as loud as all others.   Shape: (1, time) -> (1, 8000)."""
    wave = resample(waveform, rate, RATE)
    if wave.shape[1] > RATE:
        energy = nn.functional.avg_pool1d(wave.pow(2)[None], RATE, stride=RATE // 50)[0, 0]
        start = int(energy.argmax()) * (RATE // 50)
        wave = wave[:, start : start + RATE]
    wave = nn.functional.pad(wave, (0, RATE - wave.shape[1]))
    return wave / wave.abs().max().clamp(min=1e-4)


def part(root: Path, subset: str, words: list[str], limit: int | None) -> TensorDataset:
    """One part of the data as two tensors, (clips, 1, 8000) and (clips,)."""
    clips = SPEECHCOMMANDS(root, subset=subset)
    chosen = [n for n in range(len(clips)) if clips.get_metadata(n)[2] in words]
    samples = [clips[n] for n in (chosen[:: max(1, len(chosen) // limit)] if limit else chosen)]
    waves = facula.stack([second_at_8_khz(sample[0], sample[1]) for sample in samples])
    return TensorDataset(waves, facula.tensor([words.index(sample[2]) for sample in samples]))


def varied(waves: facula.Tensor) -> facula.Tensor:
    """The same words a little later or earlier, louder or softer, in some noise."""
    shifts = facula.randint(-800, 800, (len(waves), 1))
    places = (facula.arange(waves.shape[2]) + shifts) % waves.shape[2]
    gains = 0.5 + facula.rand(len(waves), 1, 1)
    return waves.gather(2, places[:, None]) * gains + 0.01 * facula.randn(waves.shape)


def train(model: nn.Module, data: TensorDataset, epochs: int) -> None:
    loader = DataLoader(data, 32, shuffle=True, drop_last=len(data) > 64)
    optimizer = facula.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=1e-3)
    schedule = facula.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=epochs * len(loader))
    for epoch in range(epochs):
        total = 0.0
        for waves, labels in loader:
            loss = nn.functional.cross_entropy(model(varied(waves)), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += float(loss)
        if epoch % 10 == 9 or epoch == epochs - 1:
            print(f"epoch {epoch + 1}: loss {total / len(loader):.3f}")


def main(arguments: list[str] | None = None) -> float:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--speak", type=int, metavar="VOICES", help="let espeak-ng make the data with so many voices")
    parser.add_argument("--words", nargs="+", default=WORDS)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--limit", type=int, help="use only so many clips of each part")
    parser.add_argument("--output", type=Path, default=Path("keywords.png"))
    options = parser.parse_args(arguments)
    facula.manual_seed(0)
    start = time.perf_counter()
    if options.speak:
        speak(options.data, options.words, options.speak)
    training, testing = (part(options.data, name, options.words, options.limit) for name in ("training", "testing"))
    print(f"{len(training)} and {len(testing)} clips of {len(options.words)} words")
    model = m5(num_classes=len(options.words))
    train(model, training, options.epochs)
    model.eval()
    waves, wanted = testing.tensors
    with facula.no_grad():
        said = facula.cat([model(batch) for batch in waves.split(256)]).argmax(dim=1)
    accuracy = float((said == wanted).float().mean())
    count = len(options.words)
    confusion = facula.bincount(wanted * count + said, minlength=count * count).view(count, count)
    from facula_lightning import plots

    plots.draw_confusion(confusion.numpy(), options.words).savefig(options.output)
    print(f"test accuracy {accuracy:.4f} over {len(wanted)} clips, {time.perf_counter() - start:.0f} s in all")
    return accuracy


if __name__ == "__main__":
    main()
