"""Translate numbers from English into German words, where tens and ones change places, and draw where the model looks.

The program makes its own texts: "four hundred twenty one" and "vier hundert ein und zwanzig". A tenth of the numbers is kept
apart; the model reads the English words in both directions and looks at all of them while it writes each German one.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import facula
from facula import Tensor
from facula.nn import functional as F
from facula_text.metrics import bleu
from facula_text.models import Seq2Seq
from facula_text.tokenizers import pad_ids
from facula_text.vocab import Vocab, build_vocab_from_iterator

ENGLISH = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen".split()
)
ENGLISH += "seventeen eighteen nineteen".split()
ENGLISH_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
GERMAN = (
    "null ein zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn".split()
)
GERMAN += "siebzehn achtzehn neunzehn".split()
GERMAN_TENS = "zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig".split()
Pair = tuple[list[str], list[str]]


def english(number: int) -> list[str]:
    """The words of a number below a million: 421 -> four hundred twenty one."""
    if number >= 1000:
        rest = number % 1000
        return [*english(number // 1000), "thousand", *(english(rest) if rest else [])]
    if number >= 100:
        rest = number % 100
        return [ENGLISH[number // 100], "hundred", *(english(rest) if rest else [])]
    if number >= 20:
        return [ENGLISH_TENS[number // 10 - 2], *([ENGLISH[number % 10]] if number % 10 else [])]
    return [ENGLISH[number]]


def german(number: int) -> list[str]:
    """The parts of a number's German word: 421 -> vier hundert ein und zwanzig."""
    if number >= 1000:
        rest = number % 1000
        return [*german(number // 1000), "tausend", *(german(rest) if rest else [])]
    if number >= 100:
        rest = number % 100
        return [GERMAN[number // 100], "hundert", *(german(rest) if rest else [])]
    if number >= 20:
        return [*([GERMAN[number % 10], "und"] if number % 10 else []), GERMAN_TENS[number // 10 - 2]]
    return [GERMAN[number]]


def batch(pairs: Sequence[Pair], source: Vocab, target: Vocab) -> tuple[Tensor, Tensor, Tensor]:
    """Ids of the sources, their mask, and ids of the targets between <start> and <end>."""
    ids, mask = pad_ids([source(words) for words, _ in pairs])
    targets, _ = pad_ids([target(["<start>", *words, "<end>"]) for _, words in pairs])
    return ids, mask, targets


def train(model: Seq2Seq, pairs: list[Pair], source: Vocab, target: Vocab, steps: int, batch_size: int) -> None:
    """Adam with a rate that falls to 0; filling does not count."""
    optimizer = facula.optim.Adam(model.parameters(), lr=3e-3)
    schedule = facula.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.02, steps)
    for step in range(steps):
        chosen = facula.randint(0, len(pairs), (batch_size,)).tolist()
        ids, mask, targets = batch([pairs[place] for place in chosen], source, target)
        logits = model(ids, targets[:, :-1], mask)
        loss = F.cross_entropy(logits.flatten(0, 1), targets[:, 1:].flatten(), ignore_index=target["<pad>"])
        optimizer.zero_grad()
        loss.backward()
        facula.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 100 == 0:
            print(f"step {step}: loss {float(loss):.3f}", flush=True)


def translate(model: Seq2Seq, texts: Sequence[list[str]], source: Vocab, target: Vocab) -> list[list[str]]:
    """The likeliest words, up to <end>."""
    ids, mask = pad_ids([source(words) for words in texts])
    start, end = target["<start>"], target["<end>"]
    rows = model.generate(ids, 12, start_id=start, mask=mask, eos_id=end).tolist()
    return [target.lookup_tokens(row[: row.index(end)] if end in row else row) for row in rows]


def draw(model: Seq2Seq, words: list[str], source: Vocab, target: Vocab, path: str) -> None:
    """A picture of the weights with which each German word was written."""
    from matplotlib.figure import Figure

    written = translate(model, [words], source, target)[0]
    with facula.no_grad():
        states, hidden = model.encode(facula.tensor([source(words)]))
        _, _, weights = model.decode(facula.tensor([target(["<start>", *written])]), hidden, states)
    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.subplots()
    axes.imshow(weights[0].numpy(), cmap="Greys", vmin=0, vmax=1)
    axes.set_xticks(range(len(words)), words, rotation=45, ha="right")
    axes.set_yticks(range(len(written) + 1), [*written, "<end>"])
    axes.set(xlabel="read", ylabel="written")
    figure.savefig(path, dpi=120)


def main(arguments: list[str] | None = None) -> float:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--highest", type=int, default=9999, help="the highest number")
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--picture", help="a file for the map of where the model looked (needs matplotlib)")
    options = parser.parse_args(arguments)
    facula.manual_seed(0)
    facula.set_num_threads(1)  # products this small only wait for each other

    pairs = [(english(number), german(number)) for number in range(options.highest + 1)]
    order = facula.randperm(len(pairs)).tolist()
    held_out = [pairs[place] for place in order[: len(pairs) // 10]]
    training = [pairs[place] for place in order[len(pairs) // 10 :]]
    source = build_vocab_from_iterator((words for words, _ in pairs), specials=["<pad>"])
    target = build_vocab_from_iterator((words for _, words in pairs), specials=["<pad>", "<start>", "<end>"])
    model = Seq2Seq(len(source), len(target), options.width, 2 * options.width)
    train(model, training, source, target, options.steps, options.batch_size)

    model.eval()
    found = translate(model, [words for words, _ in held_out], source, target)
    right = sum(own == words for own, (_, words) in zip(found, held_out, strict=True)) / len(held_out)
    score = bleu(found, [[words] for _, words in held_out])
    print(
        f"{len(held_out)} numbers that were kept apart: {right:.3f} translated without a mistake, BLEU {100 * score:.1f}"
    )
    for number in (421 % (options.highest + 1), options.highest - 1):
        print(f"{' '.join(english(number))} -> {' '.join(translate(model, [english(number)], source, target)[0])}")
    if options.picture:
        draw(model, english(4721 % (options.highest + 1)), source, target, options.picture)
    return score


if __name__ == "__main__":
    main()
