"""Train a small GPT on the characters of Shakespeare's sonnets, measure it on the last tenth, and write some more."""

from __future__ import annotations

import argparse
import math
import time

import facula
from facula.nn import functional as F
from facula.utils.data import DataLoader, RandomSampler
from facula_text.datasets import Sonnets
from facula_text.generation import stream_text
from facula_text.models import GPT


def validation_loss(model: GPT, loader: DataLoader) -> float:
    """The mean of -log p(next character), in nats."""
    model.eval()
    total = count = 0.0
    with facula.no_grad():
        for x, y in loader:
            total += float(F.cross_entropy(model(x).flatten(0, 1), y.flatten(), reduction="sum"))
            count += y.numel()
    model.train()
    return total / count


def train(model: GPT, data: Sonnets, steps: int, batch_size: int, learning_rate: float, seconds: float) -> list[float]:
    """AdamW under a warm-up and half a cosine, until the steps or the seconds are over; the loss of each step."""
    losses: list[float] = []
    optimizer = facula.optim.AdamW(model.parameters(), lr=learning_rate, betas=(0.9, 0.99), weight_decay=0.1)
    start = time.process_time()
    sampler = RandomSampler(data, replacement=True, num_samples=steps * batch_size)
    for step, (x, y) in enumerate(DataLoader(data, batch_size, sampler=sampler)):
        progress = max(step / steps, (time.process_time() - start) / seconds)
        if progress >= 1:
            break
        rate = learning_rate * min(1, (step + 1) / 50) * (0.05 + 0.95 * (1 + math.cos(math.pi * progress)) / 2)
        for group in optimizer.param_groups:
            group["lr"] = rate
        loss = F.cross_entropy(model(x).flatten(0, 1), y.flatten())
        optimizer.zero_grad()
        loss.backward()
        facula.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(float(loss))
        if step % 100 == 0:
            print(f"step {step}: loss {losses[-1]:.3f}, {time.process_time() - start:.0f} s of CPU time", flush=True)
    return losses


def draw(losses: list[float], held_out: float, path: str) -> None:
    """The loss of each step, its mean over fifty, and what was found on the held-out text in the end."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(losses, color="0.8", label="loss of a step")
    means = [sum(losses[max(0, step - 49) : step + 1]) / min(step + 1, 50) for step in range(len(losses))]
    axes.plot(means, label="mean of fifty steps")
    axes.axhline(held_out, color="C1", linestyle="--", label=f"held-out text: {held_out:.3f}")
    axes.set(xlabel="step", ylabel="-log p(next character)")
    axes.legend()
    figure.savefig(path, dpi=120)


def main(arguments: list[str] | None = None) -> float:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=2500)
    parser.add_argument("--seconds", type=float, default=170.0, help="CPU time for training")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--block-size", type=int, default=64)
    parser.add_argument("--layers", type=int, default=3)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--learning-rate", type=float, default=3e-3)
    parser.add_argument("--sample", type=int, default=400, help="characters to write")
    parser.add_argument("--threads", type=int, default=1, help="more save time and cost CPU time")
    parser.add_argument("--picture", help="a file for the curve of the loss (needs matplotlib)")
    options = parser.parse_args(arguments)
    facula.manual_seed(0)
    facula.set_num_threads(options.threads)

    data = Sonnets(options.block_size, stride=1)
    held_out = DataLoader(Sonnets(options.block_size, train=False), 64)
    model = GPT(data.tokenizer.vocab_size, options.block_size, options.layers, 4, options.width, dropout=0.1)
    print(f"{sum(parameter.numel() for parameter in model.parameters())} parameters")
    losses = train(model, data, options.steps, options.batch_size, options.learning_rate, options.seconds)
    loss = validation_loss(model, held_out)
    print(f"validation loss {loss:.3f}")
    if options.picture:
        draw(losses, loss, options.picture)

    pieces = stream_text(model, data.tokenizer, "Shall I ", options.sample, do_sample=True, temperature=0.8, top_k=20)
    print("Shall I ", end="")
    for piece in pieces:
        print(piece, end="", flush=True)
    print()
    return loss


if __name__ == "__main__":
    main()
