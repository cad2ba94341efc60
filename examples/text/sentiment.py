"""Train a classifier of words on sentences with ratings, and measure it on every fifth of them.

The sentences are those of C. Hutto and E. Gilbert, "VADER", 2014: 10,605 from reviews of films, each with the mean of twenty
people's ratings from -4 to 4; the source archive of the package vaderSentiment holds them (MIT licence):

    pip download --no-deps --no-binary :all: vaderSentiment==3.3.2
    python sentiment.py vaderSentiment-3.3.2.tar.gz
"""

from __future__ import annotations

import argparse
import io
import tarfile
from collections.abc import Sequence

import facula
from facula import Tensor
from facula.nn import functional as F
from facula.utils.data import DataLoader
from facula_text.models import FastText
from facula_text.models.fasttext import hashed_ngrams
from facula_text.vocab import get_tokenizer

ARCHIVE, FILE = "hutto_ICWSM_2014.tar.gz", "movieReviewSnippets_GroundTruth.txt"
Sample = tuple[list[int], int]


def read_sentences(path: str, least: float = 0.5) -> list[tuple[str, int]]:
    """The sentences whose mean rating is at least `least` away from 0, and whether it is above 0."""
    with tarfile.open(path) as outer:
        inner = next((member for member in outer if member.name.endswith(ARCHIVE)), None)
        if inner is None:
            raise SystemExit(f"expected {ARCHIVE} in {path}; give the source archive of vaderSentiment")
        with tarfile.open(fileobj=io.BytesIO(outer.extractfile(inner).read())) as archive:  # type: ignore[union-attr]
            member = next(member for member in archive if member.name.endswith(FILE))
            text = archive.extractfile(member).read().decode("utf-8", "replace")  # type: ignore[union-attr]
    rows = [line.split("\t") for line in text.splitlines()]
    return [(row[2], int(float(row[1]) > 0)) for row in rows if len(row) == 3 and abs(float(row[1])) >= least]


def collate(samples: Sequence[Sample]) -> tuple[Tensor, Tensor, Tensor]:
    """The ids of all texts one after the other, where each text starts, and the labels."""
    starts = [0]
    for ids, _ in samples:
        starts.append(starts[-1] + len(ids))
    flat = [index for ids, _ in samples for index in ids]
    return facula.tensor(flat), facula.tensor(starts[:-1]), facula.tensor([label for _, label in samples])


def accuracy(model: FastText, samples: Sequence[Sample]) -> float:
    """The share of texts whose label is the likelier one."""
    ids, starts, labels = collate(samples)
    with facula.no_grad():
        return float((model(ids, starts).argmax(1) == labels).to(facula.float32).mean())


def main(arguments: list[str] | None = None) -> float:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive", help="vaderSentiment-3.3.2.tar.gz")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--buckets", type=int, default=50_000)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--learning-rate", type=float, default=5e-3)
    parser.add_argument("--ngrams", type=int, default=1, help="how many words at once count, too")
    options = parser.parse_args(arguments)
    facula.manual_seed(0)
    facula.set_num_threads(1)  # products this small only wait for each other

    tokenize = get_tokenizer("basic_english")
    sentences = read_sentences(options.archive)
    samples = [
        (hashed_ngrams(tokenize(text), options.buckets, options.ngrams) or [0], label) for text, label in sentences
    ]
    training = [sample for place, sample in enumerate(samples) if place % 5]
    held_out = samples[::5]
    share = sum(label for _, label in held_out) / len(held_out)
    print(f"{len(training)} sentences to learn from, {len(held_out)} to measure on, of which {share:.3f} are positive")

    model = FastText(options.buckets, 2, options.width)
    optimizer = facula.optim.AdamW(model.parameters(), lr=options.learning_rate, weight_decay=0.01)
    for epoch in range(options.epochs):
        total = 0.0
        for ids, starts, labels in DataLoader(training, options.batch_size, shuffle=True, collate_fn=collate):
            loss = F.cross_entropy(model(ids, starts), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += float(loss) * len(labels)
        found = accuracy(model, held_out)
        print(f"epoch {epoch}: loss {total / len(training):.3f}, accuracy {found:.3f}")

    for text in ("A moving, beautifully acted film.", "It is a dull and clumsy mess."):
        ids, starts, _ = collate([(hashed_ngrams(tokenize(text), options.buckets, options.ngrams), 0)])
        with facula.no_grad():
            likely = float(model(ids, starts).softmax(1)[0, 1])
        print(f"{likely:.2f} positive: {text}")
    return found


if __name__ == "__main__":
    main()
