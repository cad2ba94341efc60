"""Train a small recogniser on ten transcribed clips until it knows them by heart, and read them back with a beam search.

The clips lie in `data/pocketsphinx` (CREDITS.txt there). Ten clips teach nothing about others: what this shows is that
features, CTC loss, network and decoder fit together, down to a word error rate of 0.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import facula
from facula import nn
from facula_audio import load, transforms
from facula_audio.models.decoder import ctc_decoder, ctc_greedy

FOLDER = Path(__file__).parent / "data" / "pocketsphinx"
TOKENS = ["-", "|", *"abcdefghijklmnopqrstuvwxyz'"]  # the first is CTC's blank, the second the space


def read(folder: Path, count: int) -> tuple[list[facula.Tensor], list[str]]:
    """Features (frames, 80) and text of each clip: mel bands in logarithms, with mean 0 and deviation 1."""
    mel = transforms.MelSpectrogram(16000, n_fft=512, win_length=400, hop_length=160, n_mels=80)
    features, texts = [], []
    for line in (folder / "transcripts.tsv").read_text(encoding="utf-8").splitlines()[-count:]:
        name, text = line.split("\t")
        waveform, _ = load(folder / name)
        bands = (mel(waveform)[0].t() + 1e-6).log()
        features.append((bands - bands.mean(dim=0)) / bands.std(dim=0))
        texts.append(text)
    return features, texts


class Recogniser(nn.Module):
    """A convolution that halves the frames, four whose reach doubles from one to the next, and scores of the tokens.

    Shape: (N, frames, 80) and lengths (N,) -> logarithms of chances (N, frames / 2, tokens), lengths.
    """

    def __init__(self, width: int = 128) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv1d(80, width, 5, stride=2, padding=2), nn.BatchNorm1d(width), nn.GELU())
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Conv1d(width, width, 5, padding=2 * dilation, dilation=dilation), nn.BatchNorm1d(width), nn.GELU()
            )
            for dilation in (1, 2, 4, 8)
        )
        self.head = nn.Conv1d(width, len(TOKENS), 1)
        with facula.no_grad():
            self.head.bias[0] = 4.0  # blanks first, so that letters come to stand where they are heard

    def forward(self, features: facula.Tensor, lengths: facula.Tensor) -> tuple[facula.Tensor, facula.Tensor]:
        x = self.stem(features.transpose(1, 2))
        for block in self.blocks:
            x = x + block(x)
        return self.head(x).transpose(1, 2).log_softmax(dim=2), (lengths + 1) // 2


def spelled(text: str) -> list[int]:
    return [TOKENS.index(letter) for letter in text.replace(" ", "|")]


def edits(said: list[str], wanted: list[str]) -> int:
    """The fewest words to put in, leave out or replace."""
    row = list(range(len(wanted) + 1))
    for i, word in enumerate(said, 1):
        before, row = row, [i]
        for j, other in enumerate(wanted, 1):
            row.append(min(before[j] + 1, row[-1] + 1, before[j - 1] + (word != other)))
    return row[-1]


def error_rate(readings: list[str], texts: list[str]) -> float:
    """Edits for each word that was to be read."""
    pairs = [(reading.split(), text.split()) for reading, text in zip(readings, texts, strict=True)]
    return sum(edits(*pair) for pair in pairs) / sum(len(wanted) for _, wanted in pairs)


def as_text(tokens: facula.Tensor) -> str:
    return "".join(TOKENS[index] for index in tokens.tolist()).replace("|", " ").strip()


def train(model: Recogniser, features: list[facula.Tensor], texts: list[str], steps: int, goal: float) -> list[float]:
    """All clips in each step, until the loss of a letter is below the goal; returns the losses."""
    batch = nn.utils.rnn.pad_sequence(features, batch_first=True)
    lengths = facula.tensor([len(frames) for frames in features])
    targets = [spelled(text) for text in texts]
    letters = facula.tensor([letter for target in targets for letter in target])
    sizes = facula.tensor([len(target) for target in targets])
    optimizer = facula.optim.Adam(model.parameters(), lr=3e-3)
    losses: list[float] = []
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = 3e-3 * min(1.0, (step + 1) / 20) * (1 - 0.9 * step / steps)
        scores, frames = model(batch, lengths)
        loss = nn.functional.ctc_loss(scores.transpose(0, 1), letters, frames, sizes)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        losses.append(float(loss))
        if step % 25 == 0:
            print(f"step {step}: loss {losses[-1]:.3f}")
        if losses[-1] < goal:
            break
    return losses


def draw(path: Path, losses: list[float], scores: facula.Tensor, text: str) -> None:
    """The loss of each step, and what the model makes of each frame of one clip."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 6), dpi=110, layout="constrained")
    above, below = figure.subplots(2, 1, height_ratios=[1, 2])
    above.semilogy(losses, color="#2563c9")
    above.set(xlabel="step", ylabel="loss of a letter")
    below.imshow(scores.exp().t().numpy(), aspect="auto", cmap="Blues", interpolation="none")
    below.set_yticks(range(len(TOKENS)), ["blank", "space", *TOKENS[2:]], fontsize=6)
    below.set(xlabel="frame of 20 ms")
    below.set_title(f"chances of tokens: {text}", loc="left", fontsize=9)
    figure.savefig(path)


def main(arguments: list[str] | None = None) -> float:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=FOLDER)
    parser.add_argument("--clips", type=int, default=10, help="use only the last ones")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--goal", type=float, default=0.02, help="stop at this loss of a letter")
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--output", type=Path, default=Path("recognition.png"))
    options = parser.parse_args(arguments)
    facula.manual_seed(0)
    start = time.perf_counter()
    features, texts = read(options.data, options.clips)
    model = Recogniser(options.width)
    losses = train(model, features, texts, options.steps, options.goal)
    model.eval()
    with facula.no_grad():
        batch = nn.utils.rnn.pad_sequence(features, batch_first=True)
        scores, frames = model(batch, facula.tensor([len(part) for part in features]))
    letters = [as_text(reading.tokens) for reading in ctc_greedy(scores, frames)]
    lexicon = {word: [[*word, "|"], [*word]] for text in texts for word in text.split()}
    search = ctc_decoder(lexicon, TOKENS, beam_size=20, beam_size_token=10)
    words = [" ".join(readings[0].words) for readings in search(scores, frames)]
    for reading in words:
        print(f"  {reading}")
    draw(options.output, losses, scores[-1, : int(frames[-1])], texts[-1])
    greedy, rate = error_rate(letters, texts), error_rate(words, texts)
    print(
        f"word error rate {greedy:.4f} letter by letter, {rate:.4f} with a lexicon, after {len(losses)} steps and "
        f"{time.perf_counter() - start:.0f} s"
    )
    return greedy


if __name__ == "__main__":
    main()
