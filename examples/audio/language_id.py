"""Tell which of five languages is spoken, from real clips of telephone announcements.

The clips come with Debian's packages `asterisk-core-sounds-{en,es,fr,it,ru}-wav` (CC BY-SA 3.0 and CC BY 3.0), one speaker a
language, 8 kHz; --data names the folder that holds one folder for each.
"""

from __future__ import annotations

import argparse
import time
import zlib
from pathlib import Path

import facula
from facula import nn
from facula.utils.data import DataLoader, TensorDataset
from facula_audio import load, transforms

RATE, SECONDS = 8000, 2.0


def clips(folder: Path, limit: int | None) -> tuple[list[Path], list[int], list[str]]:
    """Sound files, the number of each one's language, and the languages."""
    homes = sorted(path for path in folder.iterdir() if path.is_dir() and not path.is_symlink())
    languages = [home.name.split("_")[0] for home in homes]
    paths, labels = [], []
    for label, home in enumerate(homes):
        found = [path for path in sorted(home.rglob("*.wav")) if path.parent.name != "silence"]
        found = found[:: max(1, len(found) // limit)][:limit] if limit else found
        paths += found
        labels += [label] * len(found)
    return paths, labels, languages


def mel_features(paths: list[Path]) -> facula.Tensor:
    """Logarithms of 40 mel bands of each clip's first two seconds of speech, less each clip's mean, (clips, 40, frames)."""
    mel = transforms.MelSpectrogram(RATE, n_fft=256, win_length=200, hop_length=100, n_mels=40)
    length = int(RATE * SECONDS)
    rows = []
    for path in paths:
        waveform, rate = load(path)
        assert rate == RATE, path
        loud = (waveform[0].abs() > 0.01).nonzero()
        start = int(loud[0, 0]) if len(loud) else 0
        rows.append(
            nn.functional.pad(waveform[0, start : start + length], (0, max(0, length - waveform.shape[1] + start)))
        )
    features = facula.cat([(mel(part) + 1e-6).log() for part in facula.stack(rows).split(256)])
    return features - features.mean(dim=2, keepdim=True)


class Ear(nn.Module):
    """Three convolutions over time, their mean and maximum, and a linear layer.   Shape: (N, 40, frames) -> (N, classes)."""

    def __init__(self, classes: int, width: int = 64) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs in (40, width, width):
            layers += [nn.Conv1d(inputs, width, 5, stride=2, padding=2), nn.BatchNorm1d(width), nn.ReLU()]
        self.body = nn.Sequential(*layers)
        self.head = nn.Sequential(nn.Dropout(0.3), nn.Linear(2 * width, classes))

    def forward(self, x: facula.Tensor) -> facula.Tensor:
        x = self.body(x)
        return self.head(facula.cat([x.mean(dim=2), x.amax(dim=2)], dim=1))


def train(model: Ear, data: TensorDataset, epochs: int) -> None:
    loader = DataLoader(data, 64, shuffle=True)
    optimizer = facula.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.02)
    schedule = facula.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=epochs * len(loader))
    for epoch in range(epochs):
        total = 0.0
        for features, labels in loader:
            shifted = features.roll(int(facula.randint(0, 20, (1,))), dims=2)
            loss = nn.functional.cross_entropy(model(shifted), labels, label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += float(loss) * len(labels)
        if epoch % 5 == 4 or epoch == epochs - 1:
            print(f"epoch {epoch + 1}: loss {total / len(data):.3f}")


def draw(path: Path, confusion: facula.Tensor, languages: list[str], accuracy: float) -> None:
    """Which language is taken for which."""
    from facula_lightning import plots

    figure = plots.draw_confusion(confusion.numpy(), languages)
    figure.suptitle(f"Language of announcements: {accuracy:.3f} of the test clips", fontsize=10)
    figure.savefig(path)


def main(arguments: list[str] | None = None) -> float:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("/usr/share/asterisk/sounds"))
    parser.add_argument("--epochs", type=int, default=25)
    parser.add_argument("--limit", type=int, help="use only so many clips of each language")
    parser.add_argument("--output", type=Path, default=Path("languages.png"))
    options = parser.parse_args(arguments)
    facula.manual_seed(0)
    start = time.perf_counter()
    paths, labels, languages = clips(options.data, options.limit)
    names = [str(path.relative_to(options.data)) for path in paths]
    held_out = facula.tensor([zlib.crc32(name.encode()) % 5 == 0 for name in names])
    features, truth = mel_features(paths), facula.tensor(labels)
    print(f"{len(paths)} clips of {', '.join(languages)}, read in {time.perf_counter() - start:.0f} s")
    model = Ear(len(languages))
    train(model, TensorDataset(features[~held_out], truth[~held_out]), options.epochs)
    model.eval()
    with facula.no_grad():
        said = model(features[held_out]).argmax(dim=1)
    wanted = truth[held_out]
    accuracy = float((said == wanted).float().mean())
    count = len(languages)
    confusion = facula.bincount(wanted * count + said, minlength=count * count).view(count, count)
    draw(options.output, confusion, languages, accuracy)
    print(f"test accuracy {accuracy:.4f} over {len(wanted)} clips, {time.perf_counter() - start:.0f} s in all")
    return accuracy


if __name__ == "__main__":
    main()
