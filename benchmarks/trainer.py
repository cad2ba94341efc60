"""What `Trainer.fit` costs over the same loop written by hand: microseconds a step, measured side by side.

    python benchmarks/trainer.py [--rounds 15] [--steps 400]

Each round times both loops over the same batches, in turns, with one metric logged at every step; the median of the
differences is printed. The network is as small as can be, so that what is measured is the loop.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from typing import Any

import facula
import facula_lightning as lightning


class Small(lightning.LightningModule):
    """One linear layer that logs its loss."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = facula.nn.Linear(8, 1)

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        loss = facula.nn.functional.mse_loss(self.layer(batch[0]), batch[1])
        self.log("loss", loss)
        return loss

    def configure_optimizers(self) -> Any:
        return facula.optim.SGD(self.parameters(), lr=0.01)


def by_hand(batches: list[Any]) -> float:
    """Seconds of the raw loop."""
    model = facula.nn.Linear(8, 1)
    optimizer = facula.optim.SGD(model.parameters(), lr=0.01)
    kept = 0.0
    begun = time.perf_counter()
    for x, y in batches:
        loss = facula.nn.functional.mse_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        kept = loss.item()
    seconds = time.perf_counter() - begun
    assert kept >= 0
    return seconds


class Watch(lightning.Callback):
    """Times the epoch from its first batch to its end."""

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        self.begun = time.perf_counter()

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        self.seconds = time.perf_counter() - self.begun


def by_trainer(batches: list[Any]) -> float:
    """Seconds of the same epoch under `fit`."""
    watch = Watch()
    quiet = {"enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}
    with tempfile.TemporaryDirectory() as folder:
        logger = lightning.loggers.CSVLogger(folder)
        lightning.Trainer(max_epochs=1, logger=logger, callbacks=[watch], **quiet).fit(Small(), batches)
    return watch.seconds


def overhead(rounds: int, steps: int) -> tuple[float, float, float]:
    """Medians in microseconds a step: by hand, under fit, and of the differences."""
    batches = [(facula.randn(4, 8), facula.randn(4, 1)) for _ in range(steps)]
    by_hand(batches[:20]), by_trainer(batches[:20])
    pairs = [(by_hand(batches), by_trainer(batches)) for _ in range(rounds)]
    scale = 1e6 / steps
    hand, fit = (scale * statistics.median(column) for column in zip(*pairs, strict=True))
    return hand, fit, scale * statistics.median(theirs - ours for ours, theirs in pairs)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--steps", type=int, default=400)
    options = parser.parse_args(arguments)
    facula.set_num_threads(1)
    hand, fit, more = overhead(options.rounds, options.steps)
    print(f"by hand {hand:.1f} us, fit {fit:.1f} us, fit costs {more:.1f} us a step (at most 50 wanted)")


if __name__ == "__main__":
    main()
